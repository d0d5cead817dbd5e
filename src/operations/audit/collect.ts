import { join } from "node:path";
import { type Intent, readJournal } from "../../ao/journal/index.ts";
import type { Scheduled } from "../../ao/port.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { isReadCodeEval } from "../../fleet/code/read-code-lua.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { NO_LIBRARY_REASON } from "../../fleet/health/without-library.ts";
import type { History } from "../../fleet/history.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import type { Member as FleetMember } from "../../fleet/members/member.ts";
import { audit } from "../../fleet/protocol/audit.ts";
import { info } from "../../fleet/protocol/info.ts";
import { registry } from "../../fleet/protocol/registry.ts";
import { ledgerOf, readLedger, ruinedIn, runsOf } from "../rollback/ledger.ts";
import { localReleases } from "../rollback/releases.ts";
import type { AuditedMessage, Member, Sources } from "./sources.ts";

/** Reads all sources of an audit. A process that does not answer has no entries; `fleet status` is for its health. */
export async function collect(
  fleet: FleetSession,
  history: History,
  {
    reach,
    seconds,
    note,
  }: { readonly reach: number; readonly seconds: number; readonly note: (line: string) => void },
): Promise<Sources> {
  const { scope, ao } = fleet.session;
  const ledger = ledgerOf(fleet);
  const [entries, registered, journal, releases, members] = await Promise.all([
    ledger && readLedger(fleet, ledger, seconds),
    ledger && registeredIn(fleet, ledger, seconds),
    journals(scope),
    localReleases(scope),
    Promise.all(servingIn(fleet).map((member) => memberOf(fleet, history, member, reach, seconds, note))),
  ]);
  return {
    owner: ao.address,
    ...(entries === undefined ? {} : { runs: runsOf(entries), ruined: ruinedIn(entries) }),
    ...(registered === undefined ? {} : { registered }),
    journal,
    releases,
    members,
    ...(fleet.routed === undefined ? {} : { routed: fleet.routed }),
    now: Date.now(),
  };
}

async function registeredIn(fleet: FleetSession, ledger: FleetMember, seconds: number): Promise<string[]> {
  const { session } = fleet;
  return Object.keys(await registry(session, ledger, session.budget(seconds)));
}

/** What this machine signed for the stack, in deployments and on the command line. Takes no lock: a deployment may be running. */
export async function journals({
  home,
  project,
  stack,
}: Pick<FleetSession["session"]["scope"], "home" | "project" | "stack">): Promise<readonly Intent[]> {
  const [own, cli] = await Promise.all([
    readJournal(join(home, "journal", `${project}.${stack}.jsonl`)),
    readJournal(join(home, "journal", "cli.jsonl")),
  ]);
  return [...own, ...cli.filter(({ key }) => key.startsWith(`cli/${project}/${stack}/`))];
}

/** The part of a message that an audit needs. Pure. */
export const toAuditedMessage = ({
  messageId,
  action,
  from,
  claims,
  slot,
  data,
}: Scheduled): AuditedMessage => ({
  messageId,
  action,
  from,
  ...(claims === undefined ? {} : { claims }),
  slot,
  ...(action === "Eval" && isReadCodeEval(data) ? { isHealthCheck: true } : {}),
});

async function memberOf(
  fleet: FleetSession,
  history: History,
  member: FleetMember,
  reach: number,
  seconds: number,
  note: (line: string) => void,
): Promise<Member> {
  const { name, processId } = member;
  const tried = async <T>(read: (budget: Budget) => Promise<T>): Promise<T | undefined> => {
    try {
      return await read(fleet.session.budget(seconds));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      note(`${name}: ${error.problems[0].what} [${error.code}]`);
      return undefined;
    }
  };
  const latest = await history.latest(processId);
  const order =
    latest === undefined ? [] : await history.range(processId, Math.max(0, latest - reach + 1), latest);
  if (runsWithoutLibrary(member)) note(`${name}: keeps no audit: ${NO_LIBRARY_REASON}`);
  const { session } = fleet;
  const [audited, said] = runsWithoutLibrary(member)
    ? []
    : [
        await tried((budget) => audit(session, member, budget)),
        await tried((budget) => info(session, member, budget, "allowed")),
      ];
  return {
    name,
    processId,
    ...(member.of === undefined ? {} : { of: member.of }),
    messages: order.map(toAuditedMessage),
    ...(audited === undefined ? {} : { entries: audited.entries }),
    ...(audited?.refusals === undefined ? {} : { strangersRefused: audited.refusals.strangers }),
    ...(said === undefined ? {} : { allowed: said.allowed }),
  };
}
