import { z } from "zod";

const ExportSchema = z.looseObject({
  deployment: z.looseObject({
    pending_operations: z
      .array(z.looseObject({ type: z.string(), resource: z.looseObject({ urn: z.string() }) }))
      .optional(),
  }),
});

/** An operation that a killed run began and never ended. */
interface PendingOperation {
  /** `creating`, `updating`, `deleting`, … */
  readonly type: string;
  /** The resource's name. */
  readonly name: string;
}

/**
 * An exported stack without its pending operations, and what they were. A create that began is found again by the journal
 * and the network, an update and a delete are done again: all of them are idempotent, so nothing is lost by forgetting them. Pure.
 */
export function withoutPending(exported: string): { operations: PendingOperation[]; cleared: string } {
  const stack = ExportSchema.parse(JSON.parse(exported));
  const operations = (stack.deployment.pending_operations ?? []).map(({ type, resource }) => ({
    type,
    name: resource.urn.split("::").at(-1) ?? resource.urn,
  }));
  const { pending_operations: _, ...deployment } = stack.deployment;
  return { operations, cleared: JSON.stringify({ ...stack, deployment }) };
}
