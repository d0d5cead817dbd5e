import { join } from "node:path";
import { readJournal } from "../../ao/journal/index.ts";
import { budgetOf } from "../../core/budget.ts";
import type { FleetSession } from "../fleet-session.ts";
import { incarnationsOf } from "./members.ts";

/** Seconds for the question whether a process exists. */
const EXISTS_SECONDS = 30;

/** An AO process of a stack: the one of a member, or another revision that is kept. */
export interface StackProcess {
  /** The member's name; for another revision with the start of its id. */
  readonly name: string;
  readonly member: string;
  readonly processId: string;
  readonly generation: number;
  /** False if it does not contain the fleet's library. */
  readonly lib: boolean;
}

/**
 * Every AO process of a stack that is not retired: the members, what the router sends requests to, the revisions in the stack's state, and
 * what this machine's journal has spawned.
 */
export async function everyProcess(fleet: FleetSession): Promise<StackProcess[]> {
  const { members, sharing = [], session, readRevisions } = fleet;
  const { scope } = session;
  const revisions = fleet.revisions ?? (await readRevisions?.()) ?? {};
  const path = join(scope.home, "journal", `${scope.project}.${scope.stack}.jsonl`);
  const entries = await readJournal(path).catch(() => []);
  const found = new Map<string, StackProcess>();
  const add = (member: string, processId: string, generation: number, lib: boolean, isHeld: boolean) => {
    const name = isHeld ? `${member} (${processId.slice(0, 8)})` : member;
    if (!found.has(processId)) found.set(processId, { name, member, processId, generation, lib });
  };
  for (const one of members) add(one.name, one.processId, one.generation, one.lib !== false, false);
  for (const one of sharing) add(one.of ?? one.name, one.processId, one.generation, one.lib !== false, true);
  for (const { name, generation, lib } of members) {
    for (const held of revisions[name] ?? [])
      add(name, held.processId, held.generation ?? generation, lib !== false, true);
    // The journal outlives an embedded network that was reset.
    for (const made of incarnationsOf(entries, scope, name))
      if (
        !made.retired &&
        !made.unsent &&
        (await session.ao.exists(made.processId, budgetOf(EXISTS_SECONDS)))
      )
        add(name, made.processId, made.generation, lib !== false, true);
  }
  return [...found.values()];
}
