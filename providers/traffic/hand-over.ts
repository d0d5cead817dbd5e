/**
 * State that belongs to one process as a whole goes from the revision that serves to the one that is to: exported at a slot,
 * imported, equal by digest on both sides, while nobody can write. From its last export on the old one refuses with `DRAINING`, which
 * tells the caller to ask again; so nothing is lost or counted twice, and the refusals end with the switch.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { crashPoint } from "../../ao/crash.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { heaviest } from "../../delivery/index.ts";
import type { Table } from "../../delivery/wire.ts";
import { ask } from "../run/control.ts";
import type { Session } from "../run/session.ts";
import { ExportedSchema } from "../snapshot/take.ts";
import type { TrafficInputs } from "./schema.ts";

/** One service's state on its way. */
export interface Handing {
  readonly name: string;
  /** Process that has the state. */
  readonly from: string;
  /** Process that gets it. */
  readonly to: string;
}

/** Moves state between revisions. */
export interface HandOver {
  /**
   * Brings the state over and leaves `from` refusing new requests.
   *
   * @throws FleetError HANDOVER_FAILED; `from` serves on as it did
   */
  give(list: readonly Handing[]): Promise<void>;
  /** Gives only to those that still drain: a run that died, after which the router went back by itself, left them so. */
  recover(list: readonly Handing[]): Promise<void>;
  /** Who has the traffic and still drains serves on: a run died between its hand-over and its switch. */
  serve(list: readonly Pick<Handing, "name" | "to">[]): Promise<void>;
  /** The switch did not come: `from` serves on. */
  undo(list: readonly Handing[]): Promise<void>;
}

/** Milliseconds between two looks whether the calls of a process that drains have come to an end, and how long they may take. */
const LOOK = 200;
const CALLS = 30_000;

const StatusSchema = z.looseObject({ status: z.string() });
const OpenSchema = z.looseObject({ statistics: z.looseObject({ openCalls: z.number().default(0) }) });
const ImportedSchema = z.looseObject({ digest: z.string() });

/**
 * What has to go from where to where so that a table's state follows its traffic: what owns its state and changes its process. A service
 * that a table does not name is where the wiring says: with blue. Pure.
 */
export function handings(
  services: TrafficInputs["services"],
  before: Pick<Table, "services"> | undefined,
  after: Pick<Table, "services">,
): Handing[] {
  const had = new Map(owners(services, before).map(({ name, to }) => [name, to]));
  return owners(services, after).flatMap(({ name, to }): Handing[] => {
    const from = had.get(name);
    return from === undefined || from === to ? [] : [{ name, from, to }];
  });
}

/** Who has the state of what owns its own, by a table. Pure. */
export function owners(
  services: TrafficInputs["services"],
  table: Pick<Table, "services"> | undefined,
): Pick<Handing, "name" | "to">[] {
  return Object.entries(services).flatMap(([name, { state, blue }]) => {
    const routes = table?.services[name];
    const to = routes === undefined ? blue?.processId : heaviest(routes);
    return state === "none" || to === undefined ? [] : [{ name, to }];
  });
}

/** By signed messages to the processes themselves. */
export function handOverBy(
  session: Session,
  budget: () => Budget,
  tell: (name: string, detail: string) => Promise<void>,
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
    (await ask(session, { ...place(name, processId), action: "Info" }, StatusSchema, budget())).status;

  const copy = async ({ name, from, to }: Handing): Promise<{ digest: string; slot: number | undefined }> => {
    const request = { ...place(name, from), action: "EXPORT_STATE" };
    const { state, digest, slot } = await ask(session, request, ExportedSchema, budget());
    const taken = await control(name, to, "IMPORT_STATE", ImportedSchema, { state, digest });
    if (taken.digest === digest) return { digest, slot: slot ?? undefined };
    throw new FleetError({
      code: "DIGEST_MISMATCH",
      what: `${name} did not take the state that it was given.`,
      got: taken.digest,
      expected: digest,
      remedy: `npx fleet logs ${name}`,
    });
  };

  /** Calls to others that it waits for still change its state when they are answered. */
  const quiet = async ({ name, from }: Handing): Promise<void> => {
    const request = { ...place(name, from), action: "GET_STATISTICS" };
    for (let waited = 0; waited < CALLS; waited += LOOK) {
      const { statistics } = await ask(session, request, OpenSchema, budget());
      if (statistics.openCalls === 0) return;
      await sleep(LOOK);
    }
    throw new FleetError({
      code: "CALLS_OPEN",
      what: `${name} still waits for answers of others after ${CALLS / 1000} s.`,
      got: "open calls",
      expected: "none, so that its state stands still",
      remedy: `npx fleet logs ${name}; run pulumi up again.`,
    });
  };

  const one = async (handing: Handing): Promise<void> => {
    const { name, from, to } = handing;
    const started = performance.now();
    // While it serves on: what cannot be taken is known before anybody is refused.
    if ((await status(name, from)) === "ACTIVE") await copy(handing);
    await control(name, from, "DRAIN", StatusSchema);
    crashPoint("handover.drained");
    await quiet(handing);
    const { digest, slot } = await copy(handing);
    if ((await status(name, to)) !== "ACTIVE") await control(name, to, "RESUME", StatusSchema);
    crashPoint("handover.given");
    const at = slot === undefined ? "" : ` at slot ${slot}`;
    const ms = Math.round(performance.now() - started);
    await tell(
      name,
      `state ${digest.slice(0, 8)}${at}: ${from.slice(0, 8)} → ${to.slice(0, 8)}, equal, ${ms} ms`,
    );
  };

  const undo = async (list: readonly Handing[]): Promise<void> => {
    for (const { name, from } of list) {
      // Whatever else is wrong, as many as can serve on do.
      await control(name, from, "RESUME", StatusSchema).catch(() => {});
    }
  };

  const give = async (list: readonly Handing[]): Promise<void> => {
    for (const handing of list) {
      try {
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
      for (const { name, to } of list) {
        if ((await status(name, to)) !== "DRAINING") continue;
        await control(name, to, "RESUME", StatusSchema);
        await tell(name, `${to.slice(0, 8)} serves on: a run that died had begun to take its state`);
      }
    },
    async recover(list) {
      for (const handing of list)
        if ((await status(handing.name, handing.to)) === "DRAINING") await give([handing]);
    },
  };
}

function failed(name: string, error: FleetError): FleetError {
  const { what, got, remedy } = error.problems[0];
  return new FleetError(
    {
      code: "HANDOVER_FAILED",
      what: `${name} could not hand its state over: ${what}`,
      ...(got === undefined ? {} : { got }),
      expected: "the same state, by its digest, on both sides",
      remedy: `The revision that served serves on. ${remedy}`,
    },
    { transient: error.transient },
  );
}
