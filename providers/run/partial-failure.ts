import { FleetError } from "../../src/core/errors.ts";

/**
 * Pulumi's record of a failure after the resource was created: its id and all that is known, so the next `up` continues with `update`.
 * `properties` must contain all inputs, otherwise later refreshes and destroys lose the provider.
 */
export class PartialFailure extends Error {
  readonly id: string;
  readonly properties: Record<string, unknown>;
  readonly reasons: string[];

  constructor(id: string, properties: object, error: unknown) {
    const reason = error instanceof Error ? error.message : String(error);
    super(reason, { cause: error });
    this.name = "PartialFailure";
    this.id = id;
    this.properties = { ...properties };
    this.reasons = [reason];
    if (!(error instanceof FleetError) && error instanceof Error) this.reasons.push(error.stack ?? "");
  }
}
