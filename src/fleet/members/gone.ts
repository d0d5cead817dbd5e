import { FleetError } from "../../core/errors.ts";
import { isRuinedError } from "./ruined.ts";

/** Whether an error means that a process does not exist on its network. A unit that is slow or down never causes it. */
export const isGoneError = (error: unknown): boolean =>
  error instanceof FleetError && error.code === "PROCESS_GONE";

/** Whether an error means that a process will never answer again: it is ruined, or does not exist any more. */
export const isLostError = (error: unknown): boolean => isRuinedError(error) || isGoneError(error);
