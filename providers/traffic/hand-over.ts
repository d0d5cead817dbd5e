/**
 * State that belongs to one process as a whole goes from the revision that serves to the one that is to: exported at a slot,
 * imported, equal by digest on both sides, while nobody can write. From its last export on the old one refuses with `DRAINING`, which
 * tells the caller to ask again; so nothing is lost or counted twice, and the refusals end with the switch.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Budget } from "../../src/core/budget.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";
import { type KeyRange, percent } from "../../src/delivery/index.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import { luaList } from "../../src/fleet/protocol/lua.ts";
import { exportedState, importState } from "../../src/fleet/protocol/state.ts";
import { statistics } from "../../src/fleet/protocol/statistics.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { type Exported, ExportedSchema } from "../../src/fleet/snapshot/contents.ts";
import { globalsSeen } from "./globals-seen.ts";
import { callsOpen, carriedWords, failed, notByKey, notSeen } from "./hand-over-words.ts";
import type { Handing, Owner } from "./handing.ts";
import { losing } from "./lost.ts";

/** Moves state between revisions. What a ruined one had is lost: with consent the rollout goes on without it. */
export interface HandOver {
  /**
   * Brings the state over and leaves `from` refusing new requests.
   *
   * @throws FleetError HANDOVER_FAILED; `from` serves on as it did. SERVING_RUINED; `from` is ruined, and nobody agreed to lose its state
   */
  give(list: readonly Handing[]): Promise<void>;
  /** Gives only to those that still drain: a run that died, after which the router went back by itself, left them so. */
  recover(list: readonly Handing[]): Promise<void>;
  /** Who has the traffic and still drains serves on: a run died between its hand-over and its switch. */
  serve(list: readonly Owner[]): Promise<void>;
  /** The switch did not come: `from` serves on. */
  undo(list: readonly Handing[]): Promise<void>;
}

/** Milliseconds between two looks whether the calls of a process that drains have come to an end, and how long they may take. */
const LOOK = 200;
const CALLS = 30_000;

const StatusSchema = z.looseObject({ status: z.string() });
const RangesSchema = luaList(z.object({ from: z.number(), to: z.number() }));
const SealedSchema = z.looseObject({ sealed: RangesSchema });
const KeysSchema = z.looseObject({
  open: z.number(),
  salt: z.string(),
  sealed: RangesSchema,
  states: luaList(z.string()),
});
const ImportedSchema = z.looseObject({ digest: z.string() });

/** By signed messages to the processes themselves. */
export function handOverBy(
  session: Session,
  budget: () => Budget,
  tell: (name: string, detail: string, phase?: string) => Promise<void>,
  globalsOf: (name: string) => readonly string[] | undefined = () => undefined,
): HandOver {
  // Two revisions of one member are told the same: their intents need names of their own.
  const place = (name: string, processId: string) => ({
    name: `${name}@${processId.slice(0, 8)}`,
    generation: 1,
    processId,
  });
  const control = async <T>(
    name: string,
    processId: string,
    action: string,
    schema: z.ZodType<T>,
    data = {},
  ) => {
    const epoch = await session.deployment.epoch();
    return ask(session, { ...place(name, processId), action, epoch, data }, schema, budget());
  };
  const status = async (name: string, processId: string) =>
    (await info(session, place(name, processId), budget(), "status")).status;

  const keysOf = (name: string, processId: string, keys: KeyRange) =>
    ask(session, { ...place(name, processId), action: "GET_KEYS", data: keys }, KeysSchema, budget());
  /** Whether it refuses requests, of these callers or of all. */
  const drains = async (name: string, processId: string, keys?: KeyRange): Promise<boolean> => {
    if (keys === undefined) return (await status(name, processId)) === "DRAINING";
    const { salt, sealed } = await keysOf(name, processId, keys);
    return sealed.some(({ from, to }) => salt !== keys.salt || (from < keys.to && to > keys.from));
  };
  const assertLosable = losing(session, budget, tell);
  /** Whether it drains; `undefined` when all that it had is lost. */
  const drainsYet = (owner: Owner): Promise<boolean | undefined> =>
    drains(owner.name, owner.to, owner.keys).catch(async (error: unknown) => {
      await assertLosable(owner, error);
      return undefined;
    });
  const resume = (name: string, processId: string, keys?: KeyRange): Promise<unknown> =>
    keys === undefined
      ? control(name, processId, "RESUME", StatusSchema)
      : control(name, processId, "UNSEAL_KEYS", SealedSchema, keys);

  const exported = async ({ name, from, keys }: Handing): Promise<Exported> => {
    const globals = globalsOf(name);
    const owner = place(name, from);
    const given = keys
      ? await ask(session, { ...owner, action: "EXPORT_KEYS", data: keys }, ExportedSchema, budget())
      : await exportedState(
          session,
          owner,
          { whole: true, ...(globals === undefined ? {} : { globals }) },
          budget(),
        );
    if (keys === undefined && given.globals === undefined) {
      // A library from before it saw them: what it says is not all that there is.
      const left = await globalsSeen(session, place(name, from), budget());
      if (left.length > 0) throw notSeen(name, from, left);
    }
    return given;
  };

  const copy = async (handing: Handing, given: Exported): Promise<void> => {
    const { name, to, keys } = handing;
    const { state, digest } = given;
    const sent = { state, digest };
    const taken = keys
      ? (await control(name, to, "IMPORT_KEYS", ImportedSchema, { ...keys, ...sent })).digest
      : await importState(
          session,
          place(name, to),
          { epoch: await session.deployment.epoch(), ...sent },
          budget(),
        );
    if (taken === digest) return;
    throw new FleetError({
      code: "DIGEST_MISMATCH",
      what: `${name} did not take the state that it was given.`,
      got: taken,
      expected: digest,
      remedy: `npx fleet logs ${name}`,
    });
  };

  /** Calls to others that it waits for still change its state when they are answered. */
  const quiet = async ({ name, from, keys }: Handing): Promise<void> => {
    const open = async (): Promise<number> => {
      if (keys) return (await keysOf(name, from, keys)).open;
      return (await statistics(session, place(name, from), budget())).openCalls;
    };
    for (let waited = 0; waited < CALLS; waited += LOOK) {
      if ((await open()) === 0) return;
      await sleep(LOOK);
    }
    throw callsOpen(name, CALLS / 1000);
  };

  /** What it has when no handler of the program waits for an answer any more: such a one holds state that nobody can see. */
  const still = async (handing: Handing): Promise<Exported> => {
    for (let waited = 0; waited < CALLS; waited += LOOK) {
      const given = await exported(handing);
      if ((given.globals?.waiting ?? 0) === 0) return given;
      await sleep(LOOK);
    }
    throw callsOpen(handing.name, CALLS / 1000);
  };

  const byKey = async (handing: Handing, keys: KeyRange): Promise<void> => {
    const { name, from } = handing;
    const started = performance.now();
    const { states } = await keysOf(name, from, keys);
    if (states.length === 0) throw notByKey(name);
    if (!(await drains(name, from, keys))) await copy(handing, await exported(handing));
    await control(name, from, "SEAL_KEYS", SealedSchema, keys);
    crashPoint("handover.drained");
    await quiet(handing);
    const given = await exported(handing);
    await copy(handing, given);
    crashPoint("handover.given");
    const ms = Math.round(performance.now() - started);
    await tell(
      name,
      `keys of ${percent(keys.to - keys.from)} of callers, ${carriedWords(handing, given)}, ${ms} ms`,
    );
  };

  const one = async (handing: Handing): Promise<void> => {
    const { name, from, to, keys } = handing;
    if (keys) return byKey(handing, keys);
    const started = performance.now();
    // While it serves on: what cannot be taken is known before anybody is refused.
    if ((await status(name, from)) === "ACTIVE") await copy(handing, await exported(handing));
    await control(name, from, "DRAIN", StatusSchema);
    crashPoint("handover.drained");
    await quiet(handing);
    const given = await still(handing);
    await copy(handing, given);
    if ((await status(name, to)) !== "ACTIVE") await control(name, to, "RESUME", StatusSchema);
    crashPoint("handover.given");
    const ms = Math.round(performance.now() - started);
    await tell(name, `state ${carriedWords(handing, given)}, ${ms} ms`);
  };

  const undo = async (list: readonly Handing[]): Promise<void> => {
    for (const { name, from, keys } of list) {
      // Whatever else is wrong, as many as can serve on do.
      await resume(name, from, keys).catch(() => {});
    }
  };

  const give = async (list: readonly Handing[]): Promise<void> => {
    for (const handing of list) {
      try {
        const { name, from, keys } = handing;
        if ((await drainsYet({ name, to: from, ...(keys && { keys }) })) === undefined) continue;
        await one(handing);
      } catch (error) {
        await undo(list);
        if (!(error instanceof FleetError)) throw error;
        throw failed(handing.name, error);
      }
    }
  };

  return {
    give,
    undo,
    async serve(list) {
      for (const owner of list) {
        if (!(await drainsYet(owner))) continue;
        const { name, to, keys } = owner;
        await resume(name, to, keys);
        await tell(name, `${to.slice(0, 8)} serves on: a run that died had begun to take its state`);
      }
    },
    async recover(list) {
      for (const handing of list) if (await drainsYet(handing)) await give([handing]);
    },
  };
}
