import { budgetOf } from "../../core/budget.ts";
import type { Problem } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { exportedState } from "../../fleet/protocol/state.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import { contentsOf } from "../../fleet/snapshot/contents.ts";

/** Module of the library that carries globals. */
const CARRIES = "fleet.globals";

/**
 * Why a state that has to be handed over cannot be: the code of then has a library that carries no globals, and the program keeps
 * something in them. Asks the process that serves, and only where that may be so.
 */
export async function globalsLeft(
  fleet: FleetSession,
  member: Member,
  serving: string,
  then: Pick<DeclaredProcess, "modules">,
): Promise<Problem | undefined> {
  if (then.modules[CARRIES] !== undefined) return undefined;
  const place = { ...member, processId: serving };
  const { state } = await exportedState(fleet.session, place, {}, budgetOf(60));
  return unreadable(member.name, contentsOf(state).globals);
}

/** Pure. */
export function unreadable(name: string, globals: readonly string[]): Problem | undefined {
  if (globals.length === 0) return undefined;
  return {
    code: "NO_WAY_BACK",
    what: `${name} cannot go back: it keeps its state in globals, and the library of that release, in a process of its own, takes none.`,
    got: globals.join(", "),
    expected: "a release with a library that carries globals",
    remedy: `Go forward: mend ${name} and deploy it; or leave it as it is: --only with the other members.`,
  };
}
