/**
 * Two canaries with the real pulumi on the embedded network, while clients send: one is promoted, one is rolled back. Writes what
 * happened as JSON, for `docs/rollout-picture.ts`.
 *
 * usage: node test/e2e/record-rollouts.ts > build/rollouts.json
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Recording } from "../../docs/rollout-picture.ts";
import { status } from "../../src/localnet/index.ts";
import { newPlayer, type Player } from "./player.ts";
import { newProject, type Project } from "./project.ts";
import { rollingFleet, upWith } from "./rollouts.ts";

const PATH = "processes/battle/process.lua";
const CANARY = {
  kind: "blue-green",
  trafficStrategy: "CANARY",
  steps: [{ weightBp: 1000 }, { weightBp: 3000 }, { weightBp: 10_000 }],
  intervalSeconds: 8,
  checks: [{ kind: "health" }, { kind: "errorRate", minSamples: 5 }],
  windowSeconds: 0,
};

interface Answered {
  readonly table?: {
    readonly services: Record<
      string,
      { readonly routes: readonly { processId: string; weightBp: number }[] }
    >;
  };
}

/** One release, from the moment when traffic starts to move. */
async function record(
  project: Project,
  players: readonly Player[],
  coordinator: string,
  title: string,
  blue: { readonly id: string; readonly edition: string },
): Promise<Recording> {
  const recording: Recording = { title, said: [], shares: [], requests: [] };
  const [watcher, ...others] = players as readonly [Player, ...Player[]];
  const { child, ended } = project.start(upWith(CANARY));
  let [over, from, rest] = [false, 0, ""];
  const now = (): number => Number(((performance.now() - from) / 1000).toFixed(2));
  const seen = new Set<string>();
  child.stdout?.on("data", (chunk: Buffer) => {
    rest += chunk;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, phase = "", detail = ""] = /running traffic +([A-Z_]+) (.*)/.exec(line) ?? [];
      if (phase === "" || phase === "HEALTH_VALIDATION" || seen.has(phase + detail)) continue;
      seen.add(phase + detail);
      if (from === 0 && phase === "PREPARING") continue;
      if (from === 0) from = performance.now();
      recording.said.push({ at: now(), phase, detail });
    }
  });
  const lane = async (player: Player) => {
    while (!over) {
      const answer = await player.route(coordinator, "battle", "HIT", { player: randomUUID() });
      const by = answer.success ? (answer.edition === blue.edition ? "blue" : "green") : "fault";
      if (from > 0) recording.requests.push({ at: now(), by });
    }
  };
  const watch = async () => {
    while (!over) {
      const { table } = (await watcher.ask(coordinator, "GET_TRAFFIC", {})) as unknown as Answered;
      const routes = table?.services.battle?.routes ?? [];
      const green = routes
        .filter(({ processId }) => processId !== blue.id)
        .reduce((sum, one) => sum + one.weightBp, 0);
      if (from > 0) recording.shares.push({ at: now(), green: green / 10_000 });
    }
  };
  const running = Promise.all([...others.map(lane), watch()]);
  await ended;
  over = true;
  await running;
  return recording;
}

const project = await newProject("rolling", rollingFleet());
try {
  const first = await project.pulumi(upWith("parallel"));
  if (first.code !== 0) throw new Error(first.text);
  const { info } = await status(join(project.dir, ".fleet/localnet"));
  if (!info) throw new Error("the network is down");
  const players = await Promise.all([newPlayer(info), newPlayer(info), newPlayer(info), newPlayer(info)]);
  const idsNow = () => project.output<Record<string, { processId: string }>>("processes");
  const ids = await idsNow();
  const coordinator = ids.coordinator?.processId ?? "";
  const blueOf = (found: typeof ids, edition: string) => ({ id: found.battle?.processId ?? "", edition });
  project.edit(PATH, 'edition = "first"', 'edition = "second"');
  const good = await record(
    project,
    players,
    coordinator,
    "A canary that is promoted: 10, 30, 100 %",
    blueOf(ids, "first"),
  );
  project.edit(PATH, 'edition = "second"', 'edition = "third"');
  project.edit(PATH, "faulty = false", "faulty = true");
  const serving = blueOf(await idsNow(), "second");
  const bad = await record(
    project,
    players,
    coordinator,
    "A canary with faults goes back by itself",
    serving,
  );
  process.stdout.write(`${JSON.stringify([good, bad])}\n`);
} finally {
  await project.close();
}
