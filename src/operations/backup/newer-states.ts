/** States of a process that a backup does not contain, because they are newer than it. */
import { budgetOf } from "../../core/budget.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import { parseJson } from "../../core/json.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { exportReport } from "../../fleet/protocol/state.ts";
import { StateSchema } from "../../fleet/snapshot/contents.ts";
import { LOSSLESS } from "../../fleet/snapshot/parts.ts";
import type { SnapshotToRestore } from "./find.ts";

/** A backup with what a restore of it changes besides its contents. */
export interface PlannedRestore extends SnapshotToRestore {
  /** States that get their default; undefined if the process has an earlier library, which leaves them as they are. */
  readonly reset: readonly string[] | undefined;
}

/**
 * What a restore of each backup resets. Changes nothing.
 *
 * @throws FleetError as `exportReport`
 */
export const planRestores = (
  { session }: FleetSession,
  wanted: readonly SnapshotToRestore[],
): Promise<PlannedRestore[]> =>
  Promise.all(
    wanted.map(async (one) => {
      const names = namesIn(one.text);
      const { resettable } = await exportReport(session, one.member, {}, budgetOf(120));
      return { ...one, reset: resettable?.filter((name) => !names.has(name)) };
    }),
  );

/** The lines about what is not in the backup, before the restore. Pure. */
export function planLines({ member: { name }, reset }: PlannedRestore): string[] {
  if (reset === undefined)
    return [
      `${name}: states that are not in this backup stay as they are: the library in the process cannot reset them`,
    ];
  return reset.length === 0 ? [] : [`${name}: not in this backup, reset to the default: ${reset.join(", ")}`];
}

/** Names of the states in an export. Pure. */
export const namesIn = (text: string): ReadonlySet<string> =>
  new Set(Object.keys(StateSchema.parse(parseJson(text)).states ?? {}));

/** Whether states that are named share tables with others, or may: then only the process can export them alone. Pure. */
export function mayShare(text: string, names: ReadonlySet<string>): boolean {
  const { schema, states = {} } = StateSchema.parse(parseJson(text));
  return schema === LOSSLESS && Object.keys(states).some((name) => !names.has(name));
}

/** The digest of an export without the states that are not named. Pure. */
export function digestOf(text: string, names: ReadonlySet<string>): string {
  const { states = {}, ...rest } = StateSchema.parse(parseJson(text));
  const named = Object.entries(states).filter(([name]) => names.has(name));
  return sha256(canonicalJson({ ...rest, states: Object.fromEntries(named) }));
}
