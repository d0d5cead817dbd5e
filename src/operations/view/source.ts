import { brief } from "../../core/brief.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type {
  Action,
  AuditView,
  MessageView,
  Observation,
  ObservedPart,
  ProcessView,
  ReleaseView,
  Source,
} from "../../dashboard/view.ts";
import type { TrafficCommand } from "../../delivery/wire.ts";
import { luaExplainer } from "../../fleet/code/lua-errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { NO_LIBRARY_REASON } from "../../fleet/health/without-library.ts";
import type { History } from "../../fleet/history.ts";
import { pickMember, servingIn } from "../../fleet/members/known-fleet.ts";
import { readManifest } from "../../fleet/members/manifest.ts";
import type { Member } from "../../fleet/members/member.ts";
import { servingFleet } from "../../fleet/members/serving.ts";
import { dryAudit } from "../../fleet/protocol/audit.ts";
import { commandTraffic } from "../../fleet/protocol/traffic.ts";
import type { OperationContext } from "../context.ts";
import { explorerPage, linksOf } from "../observe/links.ts";
import { entryText, type HistoryEntry, historyOfStack } from "../rollback/entries.ts";
import type { StackHistory } from "../rollback/read-history.ts";
import { readHistory } from "../rollback/read-history.ts";
import { noRouter } from "../rollout/router.ts";
import { isError, isErrorMessage, type LogEntry, newestEntries } from "../trace/log-entries.ts";
import { acknowledge, alertsOf } from "./alerts.ts";
import { differenceOf } from "./difference.ts";
import { acknowledgeMonitored, isMonitored, monitoredAlerts } from "./monitored.ts";
import { readProcess } from "./processes.ts";
import { cacheReleases } from "./release-cache.ts";
import { trafficOf } from "./traffic.ts";

/** The stack's history, as it was when this release began to run. */
type Releases = (id: string | undefined, now: FleetSession) => Promise<StackHistory>;

/** Rolls a stack back in a process of its own, so that closing the dashboard does not interrupt it. */
type RollBack = (
  stack: string,
  action: { readonly to: string; readonly reason: string },
  say: (line: string) => void,
) => Promise<void>;

/** The dashboard's source for the fleet of a command's stack. Reads by dry-runs and files; signs actions with the stack's wallet. */
export function fleetSource(context: OperationContext, fleet: FleetSession, rollBack: RollBack): Source {
  const current = async (): Promise<FleetSession> => {
    // A router that does not answer is reported below, as one of the page's problems.
    const known = await servingFleet(fleet.session, { readState: async () => fleet, note: () => {} });
    return { ...fleet, ...known };
  };
  const releases = cacheReleases((now: FleetSession) => readHistory(context, now, 0));
  let reader: Promise<History> | undefined;
  const history = (now: FleetSession): Promise<History> => {
    reader ??= context.host.history(now, 24 * 3600);
    return reader;
  };
  let router: Member | undefined;
  return {
    async observe() {
      const seen = await observationOf(await current(), releases);
      router = seen.router;
      return seen.observation;
    },
    messages: async (name, before, limit) => {
      const now = await current();
      return messagesOf(now, () => history(now), { name, before, limit });
    },
    audit: async (name) => auditOf(await current(), name),
    async difference(from, to) {
      const known = await releases(undefined, await current());
      return differenceOf(documentOf(known, from), documentOf(known, to));
    },
    async act(action, say) {
      const now = await current();
      const mode = await perform(now, router, action, say, rollBack);
      const isKept = action.kind === "abort" && mode === "held";
      say(
        isKept
          ? "abort requested: the run that watches the rollout, or the next deployment, returns state and traffic"
          : `done: ${action.kind}`,
      );
    },
  };
}

/** The fleet as the page shows it, and the member with the traffic table. */
async function observationOf(
  now: FleetSession,
  releases: Releases,
): Promise<{ observation: Observation; router: Member | undefined }> {
  const manifest = await readManifest(now.session.scope);
  const readings = await Promise.all(
    servingIn(now).map((member) =>
      readProcess(now, member, {
        dependsOn: manifest?.processes[member.of ?? member.name]?.dependencies ?? [],
        ...linksOf(now.session.network, member),
      }),
    ),
  );
  const problems: string[] = [];
  const unread = new Set<ObservedPart>();
  const or = async <T>(part: ObservedPart, what: Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await what;
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      problems.push(`${error.problems[0].what} [${error.code}]`);
      unread.add(part);
      return otherwise;
    }
  };
  const able = (capability: string): Member[] =>
    now.members.filter((_, index) => readings[index]?.capabilities?.includes(capability));
  const isSilent = (name: string | undefined): boolean =>
    readings.some(({ view, capabilities }) => view.name === name && capabilities === undefined);
  const capable = able("TRAFFIC_ROUTING");
  // Several members may have the capability; the stack's state names the one with the table.
  const known = await or("releases", releases(manifest?.deploymentId, now), undefined);
  const router = capable.find(({ name }) => name === known?.traffic?.router.name) ?? capable[0];
  const [traffic, alerts] = await Promise.all([
    router ? or("traffic", trafficOf(now, router), null) : null,
    Promise.all(
      ["DEPLOYMENT_COORDINATION", "MONITORING"]
        .flatMap(able)
        .map((each) => or("alerts", alertsOf(now, each), [])),
    ),
  ]);
  // What a silent process can do is not known.
  const named = now.router ?? known?.traffic?.router.name;
  if (!router && isSilent(named)) unread.add("traffic");
  if (isSilent(now.ledger)) unread.add("alerts");
  const observation: Observation = {
    project: now.project,
    stack: now.stack,
    network: now.session.network.kind,
    processes: readings.map(({ view }): ProcessView => view),
    releases: known
      ? historyOfStack(known.releases, known.runs, known.updates, known.heldAt).map(releaseView)
      : [],
    traffic,
    alerts: [...monitoredAlerts(now.session.scope), ...alerts.flat()],
    problems,
    unread: [...unread],
  };
  return { observation, router };
}

async function messagesOf(
  now: FleetSession,
  history: () => Promise<History>,
  {
    name,
    before,
    limit,
  }: { readonly name: string; readonly before: number | undefined; readonly limit: number },
): Promise<MessageView[]> {
  const member = pickMember({ members: servingIn(now) }, name);
  const read = await history();
  const latest = before === undefined ? await read.latest(member.processId) : before - 1;
  if (latest === undefined || latest < 0) return [];
  const options = { limit, errors: false };
  const { entries } = await newestEntries(read, member.processId, latest, options, member.sourceHash);
  const explain = luaExplainer(now.session.scope.home);
  const { network } = now.session;
  const views = entries.map((entry) =>
    messageView(entry, explain, explorerPage(network, "message", entry.messageId)),
  );
  return (await Promise.all(views)).reverse();
}

async function auditOf(now: FleetSession, name: string): Promise<AuditView[]> {
  const member = pickMember({ members: servingIn(now) }, name);
  if (runsWithoutLibrary(member)) throw withoutAudit(name);
  const entries = await dryAudit(now, member, 30).catch((error: unknown) => {
    if (!(error instanceof FleetError) || !UNREADABLE.has(error.code)) throw error;
    throw new FleetError({
      code: "AUDIT_UNREADABLE",
      what: `${name} does not show its audit to ${now.session.ao.address}.`,
      got: `${error.problems[0].what} [${error.code}]`,
      expected: "the owner's wallet, or one with access",
      remedy: "Start the dashboard with the stack's wallet.",
    });
  });
  return entries
    .map(
      ({ seq, at, from, action, outcome, code = "" }): AuditView => ({
        ...{ seq, from, action, outcome, code },
        at: new Date(at).toISOString(),
      }),
    )
    .reverse();
}

function releaseView(entry: HistoryEntry): ReleaseView {
  return {
    number: entry.number ?? null,
    deploymentId: entry.deploymentId ?? null,
    at: entry.at,
    kind: entry.kind,
    result: entry.result,
    who: entry.who,
    commit: entry.git ?? null,
    what: entryText(entry),
    current: entry.current,
  };
}

function documentOf({ releases }: StackHistory, id: string) {
  const document = releases.find(({ deploymentId }) => deploymentId === id)?.document;
  if (document) return document;
  throw new FleetError({
    code: "RELEASE_UNKNOWN",
    what: `The declaration of the release ${id} is not on this machine.`,
    got: id,
    expected: releases.map(({ deploymentId }) => deploymentId).join(", ") || "a release",
    remedy: "npx fleet history lists the known releases.",
  });
}

/** Codes for an audit that cannot be shown: no access, or no audit. */
const UNREADABLE = new Set(["FORBIDDEN", "BAD_REPLY", "UNKNOWN_ACTION"]);

async function messageView(
  entry: LogEntry,
  explain: ReturnType<typeof luaExplainer>,
  explorer: string | null,
): Promise<MessageView> {
  const { result } = entry;
  const outcome: string[] = [];
  if (!result) outcome.push("no result could be read");
  if (result?.error !== undefined) outcome.push(await explain(result.error, entry.source));
  if (result?.output) outcome.push(brief(result.output, 2000));
  for (const { target, tags, data } of result?.messages ?? []) {
    const what = `${tags.Action ?? "a message"}${isErrorMessage({ tags }) ? " (error)" : ""}`;
    outcome.push(`sent ${what} to ${target}  ${brief(data, 2000)}`);
  }
  return {
    slot: entry.slot,
    id: entry.messageId,
    at: entry.timestamp > 0 ? new Date(entry.timestamp).toISOString() : null,
    from: entry.from,
    ...(entry.claims === undefined ? {} : { claims: entry.claims }),
    ...(entry.sentTo === undefined ? {} : { sentTo: entry.sentTo }),
    action: entry.action,
    data: entry.isLoad ? `the code ${entry.source ?? ""}` : brief(entry.data, 4000),
    outcome,
    failed: isError(entry),
    explorer,
  };
}

async function perform(
  fleet: FleetSession,
  router: Member | undefined,
  action: Action,
  say: (line: string) => void,
  rollBack: RollBack,
): Promise<string | undefined> {
  if (action.kind === "acknowledge" && isMonitored(action.alert))
    await acknowledgeMonitored(fleet.session.scope, action.alert);
  else if (action.kind === "acknowledge") await acknowledge(fleet, action.alert);
  else if (action.kind === "rollback") await rollBack(fleet.stack, action, say);
  else return commandRollout(fleet, router, action.kind);
  return undefined;
}

async function commandRollout(
  fleet: FleetSession,
  router: Member | undefined,
  command: TrafficCommand,
): Promise<string> {
  if (!router) throw noRouter(fleet);
  return (await commandTraffic(fleet.session, router, { command }, budgetOf(60))).mode;
}

const withoutAudit = (name: string): FleetError =>
  new FleetError({
    code: "LIB_REQUIRED",
    what: `${name} keeps no audit: ${NO_LIBRARY_REASON}.`,
    got: "lib: false",
    expected: "a member with the library",
    remedy: `Read its messages from the network: npx fleet logs ${name}`,
  });
