import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
import { canonicalJson } from "../../core/hash.ts";
import { holdOf } from "../../delivery/index.ts";
import { ALL_TRAFFIC_BP } from "../../delivery/strategy.ts";
import type { ServiceRoutes, Table, TrafficState } from "../../delivery/wire.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { resume, unsealAllKeys } from "../../fleet/protocol/state.ts";
import { commandTraffic, proveTargets, setTraffic, traffic } from "../../fleet/protocol/traffic.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
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

/** Why the router did not switch callers before the run. The run may still do so. */
export type NotSwitched =
  | "no-router"
  | "router-silent"
  /** The router has no entry for any member of the rollback. */
  | "no-table"
  /** No earlier process is warm. */
  | "no-warm"
  /** The state of every service with a warm process must be handed over first. */
  | "needs-hand-over"
  /** Callers are back already. */
  | "already-back"
  /** The router kept the table, because the state is with the new revision. */
  | "held";

/** Why callers were not switched. */
export const NOT_SWITCHED_TEXT: Readonly<Record<NotSwitched, string>> = {
  "no-router": "this fleet has no router",
  "router-silent": "the router does not answer",
  "no-table": "the router has no entry for these members",
  "no-warm": "no earlier process is warm",
  "needs-hand-over": "the run hands their state over first",
  "already-back": "the earlier code already has all traffic",
  held: "the router keeps the new revision, which has the state; the run tries to return both",
};

/** Seconds for the whole switch: what takes longer is left to the run. */
const TIMEOUT_SECONDS = 60;

/** Codes that mean: the table that was read is no longer in force. */
const STALE_CODES = new Set(["STALE_STEP", "NO_ROLLOUT"]);

/** The router's present table; undefined if it does not answer: then the run reports why. */
export async function routerState(
  fleet: FleetSession,
  { router }: Traffic,
): Promise<TrafficState | undefined> {
  return traffic(fleet.session, router, budgetOf(TIMEOUT_SECONDS)).catch(tolerate(undefined));
}

/**
 * Sends callers back to warm processes of an earlier release: one message to the router switches all services at its slot. A rollout
 * under way whose proven table is that release is aborted instead. The router gives traffic only to targets that it has proof of; if it
 * has dropped a proof, it asks the process again first. Services whose state must be handed over first are left to the run.
 *
 * @param state the router's table as it was read; read once more if it has changed since
 * @returns the reason if nothing was switched
 * @throws FleetError UNPROVEN_TARGET, STALE_STEP and any other refusal of the router
 */
export async function switchBack(
  fleet: FleetSession,
  { router, services }: Traffic,
  target: ReleaseDocument,
  plans: readonly MemberPlan[],
  state: TrafficState,
  pause: (seconds: number) => Promise<void>,
): Promise<RouterSwitch | NotSwitched> {
  const ready = plans.filter(isReady);
  if (ready.length === 0) return whyNone(plans, state);
  const started = performance.now();
  const client = routerClient(fleet, router, budgetOf(TIMEOUT_SECONDS), pause);
  for (const { name, warm, drains, carries, epoch = 0 } of ready) {
    if (warm === undefined) continue;
    if (drains) await client.resume(name, warm, epoch);
    // Its own state of the keys that it gave away is what is left of them.
    if (carries && services[name]?.state === "partitioned")
      await client.unseal(name, warm, epoch, state.table?.salt ?? target.releaseHash);
  }
  const attempt = (now: TrafficState) => attemptSwitch(client, now, target, ready, plans);
  const done = await attempt(state).catch(async (error) => {
    if (!(error instanceof FleetError && STALE_CODES.has(error.code))) throw error;
    return attempt(await client.read());
  });
  if (typeof done === "string") return done;
  const seconds = Math.round((performance.now() - started) / 10) / 100;
  return { ...done, messages: client.messages(), seconds };
}

/** Whether a member's callers can be sent to its warm process before its state is handed over. */
const isReady = ({ kind, carries, lost }: MemberPlan): boolean =>
  kind === "warm" && (carries !== true || lost !== undefined);

/** Kinds of plans whose member runs the earlier code already. */
const IS_THERE: readonly MemberPlan["kind"][] = ["settings", "same", "left-running"];

/** Why no member is ready. */
function whyNone(plans: readonly MemberPlan[], { table }: TrafficState): NotSwitched {
  const routed = plans.filter(({ name }) => table?.services[name] !== undefined);
  if (routed.length === 0) return "no-table";
  if (routed.some(({ kind }) => kind === "warm")) return "needs-hand-over";
  return routed.every(({ kind }) => IS_THERE.includes(kind)) ? "already-back" : "no-warm";
}

/**
 * Whether the router keeps a table after an abort, because the state is with the new revision: it leaves both to the next run. In an emergency the
 * state is given up, or there is none.
 */
const isKept = (table: TrafficState["table"]): boolean =>
  table?.handed === true || holdOf(table)?.code === "stranded";

async function attemptSwitch(
  client: ReturnType<typeof routerClient>,
  state: TrafficState,
  target: ReleaseDocument,
  ready: readonly MemberPlan[],
  plans: readonly MemberPlan[],
): Promise<Pick<RouterSwitch, "services" | "slot"> | NotSwitched> {
  const { table, proven } = state;
  if (!table) return "no-table";
  const warm = new Map(ready.map(({ name, warm: id }) => [name, id]));
  const names = Object.keys(table.services).filter((name) => warm.has(name));
  if (names.length === 0) return whyNone(plans, state);
  const isBack = (of: TrafficState["table"]) => (name: string) => soleTarget(of, name) === warm.get(name);
  if (table.mode === "steady" && names.every(isBack(table))) return "already-back";
  // An abort returns every service that the rollout moved, so it fits only if all of them are wanted back.
  const moved = Object.keys(table.services).filter(
    (name) => shares(table, name) !== shares(proven, name) && !warm.has(name),
  );
  const canAbort = table.mode !== "steady" && !isKept(table);
  if (canAbort && moved.length === 0 && names.every(isBack(proven))) {
    const { mode } = await client.abort(table.release);
    if (mode !== "held") return { services: names };
    // It was held since it was read.
    const now = await client.read();
    return isKept(now.table) ? attemptSwitch(client, now, target, ready, plans) : "held";
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
    /** Lets a process accept requests of callers whose keys it gave away. */
    unseal: (member: string, id: string, epoch: number, salt: string) => {
      messages += 1;
      const place = { name: member, processId: id, generation: router.generation };
      return unsealAllKeys(fleet.session, place, epoch, salt, budget);
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
