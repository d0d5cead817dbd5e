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

const StatusSchema = z.looseObject({ status: z.string() });
const RangesSchema = luaList(z.object({ from: z.number(), to: z.number() }));
const SealedSchema = z.looseObject({ sealed: RangesSchema });
const KeysSchema = z.looseObject({
  open: z.number(),
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
    return sealed.some(({ from, to }) => salt !== keys.salt || (from < keys.to && to > keys.from));
  }

  /** Makes it refuse requests from now on. */
  async stop({ name, processId, keys }: Revision): Promise<void> {
    if (keys) await this.#control(name, processId, "SEAL_KEYS", SealedSchema, keys);
    else await this.#control(name, processId, "DRAIN", StatusSchema);
  }

  async resume({ name, processId, keys }: Revision): Promise<void> {
    if (keys) await this.#control(name, processId, "UNSEAL_KEYS", SealedSchema, keys);
    else await this.#control(name, processId, "RESUME", StatusSchema);
  }

  /** Resumes it, and returns what was read back. Never throws a failure of a unit or of the process. */
  async tryResume(revision: Revision): Promise<Standing> {
    const read = async (): Promise<Standing["state"]> =>
      (await this.refuses(revision)) ? "refuses" : "serves";
    const state = await this.resume(revision)
      .then((): Standing["state"] => "serves")
      .catch(read)
      .catch((error: unknown) => (isRuinedError(error) ? "lost" : "unknown"));
    return { ...revision, state };
  }

  /** The number of its calls whose replies could still change its state. */
  async openCalls({ name, processId, keys }: Revision): Promise<number> {
    if (keys) return (await this.keysOf(name, processId, keys)).open;
    return (await statistics(this.#session, place(name, processId), this.#budget())).openCalls;
  }
}
