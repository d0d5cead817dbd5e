/** Drains, resumes and retires processes, and exports and imports their states. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/hash.ts";
import { ALL_TRAFFIC_BP, type KeyRange } from "../../delivery/index.ts";
import type { ProcessRef } from "../health/verdict.ts";
import { type Exported, ExportedSchema, type PartReply, PartReplySchema } from "../snapshot/contents.ts";
import { ask, type Sender } from "./ask.ts";
import { luaList } from "./lua.ts";
import { exportedInParts, forParts, importInParts } from "./state-parts.ts";

const AnythingSchema = z.looseObject({});
const ImportedSchema = z.looseObject({ digest: z.string(), reset: luaList(z.string()).optional() });
/** `state` of a small one, else `part`. */
const ReportSchema = PartReplySchema.partial({ part: true }).extend({
  state: ExportedSchema.shape.state.optional(),
});

/** Tags of a control message. They are part of its identity: only the same message with the same tags counts as sent before. */
type ControlTags = Readonly<Record<string, string>>;

/** A control message: the epoch is the run's, or the process's own for a manual change. */
const control =
  (action: "DRAIN" | "RESUME" | "RETIRE") =>
  async (
    session: Sender,
    { name, generation, processId }: ProcessRef,
    epoch: number,
    budget: Budget,
    tags: ControlTags = {},
  ): Promise<void> => {
    await ask(session, { name, generation, processId, action, epoch, tags }, AnythingSchema, budget);
  };

/** Makes a process refuse requests with `DRAINING` until it is resumed. @throws FleetError as `ask` */
export const drain = control("DRAIN");

/** Makes a draining or retired process accept requests again. @throws FleetError as `ask` */
export const resume = control("RESUME");

/** Makes a process accept the requests of all callers whose keys it had sealed. @throws FleetError as `ask` */
export const unsealAllKeys = async (
  session: Sender,
  { name, generation, processId }: ProcessRef,
  epoch: number,
  salt: string,
  budget: Budget,
): Promise<void> => {
  const data = { salt, from: 0, to: ALL_TRAFFIC_BP };
  await ask(
    session,
    { name, generation, processId, action: "UNSEAL_KEYS", epoch, data },
    AnythingSchema,
    budget,
  );
};

/** Retires a process: it answers `GONE` from then on. @throws FleetError as `ask`; NO_REPLY if nothing was ever loaded */
export const retire = control("RETIRE");

/** The parameters of an export. */
interface ExportRequest {
  /** Whether the export includes globals even if there are none. @default false */
  readonly whole?: boolean;
  /** Globals to export. @default those in the declaration, else those that messages changed */
  readonly globals?: readonly string[];
  /** States to export; earlier libraries export all. @default all */
  readonly states?: readonly string[];
  /**
   * Whether the process may refuse requests to declared actions (`DRAINING`) while a large state is read that messages change again and again. It
   * accepts them again after the last part, after a change, or a minute after a run that died; earlier libraries refuse none. @default false
   */
  readonly mayHold?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
}

/** How often an export in parts starts again because the state changed meanwhile, and how often it does before the process holds. */
const MOST_RESTARTS = 3;
const RESTARTS_BEFORE_HOLD = 2;
/** Bytes of a state that is imported in one message, which earlier libraries also understand. */
const MOST_AT_ONCE = 512 * 1024;
/** Bytes of a state that a process accepts in one message. */
const MOST_IN_MESSAGE = 8 * 1024 * 1024;

/**
 * Reads a process's states. A small one comes in one piece, and its digest is not checked here. A large one comes in parts, each of which is
 * checked; its digest is that of what was put together from them. Earlier libraries send everything in one piece.
 *
 * @throws FleetError as `ask`; FORBIDDEN, EXPORT_UNSUPPORTED; DIGEST_MISMATCH: a part was modified in transit; STATE_CHANGED: messages changed a
 * large state again and again
 */
export async function exportedState(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  { tags = {}, mayHold = false, ...data }: ExportRequest,
  budget: Budget,
): Promise<Exported> {
  const request = { name, generation, processId, action: "EXPORT_STATE", tags };
  // One limit for all parts of all attempts.
  const whole = forParts(budget);
  const holds = new HoldNotices(name, session.note);
  for (let restarts = 0; ; restarts++) {
    const hold: { readonly hold?: true } = mayHold && restarts >= RESTARTS_BEFORE_HOLD ? { hold: true } : {};
    const first = { ...request, data: { ...data, part: { n: 1, ...hold } } };
    try {
      const answer = await ask(session, first, z.union([PartReplySchema, ExportedSchema]), whole.step());
      if (!("part" in answer)) return holds.ended(answer as Exported);
      const part = PartReplySchema.parse(answer);
      holds.began(part);
      return holds.ended(await exportedInParts(session, request, part, whole, hold));
    } catch (error) {
      const isChanged = error instanceof FleetError && error.code === "STATE_CHANGED";
      if (isChanged && restarts < MOST_RESTARTS) continue;
      holds.failed(isChanged);
      throw isChanged ? keepsChanging(name, error) : error;
    }
  }
}

/** Tells the person who waits when a process begins to refuse requests because its state is read, and when it accepts them again. */
class HoldNotices {
  readonly #name: string;
  readonly #note: (line: string) => void;
  #isHeld = false;

  constructor(name: string, note: (line: string) => void = () => {}) {
    this.#name = name;
    this.#note = note;
  }

  began({ part }: PartReply): void {
    if (this.#isHeld || part.isHeld !== true) return;
    this.#isHeld = true;
    this.#note(
      `${this.#name}: messages keep changing its state, so it refuses requests to its declared actions (DRAINING) until the state was read`,
    );
  }

  ended<T>(exported: T): T {
    if (this.#isHeld) this.#note(`${this.#name}: the state was read, it accepts requests again`);
    return exported;
  }

  /** @param isReleased whether the process said that the export ended */
  failed(isReleased: boolean): void {
    if (!this.#isHeld) return;
    const when = isReleased ? "again" : "again within a minute";
    this.#note(`${this.#name}: the state could not be read, it accepts requests ${when}`);
  }
}

/**
 * What an export says besides the state: names of the states that an import can give their default again (undefined with an earlier library, which
 * cannot), the globals, the shape, and state in the code. Reads no more than the first part of the state.
 *
 * @throws FleetError as `ask`; FORBIDDEN, EXPORT_UNSUPPORTED
 */
export function exportReport(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  { globals }: Pick<ExportRequest, "globals">,
  budget: Budget,
): Promise<z.infer<typeof ReportSchema>> {
  const data = { ...(globals === undefined ? {} : { globals }), part: { n: 1 } };
  const request = { name, generation, processId, action: "EXPORT_STATE", data };
  return ask(session, request, ReportSchema, budget);
}

function keepsChanging(name: string, cause: FleetError): FleetError {
  return new FleetError(
    {
      code: "STATE_CHANGED",
      what: `The state of ${name} changed while it was exported, ${MOST_RESTARTS + 1} times.`,
      got: "messages that change it between two parts of the export",
      expected: "a state that stays as it is until its last part was read",
      remedy: `Run it when fewer messages arrive. Or make ${name} refuse all of them meanwhile, also one-way notices, which nobody sends again: npx fleet call ${name} DRAIN --control, and RESUME --control afterwards.`,
    },
    { transient: true, cause },
  );
}

/** What a process imported. */
interface Imported {
  /** Digest of the imported states, as reported by the process. */
  readonly digest: string;
  /** Names of the states that have their default now. */
  readonly reset: readonly string[];
}

/**
 * Imports states into a process, a large one in parts. Nothing changes there before the last part. States that it does not name stay as they
 * are, because those that are new in the code of a hand-over's receiver may contain what a migration or a first message put there.
 *
 * @param range the keys of callers whose part of partitioned states is imported; without it, everything is
 * @throws FleetError as `ask`; BAD_STATE, NO_MIGRATION, DIGEST_MISMATCH
 */
export async function importState(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  {
    epoch,
    tags = {},
    ...sent
  }: {
    readonly epoch: number;
    readonly state: unknown;
    readonly digest: string;
    /** Names of states that get their default instead: a subset of `resettable`. @default none */
    readonly reset?: readonly string[];
    readonly tags?: ControlTags;
  },
  budget: Budget,
  range?: KeyRange,
): Promise<Imported> {
  const action = range === undefined ? "IMPORT_STATE" : "IMPORT_KEYS";
  const request = { name, generation, processId, action, epoch, tags };
  const whole = forParts(budget);
  const bytes = range === undefined ? Buffer.byteLength(canonicalJson(sent.state)) : 0;
  if (bytes > MOST_AT_ONCE) {
    try {
      return await importInParts(session, request, sent, whole);
    } catch (error) {
      // An earlier library only knows a state in one piece.
      const isEarlier = error instanceof FleetError && error.code === "INVALID_DATA";
      if (!isEarlier || bytes > MOST_IN_MESSAGE) throw error;
    }
  }
  const data = { ...range, ...sent };
  const { digest, reset = [] } = await ask(session, { ...request, data }, ImportedSchema, whole.step());
  return { digest, reset };
}
