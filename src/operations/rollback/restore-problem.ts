import type { Problem } from "../../core/errors.ts";
import type { Info } from "./info.ts";

/** Why a state cannot be rolled back in place. Pure. */
export function restoreProblem(
  name: string,
  info: Info,
  wanted: string | undefined,
  canMigrate: boolean,
  unread: readonly string[] = [],
): Problem {
  const none = ["no snapshot of that time", ...unread].join("; not readable: ");
  if (canMigrate) {
    return {
      code: "SNAPSHOT_GONE",
      what: `The state that ${name} had under that release was not saved.`,
      got: none,
      expected: "a snapshot from before the upgrade, on this machine or on the network",
      remedy: "Leave out --restore-state: the present state is migrated down.",
    };
  }
  return {
    code: "ROLLBACK_IMPOSSIBLE",
    what: `${name} cannot be rolled back: its state has the shape ${info.stateVersion}, that release works on ${wanted}, and no migration leads down.`,
    got: `migrations ${info.migrations.map(({ from, to, down }) => `${from} → ${to}${down ? "" : " (no down)"}`).join(", ") || "none"}; ${none}`,
    expected: "a `down` function for each of these migrations, or a snapshot",
    remedy: `Go forward: fix ${name} and deploy it; or leave it out: --only with the other members.`,
  };
}
