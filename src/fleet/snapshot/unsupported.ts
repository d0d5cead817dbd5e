/** State that a process cannot export: a metatable, a function or a coroutine in it (`EXPORT_UNSUPPORTED`). */
import { FleetError } from "../../core/errors.ts";

/** Whether a process cannot export its state as it is, however often it is asked. */
export const isUnsupported = (error: unknown): boolean =>
  error instanceof FleetError && error.code === "EXPORT_UNSUPPORTED";

/** How a run may continue without a backup. */
export const WITHOUT_BACKUP =
  "npx fleet deploy --without-backup, FLEET_WITHOUT_BACKUP=1 pulumi up, or the stack setting withoutBackup";

/** What lets a load in place continue although its state cannot be exported. Pure. */
export const unsupportedRemedy = (name: string): string =>
  `Another attempt fails in the same way. Choose one: ` +
  `(1) load the code without a backup, which keeps this state in the process: ${WITHOUT_BACKUP}. ` +
  `(2) If it is a global: list the globals that are state without it, processes.${name}.state: { globals: [...] }. The backup then leaves it out, ` +
  "and it stays in the process as long as the code does not assign it (`Name = Name or {}`). " +
  "(3) Keep plain data there, and set metatables where the data is used.";
