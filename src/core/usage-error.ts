import { FleetError } from "./errors.ts";

/** A wrong command line, found after parsing: exit code 2. */
export class UsageError extends FleetError {}
