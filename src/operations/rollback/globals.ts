import { budgetOf } from "../../core/budget.ts";
import type { Problem } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { exportedState } from "../../fleet/protocol/state.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import { contentsOf } from "../../fleet/snapshot/contents.ts";

/** The library's module that hands globals over. */
const GLOBALS_MODULE = "fleet.globals";

/**
 * Why a state cannot be handed over: the program keeps state in globals, and the library of the earlier code cannot receive them. Asks
 * the process that serves, and only if the earlier library lacks that module.
 */
export async function checkGlobals(
  fleet: FleetSession,
  member: Member,
  serving: string,
  then: Pick<DeclaredProcess, "modules">,
): Promise<Problem | undefined> {
  if (then.modules[GLOBALS_MODULE] !== undefined) return undefined;
  const place = { ...member, processId: serving };
  const { state } = await exportedState(fleet.session, place, {}, budgetOf(60));
  return globalsProblem(member.name, contentsOf(state).globals);
}

/** The problem for a member with these globals; undefined if there are none. Pure. */
export function globalsProblem(name: string, globals: readonly string[]): Problem | undefined {
  if (globals.length === 0) return undefined;
  return {
    code: "ROLLBACK_IMPOSSIBLE",
    what: `${name} cannot be rolled back: it keeps its state in globals, and the library of that release, in a process of its own, cannot receive them.`,
    got: globals.join(", "),
    expected: "a release with a library that hands globals over",
    remedy: `Go forward: fix ${name} and deploy it; or leave it out: --only with the other members.`,
  };
}
