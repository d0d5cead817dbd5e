import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { shortHash } from "../../core/hash.ts";
import { own } from "../../core/own.ts";
import type { Revision } from "../members/revision.ts";
import { info } from "../protocol/info.ts";
import type { Session } from "../session/session.ts";
import type { ManualChange, ProcessRef, Verdict } from "./verdict.ts";

/** `it runs code 1a2b3c4d instead of 9f8e7d6c`. */
export const otherCodeText = (runs: string, expected: string): string =>
  `it runs code ${shortHash(runs)} instead of ${shortHash(expected)}`;

const VERBS: Readonly<Record<string, string>> = { GONE: "gone", ADDED: "added", CHANGED: "changed" };

/** `handlers were added: hack`, one line per kind of change. Pure. */
export function describeManualChanges(changes: readonly ManualChange[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { kind, change, name } of changes) {
    const noun = kind.toLowerCase();
    const line =
      change === "MOVED"
        ? `${noun}s are in another order`
        : change === "GONE"
          ? `${noun}s are missing`
          : `${noun}s were ${own(VERBS, change) ?? "changed"}`;
    const names = lines.get(line) ?? [];
    if (name !== "") names.push(name);
    lines.set(line, names);
  }
  return [...lines].map(([line, names]) => (names.length === 0 ? line : `${line}: ${names.join(", ")}`));
}

/** The handlers and manual changes that a process reports. */
interface ReportedCode {
  readonly handlers: readonly string[];
  readonly changedByHand?: readonly ManualChange[] | undefined;
}

/**
 * Differences between the running and the loaded code. A process that reports manual changes itself is trusted, because its program
 * may add and remove handlers; with an earlier library, only the names of the handlers can be compared. Pure.
 */
export function codeChanges(
  known: Pick<Revision, "handlers"> | undefined,
  { handlers, changedByHand }: ReportedCode,
): ManualChange[] {
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

/** The manual changes in a process that answered a probe; sends another request only if its library does not report them. */
export async function changesIn(
  session: Session,
  place: ProcessRef,
  verdict: Verdict,
  known: Pick<Revision, "handlers"> | undefined,
  budget: Budget,
): Promise<ManualChange[]> {
  if (verdict.changedByHand !== undefined || known?.handlers === undefined)
    return [...(verdict.changedByHand ?? [])];
  return codeChanges(known, await info(session, place, budget, "handlers", "changedByHand"));
}

/** Manually added handlers that a load has to remove by name, because the library does not. Pure. */
export const handlersToRemove = (changes: readonly ManualChange[]): string[] =>
  changes.filter(({ kind, change }) => kind === "HANDLER" && change === "ADDED").map(({ name }) => name);

/** Why a process with the fleet's code does not answer the fleet's actions correctly. */
const NOT_OURS: Readonly<Record<string, string>> = {
  NO_REPLY: "the fleet's handlers are missing or hidden",
  UNKNOWN_ACTION: "the fleet's handlers are missing",
  BAD_REPLY: "another handler answers the fleet's probes",
  PROCESS_ERROR: "a handler fails on the fleet's probes",
};

/** For `catch`: describes why a process does not answer the fleet's probes itself; rethrows any other error. */
export function probeFailureReason(error: unknown): string {
  const words = error instanceof FleetError ? NOT_OURS[error.code] : undefined;
  if (words === undefined) throw error;
  return words;
}
