/** What a move carries, and every reason why it cannot: found by reads alone, before anything is changed. */
import { isPermanent } from "../../ao/network.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type Info, info } from "../../fleet/protocol/info.ts";
import { type ExportFacts, exportFacts } from "../../fleet/snapshot/take.ts";
import { type Carried, carriedIn, containsRouter, readCarried } from "./carried.ts";
import * as problem from "./problems.ts";

/** The two fleets of a move, which are declared alike. */
export interface Sides {
  readonly source: FleetSession;
  readonly target: FleetSession;
}

export interface MoveOptions {
  /** Identifies the move. */
  readonly id: string;
  /** Members whose new process starts without the old one's state. */
  readonly withoutState: readonly string[];
  /** Members of which what no export contains may be lost. */
  readonly acceptLoss: readonly string[];
  /** Time limit in seconds of each answer. */
  readonly seconds: number;
  /** Whether a move from this machine was killed: then it may have stopped the old processes. */
  readonly isContinued: boolean;
}

/** The state that a member's old process has at the time of the plan. */
export interface Carries {
  /** Undefined if requests changed it while it was read. */
  readonly given?: Carried;
  /** Whether a router's table is left out of it. */
  readonly hasRouter: boolean;
  /** The code that the two processes run. */
  readonly sourceHash: string;
  readonly targetHash: string;
}

/** One member of a move. */
export interface MemberMove {
  readonly name: string;
  /** The old process. */
  readonly from: Member;
  /** The new process. */
  readonly to: Member;
  /** Whether the old process is made to refuse requests. */
  readonly drains: boolean;
  /** Members that the old process calls. */
  readonly peers: readonly string[];
  /** Undefined if the new process keeps its own state. */
  readonly carries?: Carries;
  /** Why the new process keeps its own state: it is the ledger, or the command said so. */
  readonly own?: "ledger" | "chosen";
}

export interface MovePlan {
  readonly members: readonly MemberMove[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

type Looked = { readonly member?: MemberMove } & Pick<MovePlan, "problems" | "warnings">;

const refused = (...problems: Problem[]): Looked => ({ problems, warnings: [] });

/** The stacks in which the messages of a plan stay for good, and may cost something: each process gets `Info` and `EXPORT_STATE`. Pure. */
export const permanentIn = ({ source, target }: Sides): string[] =>
  [source, target].filter(({ session }) => isPermanent(session.network)).map(({ stack }) => stack);

/** Reads both fleets by signed messages and changes nothing. Never throws for what a person can fix: that is in `problems`. */
export async function planMove(sides: Sides, options: MoveOptions): Promise<MovePlan> {
  const members = [...sides.source.members].sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = members.map(({ name }) => name);
  const unknown = [...options.withoutState, ...options.acceptLoss].filter((name) => !names.includes(name));
  const looked = await Promise.all(
    members.map((member) =>
      lookAt(sides, member, options).catch((error: unknown) => {
        if (error instanceof FleetError) return refused(...error.problems);
        throw error;
      }),
    ),
  );
  return {
    members: looked.flatMap(({ member }) => member ?? []),
    problems: [
      ...fleetProblems(sides),
      ...[...new Set(unknown)].map((name) => problem.unknownMember(name, names)),
      ...looked.flatMap(({ problems }) => problems),
    ],
    warnings: looked.flatMap(({ warnings }) => warnings),
  };
}

const fleetProblems = ({ source, target }: Sides): Problem[] =>
  [source, target].flatMap(({ stack, members, sharing = [] }) => [
    ...(members.length === 0 ? [problem.nothingDeployed(stack)] : []),
    ...(sharing.length === 0
      ? []
      : [
          problem.rolloutOpen(
            stack,
            sharing.map(({ name }) => name),
          ),
        ]),
  ]);

async function lookAt(sides: Sides, from: Member, options: MoveOptions): Promise<Looked> {
  const { source, target } = sides;
  const { name } = from;
  const to = target.members.find((one) => one.name === name);
  // Of a target without members, one problem says enough.
  if (to === undefined)
    return refused(...(target.members.length === 0 ? [] : [problem.memberMissing(name, target.stack)]));
  if (to.processId === from.processId) return refused(problem.sameProcess(name, to.processId));
  const base = { name, from, to };
  if (name === source.ledger || name === target.ledger)
    return {
      member: { ...base, drains: false, peers: [], own: "ledger" },
      ...refused(),
    };
  const isChosen = options.withoutState.includes(name);
  const bare = [
    ...(runsWithoutLibrary(from) ? [source.stack] : []),
    ...(runsWithoutLibrary(to) ? [target.stack] : []),
  ];
  if (bare.length > 0 && !isChosen)
    return refused(...bare.map((stack) => problem.withoutLibrary(name, stack)));
  if (runsWithoutLibrary(from))
    return {
      member: { ...base, drains: false, peers: [], own: "chosen" },
      problems: [],
      warnings: [problem.keepsAnswering(name, source.stack)],
    };
  const old = await ask(source, from, options);
  const now = runsWithoutLibrary(to) ? undefined : await ask(target, to, options);
  const stopped = [
    ...(isServing(old.status, options) ? [] : [problem.sourceStopped(name, source.stack, old.status)]),
    ...(now === undefined || TAKING.includes(now.status)
      ? []
      : [problem.targetStopped(name, target.stack, now.status)]),
    ...(!isChosen && old.status === "DRAINING" && options.isContinued && now?.status === "ACTIVE"
      ? [problem.targetServes(name, source.stack, target.stack)]
      : []),
  ];
  const member = { ...base, drains: true, peers: Object.keys(old.peers) };
  if (isChosen || now === undefined)
    return { member: { ...member, own: "chosen" }, problems: stopped, warnings: [] };
  const state = await lookAtState(sides, member, [old, now], options);
  return { ...state, problems: [...stopped, ...state.problems] };
}

type Reported = Info<"status" | "epoch">;

const ask = ({ session }: FleetSession, member: Member, { seconds }: MoveOptions): Promise<Reported> =>
  info(session, member, budgetOf(seconds), "status", "epoch");

/** Statuses of a new process that can take a state: an earlier move may have stopped it. */
const TAKING: readonly string[] = ["ACTIVE", "DRAINING"];

/** Whether an old process has the state that counts: it serves, or only a move from this machine stopped it. */
const isServing = (status: string, { isContinued }: MoveOptions): boolean =>
  status === "ACTIVE" || (status === "DRAINING" && isContinued);

/** Reads the states of both processes, and whether the old one can be moved whole. */
async function lookAtState(
  { source, target }: Sides,
  member: MemberMove,
  [old, now]: readonly [Reported, Reported],
  options: MoveOptions,
): Promise<Looked> {
  const { name, from, to } = member;
  const { id, seconds } = options;
  const occasion = { id, sourceHash: old.sourceHash };
  const [whole, held] = await Promise.all([
    readCarried(source, from, occasion, false, budgetOf(seconds)).catch(unlessChanged),
    exportFacts(target.session, to, budgetOf(seconds)),
  ]);
  const has = whole?.exported ?? (await exportFacts(source.session, from, budgetOf(seconds)));
  const hasRouter = await containsRouter(source, from, whole?.exported.text, budgetOf(seconds));
  const carries = {
    ...(whole === undefined ? {} : { given: carriedIn(whole.exported, hasRouter) }),
    ...{ hasRouter, sourceHash: old.sourceHash, targetHash: now.sourceHash },
  };
  return {
    member: { ...member, carries },
    problems: stateProblems(member, { source, target }, carries, [has, held], now.handlers, options),
    warnings: stateWarnings(source, name, carries, has),
  };
}

/** For `catch`: a state that requests change meanwhile is read once its process refuses them. */
function unlessChanged(error: unknown): undefined {
  if (!(error instanceof FleetError) || error.code !== "STATE_CHANGED") throw error;
}

function stateProblems(
  { name }: MemberMove,
  { source, target }: Sides,
  { given, sourceHash, targetHash }: Carries,
  [has, held]: readonly [ExportFacts, ExportFacts],
  registered: readonly string[],
  { acceptLoss }: MoveOptions,
): Problem[] {
  const { unknown, code, hasGlobals, stateVersion } = has;
  const isAccepted = acceptLoss.includes(name);
  // The new process registers these itself.
  const items = (code?.items ?? []).filter((one) => one.kind !== "HANDLER" || !registered.includes(one.name));
  const count = (code?.count ?? 0) - ((code?.items.length ?? 0) - items.length);
  const shapes = [stateVersion, held.stateVersion] as const;
  return [
    ...(hasGlobals ? [] : [problem.oldLibrary(name, source.stack)]),
    ...(held.hasGlobals ? [] : [problem.oldLibrary(name, target.stack)]),
    ...(shapes[0] === shapes[1] ? [] : [problem.otherShape(name, shapes)]),
    ...(held.takesParts || given === undefined || given.bytes <= problem.MAX_STATE
      ? []
      : [problem.tooLarge(name, target.stack, given.bytes)]),
    ...(count === 0 || isAccepted ? [] : [problem.stateInCode(name, { items, count })]),
    // Equal code set equal values, so moving one that no message changed changes nothing.
    ...(unknown.length === 0 || isAccepted || sourceHash === targetHash
      ? []
      : [problem.globalsNotCompared(name, unknown)]),
  ];
}

function stateWarnings(
  source: FleetSession,
  name: string,
  { given, sourceHash, targetHash }: Carries,
  { left, code }: ExportFacts,
): Problem[] {
  const text = given === undefined ? "" : JSON.stringify(given.state);
  const named = source.members.filter(({ processId }) => text.includes(processId));
  const large = code?.notCompared ?? [];
  return [
    ...(sourceHash === targetHash ? [] : [problem.otherCode(name, [sourceHash, targetHash])]),
    ...(given === undefined ? [problem.stateChanging(name)] : []),
    ...(left.length === 0 ? [] : [problem.leftBehind(name, left)]),
    ...(large.length === 0 ? [] : [problem.modulesNotCompared(name, large)]),
    ...(named.length === 0
      ? []
      : [
          problem.oldIds(
            name,
            named.map((one) => one.name),
          ),
        ]),
  ];
}
