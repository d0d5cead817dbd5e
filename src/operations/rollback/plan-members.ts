import { budgetOf } from "../../core/budget.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import { lastSnapshot } from "../../fleet/snapshot/find.ts";
import { checkGlobals } from "./globals.ts";
import { infoOf } from "./info.ts";
import { countLostMessages } from "./lost-messages.ts";
import type { MemberPlan, PlanRequest } from "./member-plan.ts";
import { isReachable } from "./migrations.ts";
import { planRespawn } from "./plan-respawn.ts";
import { findWarmRevision, planNewRevision, planWarmRevision, servingOf } from "./plan-revisions.ts";
import { plannedState } from "./planned-state.ts";
import { restoreProblem } from "./restore-problem.ts";
import { withUnsaved } from "./unsaved.ts";

/** Plans every member that a rollback touches. Changes nothing. */
export async function planMembers(
  fleet: FleetSession,
  history: () => Promise<History>,
  request: PlanRequest,
): Promise<MemberPlan[]> {
  const { target, only } = request;
  const names = Object.keys(target.declaration).filter((name) => only.length === 0 || only.includes(name));
  const added = fleet.members.filter(
    ({ name }) => only.length === 0 && target.declaration[name] === undefined,
  );
  const plans = await Promise.all(
    names.map(async (name) => {
      const declared = target.declaration[name];
      if (!declared) throw new Error(`no declaration of ${name}`);
      const member = fleet.members.find((known) => known.name === name);
      const planned = await planMember(fleet, history, request, name, declared, member);
      const plan = runsWithoutLibrary(declared) ? { ...planned, plain: true } : planned;
      if (member === undefined || runsWithoutLibrary(member)) return plan;
      return withUnsaved(fleet, request, member, servingOf(request, member), plan);
    }),
  );
  return [
    ...plans,
    ...added.map(({ name, processId }): MemberPlan => ({ name, processId, kind: "left-running" })),
  ];
}

/** A process without the library answers no questions and exports no state: the plan relies on what the last run recorded. */
function planMemberWithoutLibrary(
  { name, processId, version, sourceHash }: Member,
  to: NonNullable<MemberPlan["to"]>,
): MemberPlan {
  const isThere = sourceHash === to.sourceHash && version === to.version;
  const from = { version, sourceHash };
  return { name, processId, kind: isThere ? "settings" : "in-place", from, to };
}

async function planMember(
  fleet: FleetSession,
  history: () => Promise<History>,
  request: PlanRequest,
  name: string,
  declared: DeclaredProcess,
  member: Member | undefined,
): Promise<MemberPlan> {
  const to = { version: declared.version, sourceHash: declared.sourceHash };
  if (!member) return planRespawn(fleet, history, name, to, request.target.members[name]);
  const { processId } = member;
  if (request.silent.includes(name)) return { name, kind: "same", processId };
  if (runsWithoutLibrary(member)) return planMemberWithoutLibrary(member, to);
  const [info, warm] = await Promise.all([
    infoOf(fleet, { ...member, processId: servingOf(request, member) }),
    findWarmRevision(fleet, request, member, to),
  ]);
  const isThere = info?.sourceHash === to.sourceHash && info.version === to.version;
  const isNext = request.newProcess.has(name) && !isThere;
  if (warm || isNext) {
    const plan = warm
      ? await planWarmRevision(fleet, history, request, member, warm, info, to)
      : planNewRevision(request, member, info, to);
    if (plan.carries !== true || plan.problem || plan.lost || !info) return plan;
    const problem = await checkGlobals(fleet, member, servingOf(request, member), declared);
    return problem === undefined ? plan : { ...plan, problem };
  }
  if (!info) return { name, kind: "in-place", processId, to };
  const { version, sourceHash, epoch } = info;
  const base = { name, processId, from: { version, sourceHash }, to, epoch };
  if (isThere) return { ...base, kind: "settings" };
  const wanted = request.target.members[name]?.stateVersion;
  // A release without a state version cannot be judged here: the process does that, and refuses the load as a whole.
  const canMigrate =
    wanted === undefined ||
    info.stateVersion === "" ||
    isReachable(info.migrations, info.stateVersion, wanted);
  // The ledger records the rollback itself: its state is never restored.
  const wantsState = request.restoreState && name !== fleet.ledger;
  if (canMigrate && !wantsState) return { ...base, kind: "in-place" };
  if (name === fleet.ledger)
    return { ...base, kind: "with-state", problem: restoreProblem(name, info, wanted, false) };
  const found = await lastSnapshot(fleet.session, member, to.sourceHash, budgetOf(60));
  const { snapshot, unread } = found;
  if (!snapshot) {
    return { ...base, kind: "with-state", problem: restoreProblem(name, info, wanted, canMigrate, unread) };
  }
  const lost = await countLostMessages(await history(), snapshot);
  return { ...base, kind: "with-state", ...plannedState(found), lost };
}
