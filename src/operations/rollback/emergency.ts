import { z } from "zod";
import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/hash.ts";
import { WHOLE } from "../../delivery/strategy.ts";
import {
  ProveTargetsSchema,
  type ServiceRoutes,
  SetTrafficSchema,
  TrafficCommandSchema,
  TrafficSetSchema,
  type TrafficState,
} from "../../delivery/wire.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { ask } from "../../fleet/protocol/ask.ts";
import { resume } from "../../fleet/protocol/state.ts";
import { traffic } from "../../fleet/protocol/traffic.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { nothingOf } from "./info.ts";
import type { MemberWay } from "./member-way.ts";
import type { Traffic } from "./stack.ts";

/** What callers got back before anything else was done. */
export interface Switched {
  /** Services whose callers are back at the process of then. */
  readonly services: readonly string[];
  /** Messages that it took: each is one call that sends it and one or more that read its result. */
  readonly messages: number;
  readonly seconds: number;
  /** The router's slot of the switch, where the network has one. */
  readonly slot?: number;
}

/** Seconds for all of it: what takes longer is left to the ordinary way. */
const PATIENCE = 60;

/** The table that was looked at is not in force any more. */
const STALE = new Set(["STALE_STEP", "NO_ROLLOUT"]);

/** The router's word; undefined when it does not answer: then the ordinary way says why. */
export async function routerState(
  fleet: FleetSession,
  { router }: Traffic,
): Promise<TrafficState | undefined> {
  return traffic(fleet.session, router, budgetOf(PATIENCE)).catch(nothingOf);
}

/**
 * Sends callers back to warm processes of an earlier release: one message to the router switches all services at its slot. A rollout
 * under way whose proven table is that release is aborted instead. Only what the router has proof of gets traffic: where it has
 * forgotten it, it asks again first. Whose state has to be handed over first stays where it is: the run does that.
 *
 * @param state the router's word, as it was looked at; where it has changed since, it is looked at once more
 * @returns nothing where no process of then is warm, callers are back already, or the router has no table
 * @throws FleetError UNPROVEN_TARGET, STALE_STEP and what else the router says
 */
export async function switchBack(
  fleet: FleetSession,
  { router }: Traffic,
  target: ReleaseDocument,
  ways: readonly MemberWay[],
  state: TrafficState,
  pause: (seconds: number) => Promise<void>,
): Promise<Switched | undefined> {
  const ready = ways.filter(
    ({ kind, carries, lost }) => kind === "warm" && (carries !== true || lost !== undefined),
  );
  if (ready.length === 0) return undefined;
  const started = performance.now();
  const talk = talkTo(fleet, router, budgetOf(PATIENCE), pause);
  for (const { name, warm, drains, epoch } of ready)
    if (drains && warm !== undefined) await talk.resume(name, warm, epoch ?? 0);
  const attempt = (now: TrafficState) => switched(talk, now, target, ready);
  const done = await attempt(state).catch(async (error) => {
    if (!(error instanceof FleetError && STALE.has(error.code))) throw error;
    return attempt(await talk.look());
  });
  return (
    done && {
      ...done,
      messages: talk.messages(),
      seconds: Math.round((performance.now() - started) / 10) / 100,
    }
  );
}

async function switched(
  talk: ReturnType<typeof talkTo>,
  state: TrafficState,
  target: ReleaseDocument,
  ready: readonly MemberWay[],
): Promise<Pick<Switched, "services" | "slot"> | undefined> {
  const { table, proven } = state;
  if (!table) return undefined;
  const warm = new Map(ready.map(({ name, warm: id }) => [name, id]));
  const names = Object.keys(table.services).filter((name) => warm.has(name));
  if (names.length === 0) return undefined;
  const isBack = (of: TrafficState["table"]) => (name: string) => solely(of, name) === warm.get(name);
  if (table.mode === "steady" && names.every(isBack(table))) return undefined;
  // What else it moves would go back with it.
  const moved = Object.keys(table.services).filter(
    (name) => shares(table, name) !== shares(proven, name) && !warm.has(name),
  );
  if (table.mode !== "steady" && moved.length === 0 && names.every(isBack(proven)))
    return { services: names, ...slotOf(await talk.abort(table.release)) };
  const services = Object.fromEntries(
    Object.entries(table.services).map(([name, service]): [string, ServiceRoutes] => {
      const { key, routes, testers, mirror, faultWhen, actions } = service;
      const rules = {
        ...(faultWhen === undefined ? {} : { faultWhen }),
        ...(actions === undefined ? {} : { actions }),
      };
      const processId = warm.get(name);
      if (processId === undefined)
        return [
          name,
          {
            ...{ key, routes, ...rules },
            ...(testers ? { testers } : {}),
            ...(mirror === undefined ? {} : { mirror }),
          },
        ];
      const revision = target.declaration[name]?.sourceHash ?? "";
      return [name, { key, routes: [{ processId, revision, weightBp: WHOLE }], ...rules }];
    }),
  );
  return { services: names, ...slotOf(await talk.set(state, target.releaseHash, services, names)) };
}

const slotOf = ({ slot }: { readonly slot?: number | undefined }) => (slot === undefined ? {} : { slot });

/** The process that has all of a service's traffic in a table. */
function solely(table: TrafficState["table"], name: string): string | undefined {
  const [only, ...others] = table?.services[name]?.routes.filter(({ weightBp }) => weightBp > 0) ?? [];
  return others.length === 0 ? only?.processId : undefined;
}

/** Who has how much of a service's traffic, to compare. */
const shares = (table: TrafficState["table"], name: string): string =>
  canonicalJson(
    Object.fromEntries(
      (table?.services[name]?.routes ?? [])
        .filter(({ weightBp }) => weightBp > 0)
        .map(({ processId, weightBp }) => [processId, weightBp]),
    ),
  );

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
  const look = () => {
    messages += 1;
    return traffic(fleet.session, router, budget);
  };
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
    /** A process that drained takes requests again. */
    resume: (member: string, id: string, epoch: number) => {
      messages += 1;
      return resume(fleet.session, { name: member, processId: id, generation }, epoch, budget);
    },
    abort: (release: string) =>
      tell("TRAFFIC_COMMAND", TrafficCommandSchema.parse({ command: "abort", release }), DoneSchema),
    async set(
      { table, epoch, serial }: TrafficState,
      release: string,
      services: Record<string, ServiceRoutes>,
      switched: readonly string[],
    ) {
      const data = SetTrafficSchema.parse({
        release,
        step: table?.release === release ? table.step + 1 : 0,
        salt: release,
        ...(table ? { expect: { release: table.release, step: table.step, serial } } : {}),
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
