import { z } from "zod";
import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { WHOLE } from "../../delivery/strategy.ts";
import {
  ProveTargetsSchema,
  type ServiceRoutes,
  SetTrafficSchema,
  TrafficCommandSchema,
  TrafficSetSchema,
  type TrafficState,
  TrafficStateSchema,
} from "../../delivery/wire.ts";
import type { ReleaseDocument } from "../../providers/release/document.ts";
import { ask } from "../../providers/run/control.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Traffic } from "./stack.ts";
import type { MemberWay } from "./way.ts";

/** What callers got back before anything else was done. */
export interface Switched {
  /** Services whose callers are back at the process of then. */
  readonly services: readonly string[];
  /** Messages until they were: each is one call that sends it and one or more that read its result. */
  readonly messages: number;
  readonly seconds: number;
  /** The router's slot of the switch, where the network has one. */
  readonly slot?: number;
}

/** Seconds for all of it: what takes longer is left to the ordinary way. */
const PATIENCE = 60;

/**
 * Sends callers back to warm processes of an earlier release: the table is read, and one message to the router switches all
 * services at its slot. A rollout under way whose proven table is that release is aborted instead. Only what the router has proof
 * of gets traffic: where it has forgotten it, it asks again first.
 *
 * @returns nothing where no process of then is warm, or the router has no table
 * @throws FleetError UNPROVEN_TARGET, STALE_STEP and what else the router says
 */
export async function switchBack(
  fleet: FleetSession,
  { router }: Traffic,
  target: ReleaseDocument,
  ways: readonly MemberWay[],
  pause: (seconds: number) => Promise<void>,
): Promise<Switched | undefined> {
  const warm = new Map(
    ways.flatMap(({ name, kind, warm: id }) => (kind === "warm" && id ? [[name, id]] : [])),
  );
  if (warm.size === 0) return undefined;
  const started = performance.now();
  const talk = talkTo(fleet, router, budgetOf(PATIENCE), pause);
  const state = await talk.look();
  const { table, proven } = state;
  if (!table) return undefined;
  const services: Record<string, ServiceRoutes> = {};
  for (const [name, { key, routes, testers, mirror }] of Object.entries(table.services)) {
    const processId = warm.get(name);
    services[name] =
      processId === undefined
        ? { key, routes, ...(testers ? { testers } : {}), ...(mirror === undefined ? {} : { mirror }) }
        : {
            key,
            routes: [{ processId, revision: target.declaration[name]?.sourceHash ?? "", weightBp: WHOLE }],
          };
  }
  const switched = Object.keys(services).filter((name) => warm.has(name));
  if (switched.length === 0) return undefined;
  const isProven = switched.every((name) => solely(proven, name) === warm.get(name));
  const done =
    table.mode !== "steady" && isProven
      ? await talk.abort(table.release)
      : await talk.set(state, target.releaseHash, services, switched);
  return {
    services: switched,
    messages: talk.messages(),
    seconds: Math.round((performance.now() - started) / 10) / 100,
    ...(done.slot === undefined ? {} : { slot: done.slot }),
  };
}

/** The process that has all of a service's traffic in a table. */
function solely(table: TrafficState["table"], name: string): string | undefined {
  const [only, ...others] = table?.services[name]?.routes.filter(({ weightBp }) => weightBp > 0) ?? [];
  return others.length === 0 ? only?.processId : undefined;
}

const DoneSchema = z.looseObject({ slot: z.number().optional() });

function talkTo(
  fleet: FleetSession,
  router: Traffic["router"],
  budget: Budget,
  pause: (seconds: number) => Promise<void>,
) {
  let messages = 0;
  const { name, processId, generation } = router;
  const tell = <T>(action: string, data: unknown, schema: z.ZodType<T>, epoch?: number): Promise<T> => {
    messages += 1;
    const request = { name, processId, generation, action, data };
    return ask(fleet.session, epoch === undefined ? request : { ...request, epoch }, schema, budget);
  };
  const look = () => tell("GET_TRAFFIC", {}, TrafficStateSchema);
  /** The router asks each itself; a process that proves nothing gets nothing. */
  const prove = async (
    release: string,
    routes: readonly ServiceRoutes["routes"][number][],
    epoch: number,
  ) => {
    const targets = Object.fromEntries(routes.map((route) => [route.processId, route.revision]));
    await tell("PROVE_TARGETS", ProveTargetsSchema.parse({ release, targets }), DoneSchema, epoch);
    for (;;) {
      const { proofs } = await look();
      const asked = Object.keys(targets).map((id) => proofs[id]?.status);
      if (!asked.includes("asked") || budget.remaining() === 0) return;
      await pause(0.5);
    }
  };
  return {
    messages: () => messages,
    look,
    abort: (release: string) =>
      tell("TRAFFIC_COMMAND", TrafficCommandSchema.parse({ command: "abort", release }), DoneSchema),
    async set(
      { table, epoch }: TrafficState,
      release: string,
      services: Record<string, ServiceRoutes>,
      switched: readonly string[],
    ) {
      const data = SetTrafficSchema.parse({
        release,
        step: table?.release === release ? table.step + 1 : 0,
        salt: release,
        ...(table ? { expect: { release: table.release, step: table.step } } : {}),
        services,
      });
      const send = () => tell("SET_TRAFFIC", data, TrafficSetSchema, epoch);
      try {
        return await send();
      } catch (error) {
        if (!(error instanceof FleetError) || error.code !== "UNPROVEN_TARGET") throw error;
        const routes = switched.flatMap((name) => services[name]?.routes ?? []);
        await prove(release, routes, epoch);
        return await send();
      }
    },
  };
}
