import { join } from "node:path";
import { type Intent, readJournal } from "../../ao/journal/index.ts";
import type { Scheduled } from "../../ao/port.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
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
import { leftIn } from "./processes.ts";
import type { AuditedMessage, Member, Sources } from "./sources.ts";

/** Reads all sources of an audit. What cannot be read of a process is a finding; `fleet status` is for its health. */
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
  const sources: Sources = {
    owner: ao.address,
    ...(entries === undefined ? {} : { runs: runsOf(entries), ruined: ruinedIn(entries) }),
    ...(registered === undefined ? {} : { registered }),
    journal,
    releases,
    members,
    ...(fleet.routed === undefined ? {} : { routed: fleet.routed }),
    now: Date.now(),
  };
  // Only pulumi reads the state, which takes seconds: only if there is something to look up.
  const revisions = leftIn(sources).length > 0 ? await revisionsOf(fleet) : undefined;
  return revisions === undefined ? sources : { ...sources, held: heldIn(revisions) };
}

/** The members' revisions in the stack's state; undefined if it cannot be read. */
const revisionsOf = async (fleet: FleetSession): Promise<FleetSession["revisions"]> =>
  fleet.revisions ?? (await fleet.readRevisions?.().catch(tolerate(undefined, "STATE_UNREADABLE")));

const heldIn = (revisions: NonNullable<FleetSession["revisions"]>): string[] =>
  Object.values(revisions).flatMap((list) => list.map(({ processId }) => processId));

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
  sentTo,
  slot,
  data,
}: Scheduled): AuditedMessage => ({
  messageId,
  action,
  from,
  ...(claims === undefined ? {} : { claims }),
  ...(sentTo === undefined ? {} : { sentTo }),
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
  const unread: { order?: string; audit?: string } = {};
  const tried = async <T>(what: keyof typeof unread, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      unread[what] = `${error.problems[0].what} [${error.code}]`;
      return undefined;
    }
  };
  const order = await tried("order", async () => {
    const latest = await history.latest(processId);
    return latest === undefined ? [] : history.range(processId, Math.max(0, latest - reach + 1), latest);
  });
  const hasLibrary = !runsWithoutLibrary(member);
  if (!hasLibrary) note(`${name}: keeps no audit: ${NO_LIBRARY_REASON}`);
  const { session } = fleet;
  // Entries of those whom the process allows would be a stranger's if that could not be read.
  const own = hasLibrary
    ? await tried("audit", async () => ({
        audited: await audit(session, member, session.budget(seconds)),
        said: await info(session, member, session.budget(seconds), "allowed"),
      }))
    : undefined;
  return {
    name,
    processId,
    ...(member.of === undefined ? {} : { of: member.of }),
    ...(order === undefined ? {} : { messages: order.map(toAuditedMessage) }),
    ...(own === undefined ? {} : { entries: own.audited.entries, allowed: own.said.allowed }),
    ...(own?.audited.refusals === undefined ? {} : { strangersRefused: own.audited.refusals.strangers }),
    ...(Object.keys(unread).length === 0 ? {} : { unread }),
  };
}
