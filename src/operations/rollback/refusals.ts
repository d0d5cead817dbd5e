/** Why a rollback does not start. */
import { FleetError } from "../../core/errors.ts";
import type { MemberPlan } from "./member-plan.ts";
import { type UnsavedMember, unsavedLine } from "./unsaved.ts";

/** The error for state that cannot be saved before it is lost. Pure. */
export function notSaved(unsaved: readonly UnsavedMember[]): FleetError {
  const names = [...new Set(unsaved.map(({ name }) => name))].join(", ");
  return new FleetError({
    code: unsaved[0]?.code ?? "BACKUP_FAILED",
    what: `The rollback would lose state of ${names} that cannot be saved first. Nothing was changed.`,
    got: unsaved.map(unsavedLine).join("; "),
    expected: "--without-backup",
    remedy:
      "Pass --without-backup to accept the loss; or --only with the other members; or fix the program and deploy it.",
  });
}

/** The error for messages that would be lost. Pure. */
export function divergence(members: readonly Pick<MemberPlan, "name">[]): FleetError {
  return new FleetError({
    code: "DIVERGENCE",
    what: `The rollback would lose messages that ${members.map(({ name }) => name).join(", ")} handled since. Nothing was changed.`,
    expected: "--accept-divergence",
    remedy:
      "Pass --accept-divergence; or --only with the other members; or go forward with a `down` migration.",
  });
}
