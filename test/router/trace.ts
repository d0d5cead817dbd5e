/** Random traces of a router, and the reference's result for each. */
import type { SetTraffic, Table } from "../../src/delivery/wire.ts";
import { ReferenceRouter, Refused } from "./reference.ts";

/** One step of a trace, in the short form that `traces.lua` reads. */
export type Op =
  | {
      o: "s";
      r: string;
      n: number;
      e?: [string, number, number?];
      w: Record<string, [number, number][]>;
      t?: number;
      l?: [number, string, "revert" | "hold"];
      h?: string;
    }
  | { o: "p"; r: string; i: number; good: boolean }
  | { o: "c"; c: "promote" | "pause" | "resume" | "abort" }
  | { o: "t"; ms: number }
  | { o: "q"; s: string; k: string; d: string | number; b?: string };

const id = (n: number) => String(n).padStart(43, "0");

/**
 * A trace that often does what a deployer would (a steady table, proofs of the next release, one step after the other), and
 * often something else. The reference runs along, so that many of its messages are valid.
 */
export function traceOf(next: () => number): Op[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const often = (chance: number) => next() < chance;
  const router = new ReferenceRouter();
  const ops: Op[] = [];
  const add = (op: Op) => {
    ops.push(op);
    attempt(router, op);
  };
  const plain: [number, number][] = [[1, 10_000]];
  if (often(0.9)) {
    add({ o: "p", r: "r1", i: 1, good: true });
    add({ o: "s", r: "r1", n: 0, w: { a: plain, b: plain } });
    if (often(0.9)) add({ o: "p", r: "r2", i: 2, good: often(0.95) });
  }
  const length = ops.length + 3 + Math.floor(next() * 6);
  while (ops.length < length) {
    const kind = next();
    const { table, reverted } = router;
    if (kind < (reverted ? 0.3 : 0.05) && table) add(again(router, table, pick, often));
    else if (kind < 0.45) add(setting(router, pick, often));
    else if (kind < 0.5) add({ o: "p", r: pick(["r1", "r2"]), i: pick([1, 2, 3]), good: often(0.8) });
    else if (kind < 0.58) add({ o: "c", c: pick(["promote", "pause", "resume", "abort"]) });
    else if (kind < 0.68) add({ o: "t", ms: pick([10, 999, 1000, 4000, 70_000]) });
    else {
      const request: Op = {
        o: "q",
        s: pick(["a", "b"]),
        k: `k${Math.floor(next() * 1e6)}`,
        d: pick(["", "x", 7]),
      };
      if (often(0.2)) request.b = pick(["yes", "no"]);
      add(request);
    }
    const last = ops.at(-1);
    // Sent again.
    if (last?.o === "s" && often(0.15)) add({ ...last });
  }
  return ops;
}

/** The table in force, as the router has it: steady, or with a lease. */
function again(
  { serial }: ReferenceRouter,
  { release, step, services, mode }: Table,
  pick: <T>(list: readonly T[]) => T,
  often: (chance: number) => boolean,
): Op {
  const w = Object.fromEntries(
    Object.entries(services).map(([name, { routes }]) => [
      name,
      routes.map(({ processId, weightBp }): [number, number] => [Number(processId), weightBp]),
    ]),
  );
  const testers = Object.values(services)[0]?.testers;
  return {
    ...{ o: "s", r: release, n: step, w },
    ...(often(0.9) && {
      e: [release, step, ...pick([[], [serial], [serial - 1]])] as [string, number, number?],
    }),
    ...(testers && { t: Number(testers.processId) }),
    ...(mode === "held" && often(0.7) && { h: pick(["gate", "again"]) }),
    ...(often(0.2) && { l: [5000, "r1", "revert"] as [number, string, "revert"] }),
  };
}

function setting(
  router: ReferenceRouter,
  pick: <T>(list: readonly T[]) => T,
  often: (chance: number) => boolean,
): Op {
  const { table, proven } = router;
  const goesOn = table?.release === "r2";
  const release = goesOn ? pick(["r2", "r2", "r2", "r1"]) : pick(["r2", "r2", "r1"]);
  const step = table?.release === release ? table.step + pick([0, 1, 1, 1]) : pick([0, 1, 1]);
  const green = pick([0, 100, 500, 5000, 9900, 10_000]);
  const whole = often(0.95) ? 10_000 : pick([9999, 10_001, 0]);
  const [first, second] = often(0.97) ? [2, 1] : [1, 1];
  const shares: [number, number][] = [
    [first, green],
    [second, whole - green],
  ];
  const other: [number, number][] = often(0.95) ? [[1, 10_000]] : [[3, 10_000]];
  const op: Op = { o: "s", r: release, n: step, w: often(0.5) ? { a: shares } : { a: shares, b: other } };
  const now: [string, number] | undefined = table && [table.release, table.step];
  const expect = often(0.92)
    ? now
    : pick<[string, number] | undefined>([undefined, ["r1", 0], ["r2", pick([0, 1, 2])]]);
  if (expect)
    op.e = often(0.85) ? expect : [...expect, pick([router.serial, router.serial, router.serial + 1])];
  if (often(0.6))
    op.l = [
      pick([1000, 5000, 60_000]),
      often(0.9) ? (proven?.release ?? "r1") : pick(["r1", "r2"]),
      pick(["revert", "hold"]),
    ];
  else if (often(0.4)) op.h = "gate";
  if (op.l && often(0.03)) op.h = "both";
  if (often(0.15)) op.t = pick([2, 2, 3]);
  return op;
}

function attempt(router: ReferenceRouter, op: Op): string {
  try {
    return run(router, op);
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

/** The line that `traces.lua` must return. */
export function expected(trace: readonly Op[]): string {
  const router = new ReferenceRouter();
  const said = trace.map((op) => attempt(router, op));
  const { table, proven, lease, serial, reverted, command } = router;
  const place = (of?: { release: string; step: number; mode: string }) =>
    of ? `${of.release}/${of.step}/${of.mode}` : "-";
  const back = reverted
    ? `${reverted.why}${reverted.release}${reverted.step}${reverted.returned ? "back" : ""}`
    : "-";
  return `${said.join(",")} ${place(table)} ${place(proven)} ${lease?.untilMs ?? "-"} ${serial} ${back} ${command?.command ?? "-"}`;
}

function run(router: ReferenceRouter, op: Op): string {
  switch (op.o) {
    case "s": {
      const set = router.set(messageOf(op));
      return set.repeated ? "again" : set.mode;
    }
    case "p":
      router.prove(op.r, id(op.i), `code-${op.i}`, op.good ? "proven" : "refused");
      return router.proofs.get(id(op.i))?.status ?? "none";
    case "c":
      router.say(op.c);
      return "ok";
    case "t":
      router.tick(op.ms);
      return "t";
    case "q": {
      const request = { player: op.k, data: { id: op.d }, tags: op.b === undefined ? {} : { Beta: op.b } };
      return router.route(op.s, request) ?? "none";
    }
  }
}

function messageOf(op: Extract<Op, { o: "s" }>): Parameters<ReferenceRouter["set"]>[0] {
  const services: SetTraffic["services"] = Object.fromEntries(
    Object.entries(op.w).map(([name, weights]) => [
      name,
      {
        key: name === "b" ? "data:id" : "sender",
        routes: weights.map(([i, weightBp]) => ({ processId: id(i), revision: `code-${i}`, weightBp })),
        ...(op.t === undefined ? {} : { testers: { tag: "Beta", value: "yes", processId: id(op.t) } }),
      },
    ]),
  );
  const [release, step, serial] = op.e ?? ["", 0];
  return {
    release: op.r,
    step: op.n,
    salt: `salt-${op.r}`,
    services,
    ...(op.e && { expect: { release, step, ...(serial === undefined ? {} : { serial }) } }),
    ...(op.l && { lease: { forMs: op.l[0], revertTo: op.l[1], onEnd: op.l[2] } }),
    ...(op.h === undefined ? {} : { hold: op.h }),
  };
}
