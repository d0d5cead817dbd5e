/** Whether a revision accepts requests: reads, stops and resumes that, for all callers or for those in a range of keys. */
import { z } from "zod";
import type { Budget } from "../../src/core/budget.ts";
import type { KeyRange } from "../../src/delivery/index.ts";
import { isRuinedError } from "../../src/fleet/members/ruined.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import { luaList } from "../../src/fleet/protocol/lua.ts";
import { statistics } from "../../src/fleet/protocol/statistics.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { awaited, type OldWaits, OldWaitsSchema } from "../../src/fleet/snapshot/old-waits.ts";
import type { StateMove, StateOwner } from "./state-moves.ts";

const StatusSchema = z.looseObject({ status: z.string() });
const RangesSchema = luaList(z.object({ from: z.number(), to: z.number() }));
const SealedSchema = z.looseObject({ sealed: RangesSchema });
const KeysSchema = z.looseObject({
  open: z.number(),
  old: OldWaitsSchema.optional(),
  salt: z.string(),
  sealed: RangesSchema,
  states: luaList(z.string()),
});

/** A process of a service, wholly or for the callers in a range of keys. */
export interface Revision {
  readonly name: string;
  readonly processId: string;
  readonly keys?: KeyRange | undefined;
}

/** The revision that has a move's state. */
export const source = ({ name, from, keys }: StateMove): Revision => ({ name, processId: from, keys });

/** The revision that gets it. */
export const destination = ({ name, to, keys }: StateOwner): Revision => ({ name, processId: to, keys });

/** What was read back about a process that should serve. `lost`: it is ruined. `unknown`: it did not answer. */
export interface Standing extends Revision {
  readonly state: "serves" | "refuses" | "lost" | "unknown";
}

// Two revisions of one member get the same messages, so their intents need different names.
export const place = (name: string, processId: string) => ({
  name: `${name}@${processId.slice(0, 8)}`,
  generation: 1,
  processId,
});

const isSealed = (sealed: z.infer<typeof RangesSchema>, keys: KeyRange): boolean =>
  sealed.some(({ from, to }) => from < keys.to && to > keys.from);

export class Admission {
  readonly #session: Session;
  readonly #budget: () => Budget;

  constructor(session: Session, budget: () => Budget) {
    this.#session = session;
    this.#budget = budget;
  }

  async #control<T>(name: string, processId: string, action: string, schema: z.ZodType<T>, data = {}) {
    const epoch = await this.#session.deployment.epoch();
    return ask(this.#session, { ...place(name, processId), action, epoch, data }, schema, this.#budget());
  }

  async #status(name: string, processId: string) {
    return (await info(this.#session, place(name, processId), this.#budget(), "status")).status;
  }

  keysOf(name: string, processId: string, keys: KeyRange) {
    return ask(
      this.#session,
      { ...place(name, processId), action: "GET_KEYS", data: keys },
      KeysSchema,
      this.#budget(),
    );
  }

  /** Whether it refuses requests, of these callers or of all. */
  async refuses({ name, processId, keys }: Revision): Promise<boolean> {
    if (keys === undefined) return (await this.#status(name, processId)) === "DRAINING";
    const { salt, sealed } = await this.keysOf(name, processId, keys);
    return salt === keys.salt ? isSealed(sealed, keys) : sealed.length > 0;
  }

  /** Makes it refuse requests from now on, and returns what it answered. */
  stop(revision: Revision): Promise<Standing> {
    return this.#turn(revision, "DRAIN", "SEAL_KEYS");
  }

  /** Makes it accept requests again, and returns what it answered. */
  resume(revision: Revision): Promise<Standing> {
    return this.#turn(revision, "RESUME", "UNSEAL_KEYS");
  }

  async #turn(revision: Revision, whole: string, byKey: string): Promise<Standing> {
    const { name, processId, keys } = revision;
    const refuses = keys
      ? isSealed((await this.#control(name, processId, byKey, SealedSchema, keys)).sealed, keys)
      : (await this.#control(name, processId, whole, StatusSchema)).status !== "ACTIVE";
    return { ...revision, state: refuses ? "refuses" : "serves" };
  }

  /** Resumes it, and returns what was read back. Never throws a failure of a unit or of the process. */
  async tryResume(revision: Revision): Promise<Standing> {
    const read = async (): Promise<Standing> => ({
      ...revision,
      state: (await this.refuses(revision)) ? "refuses" : "serves",
    });
    return this.resume(revision)
      .catch(read)
      .catch((error: unknown) => ({ ...revision, state: isRuinedError(error) ? "lost" : "unknown" }));
  }

  /**
   * The number of its calls whose replies could still change its state; of a range of keys, with the handlers that wait for a message.
   *
   * @returns `old`: those handlers of a range that are not counted, because they have waited for too long
   */
  async openCalls({
    name,
    processId,
    keys,
  }: Revision): Promise<{ open: number; old?: OldWaits | undefined }> {
    if (keys === undefined)
      return { open: (await statistics(this.#session, place(name, processId), this.#budget())).openCalls };
    const { open, old } = await this.keysOf(name, processId, keys);
    return { open: awaited(open, old), old };
  }
}
