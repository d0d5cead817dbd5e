import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { Revision } from "../members/revision.ts";
import { info } from "../protocol/info.ts";
import type { Session } from "../session/session.ts";
import type { HandChange, Place, Verdict } from "./verdict.ts";

const VERBS: Readonly<Record<string, string>> = { GONE: "gone", ADDED: "added", CHANGED: "changed" };

/** `handler was added: hack`, a line for each kind of change. Pure. */
export function handWords(changes: readonly HandChange[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { kind, change, name } of changes) {
    const noun = kind.toLowerCase();
    const line =
      change === "MOVED"
        ? `${noun}s stand in another order`
        : change === "GONE"
          ? `${noun}s are gone`
          : `${noun}s were ${VERBS[change] ?? "changed"}`;
    const names = lines.get(line) ?? [];
    if (name !== "") names.push(name);
    lines.set(line, names);
  }
  return [...lines].map(([line, names]) => (names.length === 0 ? line : `${line}: ${names.join(", ")}`));
}

/** What a process says of its handlers against what it had after its load. */
interface Said {
  readonly handlers: readonly string[];
  readonly changedByHand?: readonly HandChange[] | undefined;
}

/**
 * What differs in the running code from what was loaded. A process that knows what was changed by hand is believed, since its program
 * may add and remove handlers itself; of one with an older library only the names of its handlers can be compared. Pure.
 */
export function codeChanges(
  known: Pick<Revision, "handlers"> | undefined,
  { handlers, changedByHand }: Said,
): HandChange[] {
  if (changedByHand) return [...changedByHand];
  const before = known?.handlers;
  if (!before) return [];
  const named = (names: readonly string[], change: string) =>
    names.map((name) => ({ kind: "HANDLER", change, name }));
  return [
    ...named(
      before.filter((name) => !handlers.includes(name)),
      "GONE",
    ),
    ...named(
      handlers.filter((name) => !before.includes(name)),
      "ADDED",
    ),
  ];
}

/** What was changed by hand in a process that answered a probe; asks again only where its library cannot tell by itself. */
export async function changesIn(
  session: Session,
  place: Place,
  verdict: Verdict,
  known: Pick<Revision, "handlers"> | undefined,
  budget: Budget,
): Promise<HandChange[]> {
  if (verdict.changedByHand !== undefined || known?.handlers === undefined)
    return [...(verdict.changedByHand ?? [])];
  return codeChanges(known, await info(session, place, budget, "handlers", "changedByHand"));
}

/** Handlers that a load has to remove by name: those that were added where the library does not put things back by itself. Pure. */
export const strangersIn = (changes: readonly HandChange[]): string[] =>
  changes.filter(({ kind, change }) => kind === "HANDLER" && change === "ADDED").map(({ name }) => name);

/** Why the fleet's own actions are not answered as they are by a process with the fleet's code in it. */
const NOT_OURS: Readonly<Record<string, string>> = {
  NO_REPLY: "the fleet's handlers are gone or hidden",
  UNKNOWN_ACTION: "the fleet's handlers are gone",
  BAD_REPLY: "another handler answers the fleet's probes",
  PROCESS_ERROR: "a handler fails on the fleet's probes",
};

/** For `catch`: in words why a process does not answer the fleet's probes itself; any other failure stays one. */
export function notOurs(error: unknown): string {
  const words = error instanceof FleetError ? NOT_OURS[error.code] : undefined;
  if (words === undefined) throw error;
  return words;
}
