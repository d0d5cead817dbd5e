/** State that a rollback would lose because it cannot be saved before the code is changed: found before anything is. */
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { isPlain } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { ProcessRef } from "../../fleet/health/verdict.ts";
import type { Member } from "../../fleet/members/member.ts";
import { exportedState, exportReport } from "../../fleet/protocol/state.ts";
import { type Exported, inCodeText } from "../../fleet/snapshot/contents.ts";
import { isUnsupported } from "../../fleet/snapshot/unsupported.ts";
import type { MemberPlan, PlanRequest, UnsavedState } from "./member-plan.ts";

/** Seconds for the export of one member; in an emergency callers wait. */
const SECONDS = 60;
const EMERGENCY_SECONDS = 15;

/** The same with its member. */
export type UnsavedMember = UnsavedState & { readonly name: string };

/** Everything that a rollback's plans would lose. Pure. */
export const unsavedOf = (plans: readonly MemberPlan[]): UnsavedMember[] =>
  plans.flatMap(({ name, unsaved = [] }) => unsaved.map((one) => ({ name, ...one })));

/** `counter: its state …`, for a plan and for the summary. Pure. */
export const unsavedLine = ({ name, code, text }: { name: string; code: string; text: string }): string =>
  `${name}: ${text} [${code}]`;

/**
 * The plan with what it would lose. Only code that is loaded in place, or gets a new process, replaces what an export does not contain; a
 * warm process keeps its own.
 */
export async function withUnsaved(
  fleet: FleetSession,
  request: PlanRequest,
  member: Member,
  serving: string,
  plan: MemberPlan,
): Promise<MemberPlan> {
  const inPlace = plan.kind === "in-place" || plan.kind === "with-state";
  const isNext = plan.kind === "next" && plan.carries === true;
  if (plan.problem !== undefined || !(inPlace || isNext)) return plan;
  const { name } = member;
  const { target, current } = request;
  const policy = current?.policies?.[name] ?? target.policies?.[name];
  const isDeclared = policy?.state === "none" || policy?.globals !== undefined;
  const place = { ...member, processId: serving };
  const unsaved = await lookAt(fleet, place, isNext ? undefined : policy?.globals, request).then(
    (given) => (isDeclared ? [] : notInExport(given)),
    (error: unknown): UnsavedState[] => {
      if (!(error instanceof FleetError)) throw error;
      // A hand-over needs the export itself, and a program without the library exports nothing.
      const isGivenUp = policy?.state === "none" && isUnsupported(error);
      if (isNext || isGivenUp || (error.code === "NO_REPLY" && isPlain(current?.declaration[name]?.modules)))
        return [];
      const { what } = error.problems[0];
      return [{ code: "BACKUP_FAILED", text: `its state cannot be backed up: ${what}` }];
    },
  );
  return unsaved.length === 0 ? plan : { ...plan, unsaved };
}

/**
 * What the export says, as the run makes it: where a global cannot be exported, only the declared ones. A large state that messages change is not
 * read to its end: unlike a plan, the run makes the process refuse requests meanwhile.
 */
async function lookAt(
  { session }: FleetSession,
  place: ProcessRef,
  globals: readonly string[] | undefined,
  { emergency }: PlanRequest,
): Promise<Pick<Exported, "code" | "globals">> {
  const budget = () => budgetOf(emergency ? EMERGENCY_SECONDS : SECONDS);
  const read = (selected: { readonly globals?: readonly string[] }) =>
    exportedState(session, place, { whole: true, ...selected }, budget()).catch((error: unknown) => {
      if (!(error instanceof FleetError) || error.code !== "STATE_CHANGED") throw error;
      return exportReport(session, place, selected, budget());
    });
  try {
    return await read({});
  } catch (error) {
    if (globals === undefined || !isUnsupported(error)) throw error;
    return read({ globals });
  }
}

/** What an export does not contain, or what nobody can judge. Pure. */
function notInExport({ code, globals }: Pick<Exported, "code" | "globals">): UnsavedState[] {
  const large = [...(globals?.unknown ?? []), ...(code?.notCompared ?? []).map((one) => `module ${one}`)];
  return [
    ...(code !== undefined && code.count > 0
      ? [
          {
            code: "STATE_IN_CODE" as const,
            text: `what messages changed in its code is in no backup, and is lost where the earlier code creates it again: ${inCodeText(code)}`,
          },
        ]
      : []),
    ...(large.length > 0
      ? [
          {
            code: "STATE_NOT_COMPARED" as const,
            text: `too large to know whether messages changed them; where the earlier code assigns them, their changes may be lost: ${large.join(", ")}`,
          },
        ]
      : []),
  ];
}
