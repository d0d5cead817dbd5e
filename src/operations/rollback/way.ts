import { budgetOf } from "../../core/budget.ts";
import { isBare } from "../../fleet/code/bare.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import { lastSnapshot } from "../../fleet/snapshot/find.ts";
import { anew } from "./anew.ts";
import { globalsLeft } from "./globals.ts";
import { infoOf } from "./info.ts";
import { lostSince } from "./lost.ts";
import type { MemberWay, WayRequest } from "./member-way.ts";
import { isReachable } from "./migrations.ts";
import { noWay } from "./no-way.ts";
import { nextWay, servingOf, warmOf, warmWay } from "./warm.ts";

/** Looks at every member that a rollback touches. Changes nothing. */
export async function waysTo(
  fleet: FleetSession,
  history: () => Promise<History>,
  request: WayRequest,
): Promise<MemberWay[]> {
  const { target, only } = request;
  const names = Object.keys(target.declaration).filter((name) => only.length === 0 || only.includes(name));
  const beside = fleet.members.filter(
    ({ name }) => only.length === 0 && target.declaration[name] === undefined,
  );
  const ways = await Promise.all(
    names.map((name) => {
      const declared = target.declaration[name];
      if (!declared) throw new Error(`no declaration of ${name}`);
      const member = fleet.members.find((known) => known.name === name);
      return wayOf(fleet, history, request, name, declared, member);
    }),
  );
  return [...ways, ...beside.map(({ name, processId }): MemberWay => ({ name, processId, kind: "beside" }))];
}

/** Nothing in a process without the library can be asked, and none of its state is kept: what the last run left is what runs. */
function bareWay(
  { name, processId, version, sourceHash }: Member,
  to: NonNullable<MemberWay["to"]>,
): MemberWay {
  const isThere = sourceHash === to.sourceHash && version === to.version;
  const from = { version, sourceHash };
  return { name, processId, kind: isThere ? "settings" : "in-place", from, to };
}

async function wayOf(
  fleet: FleetSession,
  history: () => Promise<History>,
  request: WayRequest,
  name: string,
  declared: DeclaredProcess,
  member: Member | undefined,
): Promise<MemberWay> {
  const to = { version: declared.version, sourceHash: declared.sourceHash };
  if (!member) return anew(fleet, history, name, to, request.target.members[name]);
  const { processId } = member;
  if (request.silent.includes(name)) return { name, kind: "same", processId };
  if (isBare(member)) return bareWay(member, to);
  const [info, warm] = await Promise.all([
    infoOf(fleet, { ...member, processId: servingOf(request, member) }),
    warmOf(fleet, request, member, to),
  ]);
  const isThere = info?.sourceHash === to.sourceHash && info.version === to.version;
  const isNext = request.besides.has(name) && !isThere;
  if (warm || isNext) {
    const way = warm
      ? await warmWay(history, request, member, warm, info, to)
      : nextWay(request, member, info, to);
    if (way.carries !== true || way.problem || !info) return way;
    const problem = await globalsLeft(fleet, member, servingOf(request, member), declared);
    return problem === undefined ? way : { ...way, problem };
  }
  if (!info) return { name, kind: "in-place", processId, to };
  const { version, sourceHash, epoch } = info;
  const base = { name, processId, from: { version, sourceHash }, to, epoch };
  if (isThere) return { ...base, kind: "settings" };
  const wanted = request.target.members[name]?.stateVersion;
  // What a release did not say of itself cannot be judged here: the process judges it, and refuses as a whole.
  const canMigrate =
    wanted === undefined ||
    info.stateVersion === "" ||
    isReachable(info.migrations, info.stateVersion, wanted);
  // The ledger is the record of the rollback itself: its state only ever goes on.
  const wantsState = request.restoreState && name !== fleet.ledger;
  if (canMigrate && !wantsState) return { ...base, kind: "in-place" };
  if (name === fleet.ledger)
    return { ...base, kind: "with-state", problem: noWay(name, info, wanted, false) };
  const snapshot = await lastSnapshot(fleet.session, member, to.sourceHash, budgetOf(60));
  if (!snapshot) {
    return { ...base, kind: "with-state", problem: noWay(name, info, wanted, canMigrate) };
  }
  const lost = await lostSince(await history(), snapshot);
  return { ...base, kind: "with-state", snapshot, lost };
}
