/**
 * Moves state from the revision that serves to the one that will: exported at a slot, imported, equal by digest on both sides, while nothing
 * can write to it. From its last export on, the old revision refuses requests with `DRAINING`, which tells callers to retry. So nothing is
 * lost or counted twice, and the refusals end with the switch.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Budget } from "../../src/core/budget.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";
import { type KeyRange, percent } from "../../src/delivery/index.ts";
import { inCode, notCompared } from "../../src/fleet/code/refused-state.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import { luaList } from "../../src/fleet/protocol/lua.ts";
import { exportedState, importState } from "../../src/fleet/protocol/state.ts";
import { statistics } from "../../src/fleet/protocol/statistics.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { type Exported, ExportedSchema } from "../../src/fleet/snapshot/contents.ts";
import {
  callsOpen,
  carriedText,
  globalsNotCarried,
  handOverFailed,
  notPartitioned,
} from "./hand-over-messages.ts";
import { listGlobals } from "./list-globals.ts";
import { acceptLostState } from "./lost-state.ts";
import type { TrafficService } from "./schema.ts";
import type { StateMove, StateOwner } from "./state-moves.ts";

/** Moves state between revisions. The state of a ruined revision is lost: with consent (`--replace`) the rollout continues without it. */
export interface HandOver {
  /**
   * Copies the state to `to`, and leaves `from` refusing new requests.
   *
   * @throws FleetError HANDOVER_FAILED: `from` keeps serving as before. SERVING_RUINED: `from` is ruined, and the run has no consent to
   * lose its state
   */
  transfer(list: readonly StateMove[]): Promise<void>;
  /** Transfers only to processes that still drain: a run died, and the router then reverted its traffic. */
  recover(list: readonly StateMove[]): Promise<void>;
  /** Resumes processes that have the traffic and still drain: a run died between its hand-over and its switch. */
  resumeServing(list: readonly StateOwner[]): Promise<void>;
  /** Resumes `from` after a switch that failed. */
  undo(list: readonly StateMove[]): Promise<void>;
}

/** Milliseconds between two checks of whether a draining process still waits for replies. */
const POLL_MS = 200;
/** Milliseconds that those replies may take. */
const OPEN_CALLS_MS = 30_000;

const StatusSchema = z.looseObject({ status: z.string() });
const RangesSchema = luaList(z.object({ from: z.number(), to: z.number() }));
const SealedSchema = z.looseObject({ sealed: RangesSchema });
const KeysSchema = z.looseObject({
  open: z.number(),
  salt: z.string(),
  sealed: RangesSchema,
  states: luaList(z.string()),
});

type Report = (name: string, detail: string, phase?: "handed-over" | "state-lost") => Promise<void>;

// Two revisions of one member get the same messages, so their intents need different names.
const place = (name: string, processId: string) => ({
  name: `${name}@${processId.slice(0, 8)}`,
  generation: 1,
  processId,
});

/** Hands state over by signed messages to the processes. */
export class StateHandOver implements HandOver {
  readonly #session: Session;
  readonly #budget: () => Budget;
  readonly #report: Report;
  readonly #serviceOf: (name: string) => Pick<TrafficService, "globals" | "green"> | undefined;
  readonly #assertLosable: ReturnType<typeof acceptLostState>;

  constructor(
    session: Session,
    budget: () => Budget,
    report: Report,
    serviceOf: (name: string) => Pick<TrafficService, "globals" | "green"> | undefined,
  ) {
    this.#session = session;
    this.#budget = budget;
    this.#report = report;
    this.#serviceOf = serviceOf;
    this.#assertLosable = acceptLostState(session, budget, report);
  }

  async #control<T>(name: string, processId: string, action: string, schema: z.ZodType<T>, data = {}) {
    const epoch = await this.#session.deployment.epoch();
    return ask(this.#session, { ...place(name, processId), action, epoch, data }, schema, this.#budget());
  }

  async #status(name: string, processId: string) {
    return (await info(this.#session, place(name, processId), this.#budget(), "status")).status;
  }

  #keysOf(name: string, processId: string, keys: KeyRange) {
    return ask(
      this.#session,
      { ...place(name, processId), action: "GET_KEYS", data: keys },
      KeysSchema,
      this.#budget(),
    );
  }

  /** Whether a process refuses requests, of these callers or of all. */
  async #drains(name: string, processId: string, keys?: KeyRange): Promise<boolean> {
    if (keys === undefined) return (await this.#status(name, processId)) === "DRAINING";
    const { salt, sealed } = await this.#keysOf(name, processId, keys);
    return sealed.some(({ from, to }) => salt !== keys.salt || (from < keys.to && to > keys.from));
  }

  /** Whether a process drains; `undefined` if it is ruined and its state is lost. */
  #drainsUnlessLost(owner: StateOwner): Promise<boolean | undefined> {
    return this.#drains(owner.name, owner.to, owner.keys).catch(async (error: unknown) => {
      await this.#assertLosable(owner, error);
      return undefined;
    });
  }

  #resume(name: string, processId: string, keys?: KeyRange): Promise<unknown> {
    return keys === undefined
      ? this.#control(name, processId, "RESUME", StatusSchema)
      : this.#control(name, processId, "UNSEAL_KEYS", SealedSchema, keys);
  }

  async #exported(move: StateMove): Promise<Exported> {
    const { name, from, keys } = move;
    const globals = this.#serviceOf(name)?.globals;
    const owner = place(name, from);
    const given = keys
      ? await ask(
          this.#session,
          { ...owner, action: "EXPORT_KEYS", data: keys },
          ExportedSchema,
          this.#budget(),
        )
      : await exportedState(
          this.#session,
          owner,
          { whole: true, ...(globals === undefined ? {} : { globals }) },
          this.#budget(),
        );
    if (keys === undefined && given.globals === undefined) {
      // An earlier library does not export globals, so its export is incomplete if there are any.
      const left = await listGlobals(this.#session, place(name, from), this.#budget());
      if (left.length > 0) throw globalsNotCarried(name, from, left);
    }
    return keys === undefined ? this.#assertLossless(move, given) : given;
  }

  /**
   * The export without handlers that the new revision registers itself.
   *
   * @throws FleetError STATE_NOT_COMPARED, STATE_IN_CODE if a new release could lose state, unless the declaration lists the globals that are
   * state or the run accepts it. A rollback is never refused: what stays behind is reported.
   */
  async #assertLossless({ name, from, to }: StateMove, given: Exported): Promise<Exported> {
    const service = this.#serviceOf(name);
    const isAccepted = service?.globals !== undefined || this.#session.withoutBackup === true;
    const isRefused = !isAccepted && service?.green.processId === to;
    const unknown = given.globals?.unknown ?? [];
    if (unknown.length > 0 && isRefused)
      throw notCompared(name, unknown, `${from.slice(0, 8)} keeps serving`);
    if (given.code === undefined || given.code.count === 0) return given;
    const { handlers } = await info(this.#session, place(name, to), this.#budget(), "handlers");
    const { items: all, count: every } = given.code;
    const items = all.filter((one) => one.kind !== "HANDLER" || !handlers.includes(one.name));
    const count = every - (all.length - items.length);
    if (count > 0 && isRefused) throw inCode(name, { items, count }, `${from.slice(0, 8)} keeps serving`);
    return { ...given, code: { ...given.code, items, count } };
  }

  async #copy(move: StateMove, given: Exported): Promise<void> {
    const { name, to, keys } = move;
    const { state, digest } = given;
    const epoch = await this.#session.deployment.epoch();
    const taken = await importState(
      this.#session,
      place(name, to),
      { epoch, state, digest },
      this.#budget(),
      keys,
    );
    if (taken === digest) return;
    throw new FleetError({
      code: "DIGEST_MISMATCH",
      what: `${name} did not import the state that it was sent.`,
      got: taken,
      expected: digest,
      remedy: `npx fleet logs ${name}`,
    });
  }

  /** Waits until a process has no open calls, whose replies could still change its state. */
  async #callsClosed({ name, from, keys }: StateMove): Promise<void> {
    const open = async (): Promise<number> => {
      if (keys) return (await this.#keysOf(name, from, keys)).open;
      return (await statistics(this.#session, place(name, from), this.#budget())).openCalls;
    };
    for (let waited = 0; waited < OPEN_CALLS_MS; waited += POLL_MS) {
      if ((await open()) === 0) return;
      await sleep(POLL_MS);
    }
    throw callsOpen(name, OPEN_CALLS_MS / 1000);
  }

  /** The export after the last handler that waits for a reply has ended: a waiting handler has state in local variables. */
  async #finalExport(move: StateMove): Promise<Exported> {
    for (let waited = 0; waited < OPEN_CALLS_MS; waited += POLL_MS) {
      const given = await this.#exported(move);
      if ((given.globals?.waiting ?? 0) === 0) return given;
      await sleep(POLL_MS);
    }
    throw callsOpen(move.name, OPEN_CALLS_MS / 1000);
  }

  async #byKey(move: StateMove, keys: KeyRange): Promise<void> {
    const { name, from } = move;
    const started = performance.now();
    const { states } = await this.#keysOf(name, from, keys);
    if (states.length === 0) throw notPartitioned(name);
    if (!(await this.#drains(name, from, keys))) await this.#copy(move, await this.#exported(move));
    await this.#control(name, from, "SEAL_KEYS", SealedSchema, keys);
    crashPoint("handover.drained");
    await this.#callsClosed(move);
    const given = await this.#exported(move);
    await this.#copy(move, given);
    crashPoint("handover.given");
    const ms = Math.round(performance.now() - started);
    await this.#report(
      name,
      `keys of ${percent(keys.to - keys.from)} of callers, ${carriedText(move, given)}, ${ms} ms`,
    );
  }

  async #transferAll(move: StateMove): Promise<void> {
    const { name, from, to, keys } = move;
    if (keys) return this.#byKey(move, keys);
    const started = performance.now();
    // A first copy while it still serves: a state that cannot be imported is known before any request is refused.
    if ((await this.#status(name, from)) === "ACTIVE") await this.#copy(move, await this.#exported(move));
    await this.#control(name, from, "DRAIN", StatusSchema);
    crashPoint("handover.drained");
    await this.#callsClosed(move);
    const given = await this.#finalExport(move);
    await this.#copy(move, given);
    if ((await this.#status(name, to)) !== "ACTIVE") await this.#control(name, to, "RESUME", StatusSchema);
    crashPoint("handover.given");
    const ms = Math.round(performance.now() - started);
    await this.#report(name, `state ${carriedText(move, given)}, ${ms} ms`);
  }

  async undo(list: readonly StateMove[]): Promise<void> {
    for (const { name, from, keys } of list) {
      // Best effort: every process that can keep serving does.
      await this.#resume(name, from, keys).catch(() => {});
    }
  }

  async transfer(list: readonly StateMove[]): Promise<void> {
    for (const move of list) {
      try {
        const { name, from, keys } = move;
        if ((await this.#drainsUnlessLost({ name, to: from, ...(keys && { keys }) })) === undefined) continue;
        await this.#transferAll(move);
      } catch (error) {
        await this.undo(list);
        if (!(error instanceof FleetError)) throw error;
        throw handOverFailed(move.name, error);
      }
    }
  }

  async resumeServing(list: readonly StateOwner[]): Promise<void> {
    for (const owner of list) {
      if (!(await this.#drainsUnlessLost(owner))) continue;
      const { name, to, keys } = owner;
      await this.#resume(name, to, keys);
      await this.#report(
        name,
        `${to.slice(0, 8)} keeps serving: a run that died had started to hand over its state`,
      );
    }
  }

  async recover(list: readonly StateMove[]): Promise<void> {
    for (const move of list) if (await this.#drainsUnlessLost(move)) await this.transfer([move]);
  }
}
