import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/hash.ts";
import { ALL_TRAFFIC_BP } from "../../delivery/strategy.ts";
import type { ServiceRoutes, Table, TrafficState } from "../../delivery/wire.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { resume } from "../../fleet/protocol/state.ts";
import { commandTraffic, proveTargets, setTraffic, traffic } from "../../fleet/protocol/traffic.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { ignoreFleetError } from "./info.ts";
import type { MemberPlan } from "./member-plan.ts";
import type { Traffic } from "./stack.ts";

/** What the router switched before the run. */
export interface RouterSwitch {
  /** Services whose callers are back at the earlier process. */
  readonly services: readonly string[];
  /** Number of messages: each takes one call to send it and one or more to read its result. */
  readonly messages: number;
  readonly seconds: number;
  /** The router's slot of the switch, if the network has slots. */
  readonly slot?: number;
}

/** Seconds for the whole switch: what takes longer is left to the run. */
const TIMEOUT_SECONDS = 60;

/** Codes that mean: the table that was read is no longer in force. */
const STALE_CODES = new Set(["STALE_STEP", "NO_ROLLOUT"]);

/** The router's present table; undefined if it does not answer: then the run reports why. */
export async function routerState(
  fleet: FleetSession,
  { router }: Traffic,
): Promise<TrafficState | undefined> {
  return traffic(fleet.session, router, budgetOf(TIMEOUT_SECONDS)).catch(ignoreFleetError);
}

/**
 * Sends callers back to warm processes of an earlier release: one message to the router switches all services at its slot. A rollout
 * under way whose proven table is that release is aborted instead. The router gives traffic only to targets that it has proof of; if it
 * has dropped a proof, it asks the process again first. Services whose state must be handed over first are left to the run.
 *
 * @param state the router's table as it was read; read once more if it has changed since
 * @returns undefined if no earlier process is warm, callers are back already, or the router has no table
 * @throws FleetError UNPROVEN_TARGET, STALE_STEP and any other refusal of the router
 */
export async function switchBack(
  fleet: FleetSession,
  { router }: Traffic,
  target: ReleaseDocument,
  plans: readonly MemberPlan[],
  state: TrafficState,
  pause: (seconds: number) => Promise<void>,
): Promise<RouterSwitch | undefined> {
  const ready = plans.filter(
    ({ kind, carries, lost }) => kind === "warm" && (carries !== true || lost !== undefined),
  );
  if (ready.length === 0) return undefined;
  const started = performance.now();
  const client = routerClient(fleet, router, budgetOf(TIMEOUT_SECONDS), pause);
  for (const { name, warm, drains, epoch } of ready)
    if (drains && warm !== undefined) await client.resume(name, warm, epoch ?? 0);
  const attempt = (now: TrafficState) => attemptSwitch(client, now, target, ready);
  const done = await attempt(state).catch(async (error) => {
    if (!(error instanceof FleetError && STALE_CODES.has(error.code))) throw error;
    return attempt(await client.read());
  });
  return (
    done && {
      ...done,
      messages: client.messages(),
      seconds: Math.round((performance.now() - started) / 10) / 100,
    }
  );
}

async function attemptSwitch(
  client: ReturnType<typeof routerClient>,
  state: TrafficState,
  target: ReleaseDocument,
  ready: readonly MemberPlan[],
): Promise<Pick<RouterSwitch, "services" | "slot"> | undefined> {
  const { table, proven } = state;
  if (!table) return undefined;
  const warm = new Map(ready.map(({ name, warm: id }) => [name, id]));
  const names = Object.keys(table.services).filter((name) => warm.has(name));
  if (names.length === 0) return undefined;
  const isBack = (of: TrafficState["table"]) => (name: string) => soleTarget(of, name) === warm.get(name);
  if (table.mode === "steady" && names.every(isBack(table))) return undefined;
  // An abort returns every service that the rollout moved, so it fits only if all of them are wanted back.
  const moved = Object.keys(table.services).filter(
    (name) => shares(table, name) !== shares(proven, name) && !warm.has(name),
  );
  if (table.mode !== "steady" && moved.length === 0 && names.every(isBack(proven))) {
    const { mode } = await client.abort(table.release);
    // A router that keeps the table because the state cannot go back leaves both to the run.
    return mode === "held" ? undefined : { services: names };
  }
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
      return [name, { key, routes: [{ processId, revision, weightBp: ALL_TRAFFIC_BP }], ...rules }];
    }),
  );
  const { slot } = await client.set(state, target.releaseHash, services, names);
  return { services: names, ...(slot === undefined ? {} : { slot }) };
}

/** The salt of the new table: the present one if a service stays split, because another would give its callers other revisions. */
const saltOf = (table: Table, release: string, switched: readonly string[]): string =>
  Object.entries(table.services).some(
    ([name, { routes }]) =>
      !switched.includes(name) && routes.filter(({ weightBp }) => weightBp > 0).length > 1,
  )
    ? table.salt
    : release;

/** The process that has all traffic of a service; undefined if several share it. */
function soleTarget(table: TrafficState["table"], name: string): string | undefined {
  const [only, ...others] = table?.services[name]?.routes.filter(({ weightBp }) => weightBp > 0) ?? [];
  return others.length === 0 ? only?.processId : undefined;
}

/** The shares of a service's traffic as a string that can be compared. */
const shares = (table: TrafficState["table"], name: string): string =>
  canonicalJson(
    Object.fromEntries(
      (table?.services[name]?.routes ?? [])
        .filter(({ weightBp }) => weightBp > 0)
        .map(({ processId, weightBp }) => [processId, weightBp]),
    ),
  );

function routerClient(
  fleet: FleetSession,
  router: Traffic["router"],
  budget: Budget,
  pause: (seconds: number) => Promise<void>,
) {
  let messages = 0;
  const read = () => {
    messages += 1;
    return traffic(fleet.session, router, budget);
  };
  /** Makes the router ask each process itself; a process that gives no proof gets no traffic. */
  const prove = async (
    release: string,
    routes: readonly ServiceRoutes["routes"][number][],
    epoch: number,
  ) => {
    const targets = Object.fromEntries(routes.map((route) => [route.processId, route.revision]));
    messages += 1;
    await proveTargets(fleet.session, { ...router, epoch }, { release, targets }, budget);
    for (;;) {
      const { proofs } = await read();
      const asked = Object.keys(targets).map((id) => proofs[id]?.status);
      if (!asked.includes("asked") || budget.remaining() === 0) return;
      await pause(0.5);
    }
  };
  return {
    messages: () => messages,
    read,
    /** Lets a draining process accept requests again. */
    resume: (member: string, id: string, epoch: number) => {
      messages += 1;
      return resume(
        fleet.session,
        { name: member, processId: id, generation: router.generation },
        epoch,
        budget,
      );
    },
    abort: (release: string) => {
      messages += 1;
      return commandTraffic(fleet.session, router, { command: "abort", release }, budget);
    },
    async set(
      { table, epoch, serial }: TrafficState,
      release: string,
      services: Record<string, ServiceRoutes>,
      switched: readonly string[],
    ) {
      const message = {
        release,
        step: table?.release === release ? table.step + 1 : 0,
        salt: table ? saltOf(table, release, switched) : release,
        ...(table ? { expect: { release: table.release, step: table.step, serial } } : {}),
        services,
      };
      const send = () => {
        messages += 1;
        return setTraffic(fleet.session, { ...router, epoch }, message, budget);
      };
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
