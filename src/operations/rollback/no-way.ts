import type { Problem } from "../../core/errors.ts";
import type { Info } from "./info.ts";

/** Why a state cannot go back in place. Pure. */
export function noWay(name: string, info: Info, wanted: string | undefined, canMigrate: boolean): Problem {
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
