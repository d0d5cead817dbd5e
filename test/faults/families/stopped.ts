import { cp } from "node:fs/promises";
import { join } from "node:path";
import { acquireLock } from "../../../src/ao/journal/lock.ts";
import { type FaultCase, failuresOf } from "../case.ts";
import { Engine } from "../engine.ts";
import { journalOf, ours } from "../invariants.ts";
import { edited, smallFleet } from "../spec.ts";

/** K3: a run is suspended at a step, a later one finishes, the first continues. */
export function stopped(stopAt: string, first: "create" | "update"): FaultCase {
  return {
    family: "K3",
    name: `${first} ${stopAt}`,
    async run(lab) {
      const net = await lab.network();
      const base = smallFleet(net, await lab.folder());
      const broken: string[] = [];
      if (first === "update") broken.push(...failuresOf("the first deployment", await new Engine(base).up()));
      const old = first === "update" ? edited(base, ["battle", "shop"], { slow: 1 }) : base;
      // The state belongs to the pulumi command, which is gone: nobody takes what the late run would write there.
      if (first === "update") await cp(join(base.home, "state.json"), join(base.home, "late.json"));
      const late = await lab.start("up", { ...old, stateFile: "late.json" }, undefined, {
        env: { FLEET_STOP_AT: stopAt },
      });
      await standsStill(late.child.pid ?? 0, late.ended);
      // It is silent for longer than a lock is honoured, which is less here than the 12 s of a later run. If it held no lock, nothing is taken.
      await (await acquireLock(`${journalOf(old)}.lock`, { stale: 300 })).release();
      const next = edited(base, ["battle", "shop"], { slow: 2 });
      const second = await lab.recovering(() => lab.drive("up", next));
      const known = new Set(net.oracle.messages().map(({ id }) => id));
      const before = stale(net.oracle, next);
      late.child.kill("SIGCONT");
      await late.ended;
      await net.oracle.quiet(20);
      const arrived = net.oracle
        .messages()
        .filter(({ id, tags }) => !known.has(id) && (tags.Action === "Eval" || tags.Epoch !== undefined));
      const refused = stale(net.oracle, next) - before;
      if (refused < arrived.length)
        broken.push(
          `of ${arrived.length} late messages (${arrived.map(({ tags }) => tags.Action)}) only ${refused} were counted as refused`,
        );
      return [
        ...broken,
        ...failuresOf("the later run", second.result, second.text),
        ...(await lab.check(next, net)),
      ];
    },
  };
}

function stale(oracle: Parameters<typeof ours>[1], spec: Parameters<typeof ours>[0]): number {
  return ours(spec, oracle).reduce(
    (sum, { id }) => sum + (oracle.state(id)?.fleet?.stats.staleEpochs ?? 0),
    0,
  );
}

/** Waits until the kernel reports that it is stopped, or it ended without reaching the point. */
async function standsStill(pid: number, ended: Promise<unknown>): Promise<void> {
  const { readFile } = await import("node:fs/promises");
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over) {
    const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    if (text.slice(text.lastIndexOf(")") + 2).startsWith("T")) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error("the run ended without standing still");
}

export const k3 = (): FaultCase[] => [
  ...["ao.after-journal:9", "ao.after-sign:5", "ao.after-send:5", "process.loaded:2"].map((at) =>
    stopped(at, "create"),
  ),
  ...[
    "ao.after-journal:3",
    "ao.after-journal:5",
    "ao.after-sign:6",
    "ao.after-send:4",
    "process.loaded:1",
  ].map((at) => stopped(at, "update")),
];
