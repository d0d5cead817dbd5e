import { budgetOf } from "../../core/budget.ts";
import type { Problem } from "../../core/errors.ts";
import type { TrafficState } from "../../delivery/wire.ts";
import type { History } from "../../fleet/history.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { lastSnapshot } from "../../fleet/snapshot/find.ts";
import type { Snapshot } from "../../fleet/snapshot/store.ts";
import { isBare } from "../bare.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Member } from "../members.ts";
import { anew } from "./anew.ts";
import { globalsLeft } from "./globals.ts";
import { infoOf } from "./info.ts";
import { type Lost, lostSince } from "./lost.ts";
import { isReachable } from "./migrations.ts";
import { noWay } from "./no-way.ts";
import type { Traffic } from "./stack.ts";
import { nextWay, servingOf, warmOf, warmWay } from "./warm.ts";

/** How one member gets to where a rollback wants it. */
export interface MemberWay {
  readonly name: string;
  /**
   * `in-place`: the earlier code comes in, the state is migrated down · `with-state`: with the state of then · `warm`: a process that still
   * runs it gets the callers back · `next`: a new process with it, beside the one that serves · `settings`: the code is the same · `new`: it
   * runs no more and is made anew · `same` · `beside`: it came later and is kept without a place
   */
  readonly kind: "in-place" | "with-state" | "warm" | "next" | "settings" | "new" | "same" | "beside";
  readonly processId?: string;
  /** The AO process that runs the code of then, where there is one beside. */
  readonly warm?: string;
  /** That one refuses requests until its state is handed back. */
  readonly drains?: boolean;
  /** The state of now is in the process that serves, and has to go along. */
  readonly carries?: boolean;
  /** The version and code that it runs, and that it will. */
  readonly from?: { readonly version: string; readonly sourceHash: string };
  readonly to?: { readonly version: string; readonly sourceHash: string };
  readonly snapshot?: Snapshot;
  /** What of its life is not in the state that it goes back to. */
  readonly lost?: Lost;
  /** Why there is no way. */
  readonly problem?: Problem;
  /** Its epoch now; undefined when it does not answer. */
  readonly epoch?: number;
}

export interface WayRequest {
  readonly target: ReleaseDocument;
  /** Members that go back; all when empty. */
  readonly only: readonly string[];
  /** Puts the states of then back, too, where there is a way down. */
  readonly restoreState: boolean;
  /** Members that are not asked. */
  readonly silent: readonly string[];
  /** The router and its services, where traffic is given by a table. */
  readonly traffic?: Traffic | undefined;
  /** What the router says of itself. */
  readonly table?: TrafficState | undefined;
  /** Members whose code gets a process beside the one that serves, and is never loaded into that one. */
  readonly besides: ReadonlySet<string>;
  /** Callers first: a state that cannot be asked for may stay behind. */
  readonly emergency: boolean;
}

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
