import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import type { ReleaseDocument } from "../../providers/release/document.ts";
import type { DeclaredProcess } from "../../providers/release/schema.ts";
import { ask } from "../../providers/run/control.ts";
import { luaList } from "../../providers/run/lua-list.ts";
import { lastSnapshot } from "../../providers/snapshot/find.ts";
import type { Snapshot } from "../../providers/snapshot/store.ts";
import { takeSnapshot } from "../../providers/snapshot/take.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { History } from "../history.ts";
import type { Member } from "../members.ts";
import { isReachable } from "./migrations.ts";

const InfoSchema = z.looseObject({
  status: z.string().default(""),
  version: z.string(),
  sourceHash: z.string().default(""),
  epoch: z.number().int(),
  stateVersion: z.string().default(""),
  migrations: luaList(z.looseObject({ from: z.string(), to: z.string(), down: z.boolean() })),
});
type Info = z.infer<typeof InfoSchema>;

/** What was sent to a process since its earlier state was kept, control messages aside. */
export interface Lost {
  readonly messages: number;
  /** Action → how many. */
  readonly byAction: Readonly<Record<string, number>>;
}

/** How one member gets to where a rollback wants it. */
export interface MemberWay {
  readonly name: string;
  /**
   * `in-place`: the earlier code comes in, the state is migrated down · `with-state`: with the state of then · `warm`: the process of then
   * still runs it, and callers are sent back to that one · `settings`: the code is the same · `new`: it runs no more and is made anew ·
   * `same` · `beside`: it came later and is kept without a place
   */
  readonly kind: "in-place" | "with-state" | "warm" | "settings" | "new" | "same" | "beside";
  readonly processId?: string;
  /** The AO process of then, where that one is warm. */
  readonly warm?: string;
  /** The version and code that it runs, and that it will. */
  readonly from?: { readonly version: string; readonly sourceHash: string };
  readonly to?: { readonly version: string; readonly sourceHash: string };
  readonly snapshot?: Snapshot;
  /** What of its life is not in that snapshot. */
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
  /** Members whose state is in one process alone: callers sent to another one would miss what was handled since. */
  readonly owned?: readonly string[];
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
  const [info, warm] = await Promise.all([
    infoOf(fleet, member),
    warmOf(fleet, member, request.target.members[name]?.processId, to),
  ]);
  if (warm !== undefined) {
    const { version, sourceHash, epoch } = info ?? { version: "", sourceHash: "" };
    const lost = request.owned?.includes(name)
      ? await lostSince(await history(), { processId, slot: 0 })
      : undefined;
    return {
      name,
      processId,
      kind: "warm",
      warm: warm.processId,
      from: { version, sourceHash },
      to,
      ...(lost === undefined ? {} : { lost }),
      epoch: Math.max(epoch ?? 0, warm.epoch),
    };
  }
  if (!info) return { name, kind: "in-place", processId, to };
  const { version, sourceHash, epoch } = info;
  const base = { name, processId, from: { version, sourceHash }, to, epoch };
  if (sourceHash === to.sourceHash && version === to.version) return { ...base, kind: "settings" };
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

/**
 * A member that runs no more is made anew, with the state that its process of then ended with, where that has the shape that the
 * release works on; else with the last one that was kept under that code.
 */
async function anew(
  fleet: FleetSession,
  history: () => Promise<History>,
  name: string,
  to: NonNullable<MemberWay["to"]>,
  then: ReleaseDocument["members"][string] | undefined,
): Promise<MemberWay> {
  if (!then) return { name, kind: "new", to };
  const { processId, generation, stateVersion } = then;
  const place = { name, processId, generation };
  // A retired process still exports.
  const info = await infoOf(fleet, place).catch(nothingOf);
  if (info && (stateVersion === undefined || info.stateVersion === stateVersion)) {
    const occasion = {
      reason: "restore" as const,
      sourceHash: info.sourceHash,
      deploymentId: `anew-${processId.slice(0, 12)}`,
    };
    const snapshot = await takeSnapshot(fleet.session, place, occasion, budgetOf(60)).catch(nothingOf);
    if (snapshot) return { name, kind: "new", to, snapshot };
  }
  const snapshot = await lastSnapshot(fleet.session, place, to.sourceHash, budgetOf(60));
  const lost = await lostSince(await history(), snapshot ?? { processId, slot: 0 }).catch(nothingOf);
  return {
    name,
    kind: "new",
    to,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(lost === undefined ? {} : { lost }),
  };
}

function nothingOf(error: unknown): undefined {
  if (error instanceof FleetError) return undefined;
  throw error;
}

/** The process that the member had under the release, when it is another one and still runs that code. */
async function warmOf(
  fleet: FleetSession,
  member: Member,
  processId: string | undefined,
  to: { readonly sourceHash: string },
): Promise<{ processId: string; epoch: number } | undefined> {
  if (processId === undefined || processId === member.processId) return undefined;
  // Whatever one that does not answer is, it is not warm.
  const info = await infoOf(fleet, { ...member, processId }).catch(nothingOf);
  if (info?.status !== "ACTIVE" || info.sourceHash !== to.sourceHash) return undefined;
  return { processId, epoch: info.epoch };
}

async function infoOf(
  fleet: FleetSession,
  member: Pick<Member, "name" | "processId" | "generation">,
): Promise<Info | undefined> {
  try {
    return await ask(fleet.session, { ...member, action: "Info" }, InfoSchema, budgetOf(60));
  } catch (error) {
    // Something else than the fleet's code runs in it: loading code is what mends that.
    if (error instanceof FleetError && (error.code === "NO_REPLY" || error.code === "PROCESS_ERROR"))
      return undefined;
    throw error;
  }
}

function noWay(name: string, info: Info, wanted: string | undefined, canMigrate: boolean): Problem {
  if (canMigrate) {
    return {
      code: "SNAPSHOT_GONE",
      what: `The state that ${name} had under that release was not kept.`,
      expected: "a snapshot, taken here or on the network before it was upgraded",
      remedy: "Leave out --restore-state: its state of now is migrated down.",
    };
  }
  return {
    code: "NO_WAY_BACK",
    what: `${name} cannot go back: its states have the shape ${info.stateVersion}, that release works on ${wanted}, and no migration leads down.`,
    got: `migrations ${info.migrations.map(({ from, to, down }) => `${from} → ${to}${down ? "" : " (no down)"}`).join(", ") || "none"}; no snapshot of that time`,
    expected: "a `down` for every migration on the way, or a snapshot",
    remedy: `Go forward: mend ${name} and deploy it; or leave it as it is: --only with the other members.`,
  };
}

/** Actions that change nothing that a client did. */
const CONTROL = new Set([
  "Eval",
  "Info",
  "HEALTH_CHECK",
  "GET_STATISTICS",
  "UPDATE_CONFIG",
  "GET_CONFIG",
  "WIRE_PEERS",
  "RETIRE",
  "RESUME",
  "DRAIN",
  "EXPORT_STATE",
  "IMPORT_STATE",
  "SET_ALLOWED",
  "AUDIT",
  "LOGS",
  "PROBE_PEERS",
  "PROCESS_DISCOVERY",
  "LEDGER",
  "DEPLOYMENT_STATUS",
]);

/** Slots read at once. */
const PAGE = 500;

async function lostSince(
  history: History,
  { processId, slot }: Pick<Snapshot, "processId" | "slot">,
): Promise<Lost> {
  const latest = (await history.latest(processId)) ?? slot;
  const byAction: Record<string, number> = {};
  for (let from = slot + 1; from <= latest; from += PAGE) {
    for (const { action } of await history.range(processId, from, Math.min(latest, from + PAGE - 1))) {
      if (CONTROL.has(action) || action === "(spawn)") continue;
      byAction[action] = (byAction[action] ?? 0) + 1;
    }
  }
  return { messages: Object.values(byAction).reduce((sum, n) => sum + n, 0), byAction };
}

/** A line for each member that something happens to. */
export function wayLines(ways: readonly MemberWay[]): string[] {
  const shown = ways.filter(({ kind }) => kind !== "same");
  const width = Math.max(8, ...shown.map(({ name }) => name.length));
  return shown.map((way) => `  ${way.name.padEnd(width)}  ${wordsOf(way)}`);
}

function wordsOf({ kind, from, to, snapshot, lost }: MemberWay): string {
  const code = `${from ? `${from.version} ${from.sourceHash.slice(0, 8)}` : "?"} → ${to?.version} ${to?.sourceHash.slice(0, 8)}`;
  if (kind === "beside") return "came later: it is kept as it runs, and nobody is told of it";
  if (kind === "warm") {
    const missed = lost && lost.messages > 0 ? `; ${lostWords(lost)} not in its state` : "";
    return `is warm: callers go back to its process of then, ${code}${missed}`;
  }
  if (kind === "settings") return "same code; its settings and peers go with the release";
  if (kind === "in-place") return `in place, ${code}, its state is kept`;
  if (kind === "new") {
    const state = snapshot
      ? `with its state of ${snapshot.takenAt} (${snapshot.digest.slice(0, 8)})`
      : "without a state";
    return `is made anew, ${state}: it does not run any more (${to?.version})${lost && lost.messages > 0 ? `; ${lostWords(lost)} lost` : ""}`;
  }
  const when = snapshot ? ` of ${snapshot.takenAt} (${snapshot.digest.slice(0, 8)})` : "";
  return `in place, ${code}, with its state${when}${lost && lost.messages > 0 ? `; ${lostWords(lost)} lost` : ""}`;
}

/** `3 messages (2 ADD, 1 GREET) are`. */
export function lostWords({ messages, byAction }: Lost): string {
  const parts = Object.entries(byAction)
    .sort(([, a], [, b]) => b - a)
    .map(([action, count]) => `${count} ${action || "without action"}`);
  const more = parts.length > 5 ? `, … ${parts.length - 5} more` : "";
  return `${messages} message${messages === 1 ? "" : "s"} (${parts.slice(0, 5).join(", ")}${more}) ${messages === 1 ? "is" : "are"}`;
}
