/** Members whose code gets a process beside the one that serves: the process of then, where it still runs, or another new one. */
import type { Problem } from "../../core/errors.ts";
import { heaviest } from "../../delivery/index.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type Info, infoOf, nothingOf } from "./info.ts";
import { lostSince } from "./lost.ts";
import type { MemberWay, WayRequest } from "./member-way.ts";
import { isReachable } from "./migrations.ts";

type Code = NonNullable<MemberWay["to"]>;

/** Processes that get requests for a member, the one with most of them first; undefined where no table names it. Pure. */
function sharersOf({ table }: WayRequest, name: string): string[] | undefined {
  const service = table?.table?.services[name];
  if (!service) return undefined;
  const first = heaviest(service);
  const others = service.routes.filter(({ weightBp, processId }) => weightBp > 0 && processId !== first);
  return [first, ...others.map(({ processId }) => processId)];
}

/** The process that serves: the one with most requests where a table says so, else the one that the manifest names. Pure. */
export const servingOf = (request: WayRequest, { name, processId }: Member): string =>
  sharersOf(request, name)?.[0] ?? processId;

/** A process beside the one that serves, which runs the wanted code. */
interface Warm {
  readonly processId: string;
  readonly info: Info;
}

/** The process of then, or any other that the stack holds with the same code, when it runs and callers are not at it alone. */
export async function warmOf(
  fleet: FleetSession,
  request: WayRequest,
  member: Member,
  to: Code,
): Promise<Warm | undefined> {
  const { name } = member;
  if (request.traffic?.services[name] === undefined) return undefined;
  const same = (request.traffic.held[name] ?? []).filter(
    ({ sourceHash, version }) => sourceHash === to.sourceHash && version === to.version,
  );
  const then = request.target.members[name]?.processId;
  const ids = [...(then === undefined ? [] : [then]), ...same.map(({ processId }) => processId)];
  const sharers = sharersOf(request, name) ?? [member.processId];
  for (const processId of new Set(ids)) {
    if (sharers.every((id) => id === processId) && processId === member.processId) return undefined;
    // Whatever one that does not answer is, it is not warm.
    const info = await infoOf(fleet, { ...member, processId }).catch(nothingOf);
    const runs = info?.status === "ACTIVE" || info?.status === "DRAINING";
    if (info && runs && info.sourceHash === to.sourceHash) return { processId, info };
  }
  return undefined;
}

/** Back to a warm process. State that one process owns is handed over to it by the run, where the one that serves can still be asked. */
export async function warmWay(
  history: () => Promise<History>,
  request: WayRequest,
  member: Member,
  { processId, info: then }: Warm,
  now: Info | undefined,
  to: Code,
): Promise<MemberWay> {
  const { name } = member;
  const serving = servingOf(request, member);
  const carries = request.traffic?.services[name]?.state !== "none" && serving !== processId;
  const way: MemberWay = {
    name,
    processId: member.processId,
    kind: "warm",
    warm: processId,
    ...(now ? { from: { version: now.version, sourceHash: now.sourceHash } } : {}),
    to,
    ...(then.status === "DRAINING" ? { drains: true } : {}),
    ...(carries ? { carries } : {}),
    epoch: Math.max(now?.epoch ?? 0, then.epoch),
  };
  if (!carries) return way;
  if (!now) {
    if (!request.emergency) return { ...way, problem: silent(name) };
    return { ...way, lost: await lostSince(await history(), { processId: serving, slot: 0 }) };
  }
  return isReachable(then.migrations, now.stateVersion, then.stateVersion)
    ? way
    : { ...way, problem: noShape(name, now.stateVersion, then.stateVersion) };
}

/** No process runs that code any more: the run makes one beside the one that serves, and hands the state over. Pure. */
export function nextWay(
  request: WayRequest,
  { name, processId }: Member,
  now: Info | undefined,
  to: Code,
): MemberWay {
  const wanted = request.target.members[name]?.stateVersion;
  const carries = (request.traffic?.services[name]?.state ?? "owned") !== "none";
  const way: MemberWay = {
    name,
    processId,
    kind: "next",
    ...(now ? { from: { version: now.version, sourceHash: now.sourceHash }, epoch: now.epoch } : {}),
    to,
    ...(carries ? { carries } : {}),
  };
  if (!carries) return way;
  if (!now) return { ...way, problem: silent(name) };
  return wanted === undefined || wanted === now.stateVersion
    ? way
    : { ...way, problem: noShape(name, now.stateVersion, wanted) };
}

const silent = (name: string): Problem => ({
  code: "NO_WAY_BACK",
  what: `${name} cannot go back: its state is in a process that does not answer, so it cannot be handed over.`,
  got: "no answer of the process that serves",
  expected: "its state",
  remedy: `npx fleet logs ${name}; or, where its process of then is warm: --emergency --accept-divergence, which leaves that state behind.`,
});

const noShape = (name: string, now: string, then: string): Problem => ({
  code: "NO_WAY_BACK",
  what: `${name} cannot go back: its states have the shape ${now}, and the code of that release, in a process of its own, works on ${then}.`,
  got: `shape ${now}`,
  expected: `shape ${then}, or a migration from ${now} that the code of that release knows`,
  remedy: `Go forward: mend ${name} and deploy it; or leave it as it is: --only with the other members.`,
});
