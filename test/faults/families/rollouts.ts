/** Rollouts on real evaluators, with the real pulumi command, while clients send: killed, failing, abandoned, overtaken. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type LocalNetworkInfo, status } from "../../../src/localnet/index.ts";
import type { Player } from "../../e2e/player.ts";
import { newProject, type Project, type Ran } from "../../e2e/project.ts";
import { Crowd, rollingFleet, type Seen, upWith } from "../../e2e/rollouts.ts";
import { playerOf } from "../../rollback/fleet.ts";
import { rngOf } from "../../simnet/rng.ts";
import type { FaultCase, Lab } from "../case.ts";
import { onFace } from "../real.ts";

type Members = Record<string, { processId: string }>;
type Service = Seen["service"];

/** Two steps of two seconds, and verdicts from the few requests of that time. */
const QUICK = {
  kind: "blue-green",
  trafficStrategy: "CANARY",
  steps: [{ weightBp: 3000 }, { weightBp: 10_000 }],
  intervalSeconds: 2,
  leaseSeconds: 20,
  checks: [{ kind: "health" }, { kind: "errorRate", minSamples: 3, max: 0.2, tolerance: 0.2 }],
  probes: 3,
  windowSeconds: 0,
};
const POINTS = [
  "process.spawned:1",
  "process.loaded:1",
  "handover.given:1",
  "traffic.set:1",
  "traffic.judged:1",
  "traffic.settled:1",
  "release.registered:1",
  "none",
];
const INSTANT = { ...QUICK, trafficStrategy: "INSTANT", steps: undefined };
/** Lets anybody break it. */
const BREAKABLE = `fleet.on("BREAK", { who = "anyone" }, function() faulty = true return {} end)\n`;

/** A fleet in place, its clients, and their purchases. */
class Theatre {
  readonly project: Project;
  readonly #players: readonly Player[];
  readonly #now: Record<Service, string> = { battle: "first", shop: "first" };
  readonly coordinator: string;
  readonly network: LocalNetworkInfo;
  #sold = 0;
  #count = 0;

  private constructor(
    project: Project,
    players: readonly Player[],
    coordinator: string,
    network: LocalNetworkInfo,
  ) {
    this.project = project;
    this.#players = players;
    this.coordinator = coordinator;
    this.network = network;
  }

  static async open(lab: Lab): Promise<Theatre> {
    const project = await newProject("rolling", rollingFleet());
    lab.onEnd(() => project.close());
    await onFace(lab, project);
    const ran = await project.pulumi(upWith("parallel"));
    if (ran.code !== 0) throw new Error(`the first deployment: ${ran.text.slice(-1200)}`);
    const { info } = await status(join(project.dir, ".fleet/localnet"));
    if (!info) throw new Error("the network is down");
    const players = await Promise.all([playerOf(project), playerOf(project)]);
    const ids = await project.output<Members>("processes");
    return new Theatre(project, players, ids.coordinator?.processId ?? "", info);
  }

  /** Deploys another edition of a member; returns the previous one. */
  edit(member: Service): string {
    const before = this.#now[member];
    this.#count += 1;
    this.#now[member] = `e${this.#count}`;
    this.project.edit(this.#path(member), `edition = "${before}"`, `edition = "${this.#now[member]}"`);
    return before;
  }

  /** Restores the text of an earlier edition. */
  take(member: Service, edition: string): void {
    this.project.edit(this.#path(member), `edition = "${this.#now[member]}"`, `edition = "${edition}"`);
    this.#now[member] = edition;
  }

  editionOf(member: Service): string {
    return this.#now[member];
  }

  battle(from: string, to: string): void {
    this.project.edit(this.#path("battle"), from, to);
  }

  #path(member: Service): string {
    return `processes/${member}/process.lua`;
  }

  up(strategy: unknown, env?: Record<string, string>): Promise<Ran> {
    return this.project.pulumi(upWith(strategy), env);
  }

  /** Clients send during the work; returns what was wrong with their answers. */
  async playing<T>(work: (player: Player) => Promise<T>): Promise<{ got: T; seen: Crowd; broken: string[] }> {
    const seen = new Crowd(this.#players, this.coordinator);
    let got: T;
    try {
      got = await work(this.#players[0] as Player);
    } finally {
      await seen.stop();
    }
    const sales = seen.of("shop");
    const broken = sales
      .filter(({ error }) => error !== undefined)
      .map(({ error }) => `a sale failed: ${error}`);
    const sums = sales.map(({ sum }) => sum);
    const wrong = sums.findIndex((sum, index) => sum !== this.#sold + index + 1);
    if (wrong >= 0)
      broken.push(
        `T: a sale was lost or counted twice: sum ${sums[wrong]} instead of ${this.#sold + wrong + 1}`,
      );
    if (sales.length === 0) broken.push("nobody bought anything");
    this.#sold = sums.at(-1) ?? this.#sold;
    return { got, seen, broken };
  }

  /** The router's answer. */
  async table(): Promise<{ mode: string; step: number; services: Record<string, { routes: Route[] }> }> {
    const answer = (await this.#players[0]?.ask(this.coordinator, "GET_TRAFFIC", {})) as unknown as {
      table: { mode: string; step: number; services: Record<string, { routes: Route[] }> };
    };
    return answer.table;
  }

  /** Expects all of a service's traffic at one process, steadily. */
  async wholly(member: Service): Promise<string | undefined> {
    const { mode, services } = await this.table();
    const used = services[member]?.routes.filter(({ weightBp }) => weightBp > 0) ?? [];
    return mode === "steady" && used.length === 1 ? used[0]?.processId : undefined;
  }

  /** The coordinator's Lua heap in kilobytes. */
  async heap(): Promise<number> {
    const answer = await this.#players[0]?.ask(this.coordinator, "GET_STATISTICS", {});
    return (answer as unknown as { statistics: { luaHeapKB: number } }).statistics.luaHeapKB;
  }

  async breakGreen(player: Player): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      const answer = await player.route(this.coordinator, "battle", "BREAK", { player: `saboteur ${tries}` });
      if (answer.success) return;
    }
    throw new Error("the new revision got no traffic");
  }
}

interface Route {
  readonly processId: string;
  readonly weightBp: number;
}

const went = (what: string, ran: Ran): string[] =>
  ran.code === 0 ? [] : [`${what} ended with ${ran.code}: ${ran.text.slice(-1200)}`];
const errorsOf = (seen: Crowd, member: Service): string[] =>
  [...new Set(seen.of(member).flatMap(({ error }) => error ?? []))].map(
    (error) => `${member} answered ${error}`,
  );
const oneOf = (what: string, seen: Crowd, member: Service, allowed: readonly string[]): string[] =>
  [...new Set(seen.of(member).map(({ edition }) => edition))]
    .filter((edition) => !allowed.includes(edition))
    .map(
      (edition) =>
        `${what}: ${member} answered as ${JSON.stringify(edition)}, not as one of ${allowed.join(", ")}`,
    );

/** The provider of a rollout is killed at a point; the same `up` finishes it, and nothing was lost or counted twice. */
function killedAt(kind: "INSTANT" | "CANARY", points: readonly string[]): FaultCase {
  return {
    family: "K1",
    name: `a rollout, ${kind}, on real evaluators`,
    async run(lab) {
      const stage = await Theatre.open(lab);
      const strategy = kind === "INSTANT" ? INSTANT : QUICK;
      const broken: string[] = [];
      for (const point of points) {
        const battle = [stage.edit("battle"), stage.editionOf("battle")];
        const shop =
          kind === "INSTANT" ? [stage.edit("shop"), stage.editionOf("shop")] : [stage.editionOf("shop")];
        const played = await stage.playing(async () => {
          const killed = await stage.up(strategy, { FLEET_CRASH_AT: point });
          if (killed.code === 0) broken.push(`nothing was killed at ${point}`);
          return lab.recovering(() => stage.up(strategy));
        });
        broken.push(
          ...went(`up after ${point}`, played.got),
          ...played.broken.map((line) => `${point}: ${line}`),
        );
        broken.push(...errorsOf(played.seen, "battle").map((line) => `${point}: ${line}`));
        broken.push(
          ...oneOf(point, played.seen, "battle", battle),
          ...oneOf(point, played.seen, "shop", shop),
        );
        const again = await stage.up(strategy);
        broken.push(...went(`one more up after ${point}`, again));
        if (/to update|updated|created/.test(again.text))
          broken.push(`one more up after ${point} changes something`);
        const after = await stage.playing(() => stage.table());
        broken.push(...oneOf(`after ${point}`, after.seen, "battle", battle.slice(-1)), ...after.broken);
      }
      lab.counts(points.length);
      return broken;
    },
  };
}

/** The same during the rollback of a release with a faulty member, whose other member took its state along and must return it. */
function killedGoingBack(points: readonly string[]): FaultCase {
  return {
    family: "K1",
    name: "a rollout that goes back, INSTANT, on real evaluators",
    async run(lab) {
      const stage = await Theatre.open(lab);
      const broken: string[] = [];
      for (const point of points) {
        const [battle, shop] = [stage.edit("battle"), stage.edit("shop")];
        const shops = [shop, stage.editionOf("shop")];
        stage.battle("local faulty = false", "local faulty = true");
        const played = await stage.playing(async () => {
          const killed = await stage.up(INSTANT, { FLEET_CRASH_AT: point });
          if (killed.text.includes("ROLLED_BACK")) broken.push(`nothing was killed at ${point}`);
          return lab.recovering(() => stage.up(INSTANT));
        });
        if (!played.got.text.includes("ROLLED_BACK"))
          broken.push(`after ${point} it did not go back: ${played.got.text.slice(-1200)}`);
        broken.push(
          ...played.broken.map((line) => `${point}: ${line}`),
          ...oneOf(point, played.seen, "shop", shops),
        );
        const after = await stage.playing(() => stage.table());
        broken.push(
          ...oneOf(`after ${point}`, after.seen, "battle", [battle]),
          ...errorsOf(after.seen, "battle"),
        );
        broken.push(...oneOf(`after ${point}`, after.seen, "shop", [shop]), ...after.broken);
        stage.battle("local faulty = true", "local faulty = false");
        stage.take("battle", battle);
        stage.take("shop", shop);
        const fixed = await stage.playing(() => stage.up(INSTANT));
        broken.push(...went(`the release before, after ${point}`, fixed.got), ...fixed.broken);
      }
      lab.counts(points.length);
      return broken;
    },
  };
}

/** H2: a revision that turns bad at a step is rolled back within that step, by itself. */
function badAt(steps: readonly number[]): FaultCase {
  return {
    family: "H2",
    name: "a revision turns bad at each step, on real evaluators",
    async run(lab) {
      const stage = await Theatre.open(lab);
      const strategy = { ...QUICK, steps: steps.map((weightBp) => ({ weightBp })), intervalSeconds: 15 };
      stage.battle('fleet.on("HIT"', `${BREAKABLE}fleet.on("HIT"`);
      stage.battle('faulty and data.player ~= "probe"', "faulty");
      const broken: string[] = [];
      let before = "first";
      for (const [index] of steps.entries()) {
        stage.edit("battle");
        const at = `step ${index + 1} of ${steps.length},`;
        const played = await stage.playing(async (player) => {
          const { child, ended } = stage.project.start(upWith(strategy));
          let text = "";
          const reached = new Promise<void>((done) => {
            child.stdout?.on("data", (chunk: Buffer) => {
              text += chunk;
              if (text.includes(at)) done();
            });
            child.on("close", () => done());
          });
          await reached;
          return lab.recovering(async () => {
            await stage.breakGreen(player);
            return ended;
          });
        });
        const { text, code } = played.got;
        if (code === 0 || !text.includes("ROLLED_BACK"))
          broken.push(`bad at ${at} it came through: ${text.slice(-800)}`);
        if (text.includes(`step ${index + 2} of ${steps.length},`))
          broken.push(`bad at ${at} it got the next share`);
        broken.push(...played.broken);
        const after = await stage.playing(() => stage.table());
        broken.push(
          ...oneOf(`after ${at}`, after.seen, "battle", [before]),
          ...errorsOf(after.seen, "battle"),
        );
        // The next one has another text, because the same one is refused as a failed release.
        before = "first";
      }
      lab.counts(steps.length);
      return broken;
    },
  };
}

/** H3: the deployer dies at a step and nobody continues: the router rolls back by itself. */
function leftAt(points: readonly string[]): FaultCase {
  return {
    family: "H3",
    name: "the deployer dies at a step and nobody comes, on real evaluators",
    async run(lab) {
      const stage = await Theatre.open(lab);
      const broken: string[] = [];
      // A table to return to.
      stage.edit("battle");
      broken.push(...went("the first rollout", await stage.up(QUICK)));
      const serving = await stage.wholly("battle");
      if (serving === undefined) return [...broken, "the first rollout left no steady table"];
      for (const point of points) {
        const before = stage.edit("battle");
        const played = await stage.playing(async () => {
          await stage.up(QUICK, { FLEET_CRASH_AT: point });
          if ((await stage.table()).mode !== "rollout")
            broken.push(`killed at ${point}, no rollout was under way`);
          const from = performance.now();
          await lab.recovering(async () => {
            while ((await stage.wholly("battle")) !== serving && performance.now() - from < 120_000)
              await new Promise((resolve) => setTimeout(resolve, 250));
          });
          return stage.wholly("battle");
        });
        if (played.got !== serving) broken.push(`after ${point} the router did not go back by itself`);
        broken.push(...played.broken, ...errorsOf(played.seen, "battle"));
        const after = await stage.playing(() => stage.table());
        broken.push(...oneOf(`after ${point}`, after.seen, "battle", [before]));
        stage.take("battle", before);
        broken.push(...went(`the release before, after ${point}`, await stage.up(QUICK)));
      }
      lab.counts(points.length);
      return broken;
    },
  };
}

/** H3: handed-over state stays where it is when nobody continues; the service keeps serving, and the next release takes it along. */
function leftWithState(): FaultCase {
  return {
    family: "H3",
    name: "the deployer dies after a hand-over and nobody comes, on real evaluators",
    async run(lab) {
      const stage = await Theatre.open(lab);
      const broken: string[] = [];
      const old = stage.edit("shop");
      const left = stage.editionOf("shop");
      const played = await stage.playing(async () => {
        const killed = await stage.up(INSTANT, { FLEET_CRASH_AT: "traffic.set:1" });
        if (killed.code === 0) broken.push("nothing was killed");
        const from = performance.now();
        while ((await stage.table()).mode !== "held" && performance.now() - from < 120_000)
          await new Promise((resolve) => setTimeout(resolve, 250));
        return (await stage.table()).mode;
      });
      broken.push(...played.broken, ...oneOf("left", played.seen, "shop", [old, left]));
      if (played.got !== "held") broken.push(`the table is ${played.got} instead of held`);
      const meanwhile = await stage.playing(() => stage.table());
      broken.push(...meanwhile.broken, ...oneOf("held", meanwhile.seen, "shop", [left]));
      stage.edit("shop");
      const next = await stage.playing(() => lab.recovering(() => stage.up(INSTANT)));
      broken.push(...went("another release", next.got), ...next.broken);
      const after = await stage.playing(() => stage.table());
      broken.push(...after.broken, ...oneOf("after it", after.seen, "shop", [stage.editionOf("shop")]));
      return broken;
    },
  };
}

/** C3: a new release during another's rollout, whose deployer is dead: from the last proven table, with the state. */
function overtaken(): FaultCase {
  return {
    family: "C3",
    name: "a new release during a rollout, on real evaluators",
    async run(lab) {
      const stage = await Theatre.open(lab);
      const broken: string[] = [];
      const runs: [unknown, Service, string][] = [
        [QUICK, "battle", "traffic.set:1"],
        [INSTANT, "shop", "traffic.set:1"],
        [INSTANT, "shop", "handover.given:1"],
      ];
      for (const [strategy, member, point] of runs) {
        const editions = [stage.edit(member), stage.editionOf(member)];
        const played = await stage.playing(async () => {
          const killed = await stage.up(strategy, { FLEET_CRASH_AT: point });
          if (killed.code === 0) broken.push(`nothing was killed at ${point}`);
          stage.edit(member);
          editions.push(stage.editionOf(member));
          return lab.recovering(() => stage.up(strategy));
        });
        broken.push(...went(`the newer release after ${point}`, played.got), ...played.broken);
        broken.push(...oneOf(point, played.seen, member, editions), ...errorsOf(played.seen, "battle"));
        const after = await stage.playing(() => stage.table());
        broken.push(...after.broken, ...oneOf(`after ${point}`, after.seen, member, editions.slice(-1)));
      }
      lab.counts(runs.length);
      return broken;
    },
  };
}

/** File handles and resident memory in MB of a process of this machine. */
async function usedBy(pid: number): Promise<{ handles: number; mb: number }> {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  const mb = Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024;
  return { handles: (await readdir(`/proc/${pid}/fd`)).length, mb: Math.round(mb) };
}

/** L1: release after release under load, each killed somewhere; nothing is lost, and permanent processes do not grow. */
function soak(rounds: number, seed: number): FaultCase {
  return {
    family: "L1",
    name: `${rounds} releases under load, each killed somewhere, on real evaluators`,
    seed,
    async run(lab) {
      const stage = await Theatre.open(lab);
      const rng = rngOf(seed);
      const broken: string[] = [];
      const used: { handles: number; mb: number; heap: number }[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        const member: Service = rng.next() < 0.5 ? "battle" : "shop";
        const strategy = member === "battle" ? QUICK : INSTANT;
        const point = POINTS[Math.floor(rng.next() * POINTS.length)] as string;
        stage.edit(member);
        const played = await stage.playing(async () => {
          await stage.up(strategy, { FLEET_CRASH_AT: point });
          return lab.recovering(() => stage.up(strategy));
        });
        const what = `round ${round}, ${member} killed at ${point}`;
        broken.push(...went(what, played.got), ...played.broken.map((line) => `${what}: ${line}`));
        broken.push(...errorsOf(played.seen, "battle").map((line) => `${what}: ${line}`));
        used.push({ ...(await usedBy(stage.network.pid)), heap: await stage.heap() });
      }
      const [early, late] = [used[Math.floor(rounds / 3)], used.at(-1)];
      for (const round of used) console.info(`       ${JSON.stringify(round)}`);
      if (!early || !late) return broken;
      if (late.handles > early.handles + 20)
        broken.push(`the network holds ${late.handles} file handles, after a third ${early.handles}`);
      if (late.heap > early.heap * 2)
        broken.push(`the coordinator's heap grew from ${early.heap} to ${late.heap} kB`);
      lab.counts(rounds);
      return broken;
    },
  };
}

export const rolloutCases = (): FaultCase[] => [
  soak(12, 1),
  killedAt("INSTANT", [
    "handover.drained:1",
    "handover.given:1",
    "traffic.moved:1",
    "traffic.set:1",
    "traffic.judged:1",
    "traffic.settled:1",
  ]),
  killedAt("CANARY", [
    "traffic.set:1",
    "traffic.judged:1",
    "traffic.set:2",
    "traffic.judged:2",
    "traffic.settled:1",
  ]),
  killedGoingBack(["handover.drained:2", "handover.given:2", "traffic.moved:2", "traffic.back:1"]),
  badAt([2000, 5000, 10_000]),
  leftAt(["traffic.set:1", "traffic.set:2"]),
  leftWithState(),
  overtaken(),
];
