/**
 * Moves state from the revision that serves to the one that will: exported at a slot, imported, equal by digest on both sides, while nothing
 * can write to it. From its last export on, the old revision refuses requests with `DRAINING`, which tells callers to retry. So nothing is
 * lost or counted twice, and the refusals end with the switch.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Budget } from "../../src/core/budget.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";
import { type KeyRange, percent } from "../../src/delivery/index.ts";
import { inCode, notCompared } from "../../src/fleet/code/refused-state.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import { exportedState, importState } from "../../src/fleet/protocol/state.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { type Exported, ExportedSchema } from "../../src/fleet/snapshot/contents.ts";
import { awaited, givenUpText, type OldWaits } from "../../src/fleet/snapshot/old-waits.ts";
import { untilClosed } from "../../src/fleet/snapshot/until-closed.ts";
import { Admission, destination, place, type Standing, source } from "./admission.ts";
import { confirmMove } from "./confirm-move.ts";
import {
  callsOpen,
  carriedText,
  globalsNotCarried,
  handOverFailed,
  notPartitioned,
  notResumed,
} from "./hand-over-messages.ts";
import { listGlobals } from "./list-globals.ts";
import { acceptLostState } from "./lost-state.ts";
import type { TrafficService } from "./schema.ts";
import type { StateMove, StateOwner } from "./state-moves.ts";

/** Moves state between revisions. The state of a ruined revision is lost: with consent (`--replace`) the rollout continues without it. */
export interface HandOver {
  /**
   * Copies the state to `to`, and leaves `from` refusing new requests. A `to` that refused all requests does so until `serve`; one that
   * refused those in a range of keys does so until it has the last copy.
   *
   * @returns what each `from` answered
   * @throws FleetError HANDOVER_FAILED: nothing moved; its text says whether `from` serves. SERVING_RUINED: `from` is ruined, and the run
   * has no consent to lose its state
   */
  transfer(list: readonly StateMove[]): Promise<Standing[]>;
  /** After the switch: resumes every `to` that refuses requests. @throws FleetError NOT_RESUMED */
  serve(list: readonly StateMove[]): Promise<void>;
  /** Transfers only to processes that still drain: a run died, and the router then reverted its traffic. */
  recover(list: readonly StateMove[]): Promise<void>;
  /** For moves that the router has carried out: every `from` must refuse requests. See `confirmMove`. */
  confirm(list: readonly StateMove[]): Promise<void>;
  /** Those that refuse requests. */
  refusing(list: readonly StateOwner[]): Promise<StateOwner[]>;
  /** Resumes processes that have the traffic and still drain: a run died between its hand-over and its switch. */
  resumeServing(list: readonly StateOwner[]): Promise<void>;
  /** Resumes every `from` after a switch that certainly did not happen, and returns what was read back. */
  undo(list: readonly StateMove[]): Promise<Standing[]>;
}

const closed = <T>({ name }: StateMove, look: () => Promise<T>, open: (found: T) => number): Promise<T> =>
  untilClosed({
    ...{ look, open, pause: (seconds) => sleep(seconds * 1000) },
    failure: (seconds) => callsOpen(name, seconds),
  });

type Report = (
  name: string,
  detail: string,
  phase?: "handed-over" | "state-lost" | "repaired" | "not-repaired",
) => Promise<void>;

/** Hands state over by signed messages to the processes. */
export class StateHandOver implements HandOver {
  readonly #session: Session;
  readonly #budget: () => Budget;
  readonly #admission: Admission;
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
    this.#admission = new Admission(session, budget);
    this.#report = report;
    this.#serviceOf = serviceOf;
    this.#assertLosable = acceptLostState(session, budget, report);
  }

  /** Whether a process refuses requests; `undefined` if it is ruined and its state is lost. */
  #refusesUnlessLost(owner: StateOwner): Promise<boolean | undefined> {
    return this.#admission.refuses(destination(owner)).catch(async (error: unknown) => {
      await this.#assertLosable(owner, error);
      return undefined;
    });
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
  async #assertLossless({ name, to }: StateMove, given: Exported): Promise<Exported> {
    const service = this.#serviceOf(name);
    const isAccepted = service?.globals !== undefined || this.#session.withoutBackup === true;
    const isRefused = !isAccepted && service?.green.processId === to;
    const unknown = given.globals?.unknown ?? [];
    if (unknown.length > 0 && isRefused) throw notCompared(name, unknown, "Its traffic was not moved");
    if (given.code === undefined || given.code.count === 0) return given;
    const { handlers } = await info(this.#session, place(name, to), this.#budget(), "handlers");
    const { items: all, count: every } = given.code;
    const items = all.filter((one) => one.kind !== "HANDLER" || !handlers.includes(one.name));
    const count = every - (all.length - items.length);
    if (count > 0 && isRefused) throw inCode(name, { items, count }, "Its traffic was not moved");
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
    if (taken.digest === digest) return;
    throw new FleetError({
      code: "DIGEST_MISMATCH",
      what: `${name} did not import the state that it was sent.`,
      got: taken.digest,
      expected: digest,
      remedy: `npx fleet logs ${name}`,
    });
  }

  /** A copy while it still serves: a state that cannot be imported is known before any request is refused. */
  async #firstCopy(move: StateMove): Promise<void> {
    const given = await this.#exported(move).catch((error: unknown) => {
      // A large one that requests change all the time can only be read once they are refused.
      if (!(error instanceof FleetError) || error.code !== "STATE_CHANGED") throw error;
    });
    if (given !== undefined) await this.#copy(move, given);
  }

  #callsClosed(move: StateMove): Promise<{ old?: OldWaits | undefined }> {
    return closed(
      move,
      () => this.#admission.openCalls(source(move)),
      ({ open }) => open,
    );
  }

  /** The export once no handler waits for a message that is not old: it has state in local variables. */
  #finalExport(move: StateMove): Promise<Exported> {
    const open = ({ globals }: Exported) => awaited(globals?.waiting ?? 0, globals?.old);
    return closed(move, () => this.#exported(move), open);
  }

  async #byKey(move: StateMove, keys: KeyRange): Promise<Standing> {
    const { name, from } = move;
    const [old, next] = [source(move), destination(move)];
    const started = performance.now();
    const { states } = await this.#admission.keysOf(name, from, keys);
    if (states.length === 0) throw notPartitioned(name);
    // An import of keys also unseals them: a first copy would have two revisions accept the same callers if they are sealed there.
    if (!(await this.#admission.refuses(old)) && !(await this.#admission.refuses(next)))
      await this.#copy(move, await this.#exported(move));
    const standing = await this.#admission.stop(old);
    crashPoint("handover.drained");
    const { old: oldWaits } = await this.#callsClosed(move);
    const given = await this.#exported(move);
    await this.#copy(move, given);
    crashPoint("handover.given");
    const ms = Math.round(performance.now() - started);
    await this.#report(
      name,
      `keys of ${percent(keys.to - keys.from)} of callers, ${carriedText(move, given)}, ${ms} ms${givenUpText(oldWaits)}`,
    );
    return standing;
  }

  async #transferAll(move: StateMove): Promise<Standing> {
    const { name, keys } = move;
    if (keys) return this.#byKey(move, keys);
    const started = performance.now();
    if (!(await this.#admission.refuses(source(move)))) await this.#firstCopy(move);
    const standing = await this.#admission.stop(source(move));
    crashPoint("handover.drained");
    await this.#callsClosed(move);
    const given = await this.#finalExport(move);
    await this.#copy(move, given);
    crashPoint("handover.given");
    const ms = Math.round(performance.now() - started);
    const givenUp = givenUpText(given.globals?.old);
    await this.#report(name, `state ${carriedText(move, given)}, ${ms} ms${givenUp}`);
    return standing;
  }

  async undo(list: readonly StateMove[]): Promise<Standing[]> {
    const standings: Standing[] = [];
    for (const move of list) standings.push(await this.#admission.tryResume(source(move)));
    return standings;
  }

  async transfer(list: readonly StateMove[]): Promise<Standing[]> {
    const stopped: Standing[] = [];
    for (const move of list) {
      try {
        const { from, ...rest } = move;
        const isLost = (await this.#refusesUnlessLost({ ...rest, to: from })) === undefined;
        stopped.push(isLost ? { ...source(move), state: "lost" } : await this.#transferAll(move));
      } catch (error) {
        const standings = await this.undo(list);
        if (!(error instanceof FleetError)) throw error;
        throw handOverFailed(move.name, error, standings);
      }
    }
    return stopped;
  }

  async serve(list: readonly StateMove[]): Promise<void> {
    for (const move of list) {
      try {
        if (await this.#admission.refuses(destination(move))) await this.#admission.resume(destination(move));
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        throw notResumed(destination(move), error);
      }
    }
  }

  async refusing(list: readonly StateOwner[]): Promise<StateOwner[]> {
    const found: StateOwner[] = [];
    for (const owner of list) if (await this.#refusesUnlessLost(owner)) found.push(owner);
    return found;
  }

  async resumeServing(list: readonly StateOwner[]): Promise<void> {
    for (const owner of await this.refusing(list)) {
      await this.#admission.resume(destination(owner));
      await this.#report(
        owner.name,
        `${owner.to.slice(0, 8)} serves again: a run had started to hand over its state, and did not complete`,
      );
    }
  }

  async recover(list: readonly StateMove[]): Promise<void> {
    for (const move of list) if (await this.#refusesUnlessLost(move)) await this.#moveAgain(move);
  }

  async #moveAgain(move: StateMove): Promise<void> {
    await this.transfer([move]);
    await this.serve([move]);
  }

  async confirm(list: readonly StateMove[]): Promise<void> {
    const effects = {
      admission: this.#admission,
      report: this.#report,
      refusesUnlessLost: (owner: StateOwner) => this.#refusesUnlessLost(owner),
      moveAgain: (move: StateMove) => this.#moveAgain(move),
    };
    for (const move of list) await confirmMove(move, effects);
  }
}
