/** Members whose strategy uses a process per revision: the earlier process if it still runs, otherwise a new one. */
import { type Problem, tolerate } from "../../core/errors.ts";
import { heaviest } from "../../delivery/index.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type Info, infoOf } from "./info.ts";
import { countLostMessages, sumOfLost } from "./lost-messages.ts";
import type { MemberPlan, PlanRequest } from "./member-plan.ts";
import { isReachable } from "./migrations.ts";

type Code = NonNullable<MemberPlan["to"]>;

/** Processes that receive a member's requests, the one with the largest share first; undefined if no table names the member. Pure. */
function sharersOf({ table }: PlanRequest, name: string): string[] | undefined {
  const service = table?.table?.services[name];
  if (!service) return undefined;
  const first = heaviest(service);
  const others = service.routes.filter(({ weightBp, processId }) => weightBp > 0 && processId !== first);
  return [first, ...others.map(({ processId }) => processId)];
}

/** The process that serves: the one with the largest share in the table, otherwise the one in the manifest. Pure. */
export const servingOf = (request: PlanRequest, { name, processId }: Member): string =>
  sharersOf(request, name)?.[0] ?? processId;

/** A process that runs the wanted code next to the one that serves. */
interface Warm {
  readonly processId: string;
  readonly info: Info;
}

/** The earlier process, or any other in the stack with the same code, if it runs and does not already have all callers. */
export async function findWarmRevision(
  fleet: FleetSession,
  request: PlanRequest,
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
    // A process that does not answer is not warm.
    const info = await infoOf(fleet, { ...member, processId }).catch(tolerate(undefined));
    const runs = info?.status === "ACTIVE" || info?.status === "DRAINING";
    if (info && runs && info.sourceHash === to.sourceHash) return { processId, info };
  }
  return undefined;
}

/** Plans the return to a warm process. The run hands the state over to it if every process that has some still answers. */
export async function planWarmRevision(
  fleet: FleetSession,
  history: () => Promise<History>,
  request: PlanRequest,
  member: Member,
  { processId, info: then }: Warm,
  now: Info | undefined,
  to: Code,
): Promise<MemberPlan> {
  const { name } = member;
  const serving = servingOf(request, member);
  const sharers = sharersOf(request, name) ?? [serving];
  const state = request.traffic?.services[name]?.state;
  const others = sharers.filter((id) => id !== processId);
  const carries = state !== "none" && others.length > 0;
  const plan: MemberPlan = {
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
  if (!carries) return plan;
  // State that is partitioned by key is with every process that has a share.
  const owners = state === "partitioned" ? others : [serving];
  const answers = await Promise.all(
    owners.map((id) => (id === serving ? now : infoOf(fleet, { ...member, processId: id }))),
  );
  if (answers.includes(undefined)) {
    if (!request.emergency) return { ...plan, problem: silentProblem(name) };
    const from = await history();
    const counts = owners.map((id) => countLostMessages(from, { processId: id, slot: 0 }));
    return { ...plan, lost: sumOfLost(await Promise.all(counts)) };
  }
  const unreachable = answers.find(
    (one) => one && !isReachable(then.migrations, one.stateVersion, then.stateVersion),
  );
  return unreachable === undefined
    ? plan
    : { ...plan, problem: shapeProblem(name, unreachable.stateVersion, then.stateVersion) };
}

/** Plans a new process next to the one that serves, because no process runs that code any more; the run hands the state over. Pure. */
export function planNewRevision(
  request: PlanRequest,
  { name, processId }: Member,
  now: Info | undefined,
  to: Code,
): MemberPlan {
  const wanted = request.target.members[name]?.stateVersion;
  const carries = (request.traffic?.services[name]?.state ?? "owned") !== "none";
  const plan: MemberPlan = {
    name,
    processId,
    kind: "next",
    ...(now ? { from: { version: now.version, sourceHash: now.sourceHash }, epoch: now.epoch } : {}),
    to,
    ...(carries ? { carries } : {}),
  };
  if (!carries) return plan;
  if (!now) return { ...plan, problem: silentProblem(name) };
  return wanted === undefined || wanted === now.stateVersion
    ? plan
    : { ...plan, problem: shapeProblem(name, now.stateVersion, wanted) };
}

const silentProblem = (name: string): Problem => ({
  code: "ROLLBACK_IMPOSSIBLE",
  what: `${name} cannot be rolled back: its state cannot be handed over, because a process that holds it does not answer.`,
  got: "no answer from a process that serves",
  expected: "its state",
  remedy: `npx fleet logs ${name}; or, if its earlier process is warm: --emergency --accept-divergence, which leaves that state behind.`,
});

const shapeProblem = (name: string, now: string, then: string): Problem => ({
  code: "ROLLBACK_IMPOSSIBLE",
  what: `${name} cannot be rolled back: its state has the shape ${now}, and the code of that release, in a process of its own, works on ${then}.`,
  got: `shape ${now}`,
  expected: `shape ${then}, or a migration from ${now} in the code of that release`,
  remedy: `Go forward: fix ${name} and deploy it; or leave it out: --only with the other members.`,
});
