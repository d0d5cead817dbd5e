import { FleetError } from "./errors.ts";

/** A command that a signal ended before its outcome was known: exit code 130. */
export class Interrupted extends FleetError {}
