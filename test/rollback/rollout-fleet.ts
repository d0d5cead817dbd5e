import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type TrafficState, TrafficStateSchema } from "../../src/delivery/wire.ts";
import { newPlayer, type Player } from "../e2e/player.ts";
import { newProject, type Project, type Ran } from "../e2e/project.ts";
import { rollingFleet } from "../e2e/rollouts.ts";
import { fleet, networkOf, processOf } from "./fleet.ts";

const preload = join(dirname(fileURLToPath(import.meta.url)), "calls.mjs");

/** One call of `fleet` to the network. */
export interface Call {
  readonly method: string;
  readonly url: string;
  /** The request of a message to the router. */
  readonly action?: string;
}

/** A fleet with blue-green members on the embedded network, and the commands of its rollouts and rollbacks. */
export interface RolloutFleet {
  readonly project: Project;
  up(...more: string[]): Promise<Ran>;
  /** The strategy for traffic from the next `up` on. */
  strategy(strategy: object): Promise<void>;
  /** Gives a member other code. */
  edition(member: "battle" | "shop", to: string): void;
  /** `fleet rollback`, with its own calls to the network. */
  back(...args: string[]): Promise<Ran & { stdout: string; calls: Call[] }>;
  /** The running deployment, as this machine knows it. */
  current(): string;
  router(): Promise<TrafficState>;
  /** Messages to the router by action since the last call, except those that read. */
  takeSentToRouter(): Promise<Record<string, number>>;
  /** AO processes on the network. */
  processes(): Promise<number>;
  /** Sells through the router; returns how much was sold. */
  sell(): Promise<number>;
  /** The edition of battle that a caller gets. */
  hit(): Promise<string>;
}

const READS = new Set(["GET_TRAFFIC", "Info", "HEALTH_CHECK", "GET_STATISTICS"]);

/** The router, a service without a state and one that owns its state, each with a new process for new code. */
export async function rolloutFleet(): Promise<RolloutFleet> {
  const files = rollingFleet();
  const testers = 'testers: { tag: "Tester", value: "yes" }, trafficKey:';
  files["index.ts"] = files["index.ts"]?.replace("trafficKey:", testers) ?? "";
  const project = await newProject("rolling", files);
  const now = { battle: "first", shop: "first" };
  let slot = 0;
  let player: Player | undefined;
  const ask = async (service: string, action: string) => {
    player ??= await newPlayer(await networkOf(project));
    return player.route(processOf(project, "coordinator"), service, action, { player: "ann" });
  };
  const su = async (path: string) => {
    const { suUrl } = await networkOf(project);
    return (await (await fetch(`${suUrl}/${processOf(project, "coordinator")}${path}`)).json()) as never;
  };
  const self: RolloutFleet = {
    project,
    up: (...more) => project.pulumi(["up", "--yes", "--skip-preview", ...more]),
    async strategy(strategy) {
      const set = await project.pulumi(["config", "set", "strategy", JSON.stringify(strategy)]);
      if (set.code !== 0) throw new Error(set.text);
    },
    edition(member, to) {
      project.edit(`processes/${member}/process.lua`, `edition = "${now[member]}"`, `edition = "${to}"`);
      now[member] = to;
    },
    async back(...args) {
      const path = join(project.dir, "calls.jsonl");
      rmSync(path, { force: true });
      const env = { NODE_OPTIONS: `--import=${preload}`, FLEET_CALLS: path };
      const ran = await fleet(project, ["rollback", ...args], env);
      const text = existsSync(path) ? readFileSync(path, "utf8") : "";
      const lines = text.split("\n").filter((line) => line !== "");
      return { ...ran, calls: lines.map((line) => JSON.parse(line) as Call) };
    },
    current: () =>
      project.json<{ deploymentId: string }>(".fleet/releases/rolling.dev/current.json").deploymentId,
    async router() {
      const owner = await newPlayer(await networkOf(project), project.json(".fleet/dev-wallet.json"));
      return TrafficStateSchema.parse(await owner.ask(processOf(project, "coordinator"), "GET_TRAFFIC", {}));
    },
    async takeSentToRouter() {
      type Node = { message: { tags: Tag[] } | null; assignment: { tags: Tag[] } };
      type Tag = { name: string; value: string };
      const range = `process-id=${processOf(project, "coordinator")}&from-nonce=${slot - 1}&to-nonce=100000`;
      const { edges } = (await su(`?${range}&limit=2000`)) as {
        edges: { node: Node }[];
      };
      const tag = (tags: readonly Tag[], name: string) => tags.find((one) => one.name === name)?.value;
      const counts: Record<string, number> = {};
      for (const { node } of edges) {
        const at = Number(tag(node.assignment.tags, "Nonce"));
        slot = Math.max(slot, at + 1);
        const tags = node.message?.tags ?? [];
        const action = tag(tags, "Action") ?? "";
        // Messages between processes are not changes.
        if (tag(tags, "From-Process") !== undefined || READS.has(action) || action === "ROUTE") continue;
        counts[action] = (counts[action] ?? 0) + 1;
      }
      return counts;
    },
    async processes() {
      const { gatewayUrl } = await networkOf(project);
      const query = `query { transactions(first: 1000, tags: [{ name: "Type", values: ["Process"] }]) { edges { node { id } } } }`;
      const answer = await fetch(`${gatewayUrl}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query }),
      });
      const { data } = (await answer.json()) as { data: { transactions: { edges: unknown[] } } };
      return data.transactions.edges.length;
    },
    async sell() {
      const answer = await ask("shop", "BUY");
      if (answer.error) throw new Error(`no sale: ${answer.error.code}`);
      return Number(answer.sum);
    },
    hit: async () => String((await ask("battle", "HIT")).edition),
  };
  return self;
}
