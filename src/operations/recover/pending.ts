import { z } from "zod";

const ExportSchema = z.looseObject({
  deployment: z.looseObject({
    pending_operations: z
      .array(z.looseObject({ type: z.string(), resource: z.looseObject({ urn: z.string() }) }))
      .optional(),
  }),
});

/** An operation that a killed run started and never finished. */
interface PendingOperation {
  /** `creating`, `updating`, `deleting`, … */
  readonly type: string;
  /** The resource's name. */
  readonly name: string;
}

/**
 * Removes the pending operations from an exported stack, and returns both. That loses nothing: an interrupted create is found again through
 * the journal and the network, and updates and deletes are repeated; all are idempotent. Pure.
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
