import { z } from "zod";
import type { Phase } from "../../delivery/phase.ts";
import { isResource } from "../../fleet/members/stack-state.ts";

const ExportSchema = z.looseObject({
  deployment: z.looseObject({
    resources: z
      .array(
        z.looseObject({
          urn: z.string().optional(),
          type: z.string().optional(),
          outputs: z.record(z.string(), z.unknown()).nullish(),
        }),
      )
      .nullish(),
    pending_operations: z
      .array(z.looseObject({ type: z.string(), resource: z.looseObject({ urn: z.string() }) }))
      .optional(),
  }),
});
type Deployment = z.output<typeof ExportSchema>["deployment"];

/** An operation that a killed run started and never finished. */
interface PendingOperation {
  /** `creating`, `updating`, `deleting`, … */
  readonly type: string;
  /** The resource's name. */
  readonly name: string;
}

/** Operations after which the router's table may be another than the state's. */
const MOVING: ReadonlySet<string> = new Set(["updating", "deleting"]);

/** The phase of a rollout of which nothing is known but that it did not end. */
const UNFINISHED: Phase = "TRAFFIC_SWITCHING";

/**
 * Removes the pending operations from an exported stack, and returns both. That loses nothing: an interrupted create is found again through
 * the journal and the network, and updates and deletes are repeated; all are idempotent. Traffic whose update was interrupted is marked as an
 * unfinished rollout: the state has the table of before, so a run of the earlier code would see no change, and ask no router. Pure.
 */
export function withoutPending(exported: string): {
  operations: PendingOperation[];
  cleared: string;
  /** Names of the traffic resources that were marked. */
  traffic: string[];
} {
  const stack = ExportSchema.parse(JSON.parse(exported));
  const { pending_operations: pending = [], ...deployment } = stack.deployment;
  const moving = new Set(pending.filter(({ type }) => MOVING.has(type)).map(({ resource }) => resource.urn));
  const { marked, resources } = markUnfinished(deployment.resources, moving);
  const cleared = { ...deployment, ...(marked.length === 0 ? {} : { resources }) };
  return {
    operations: pending.map(({ type, resource }) => ({ type, name: nameOf(resource.urn) })),
    cleared: JSON.stringify({ ...stack, deployment: cleared }),
    traffic: marked,
  };
}

function markUnfinished(resources: Deployment["resources"], moving: ReadonlySet<string>) {
  const marked: string[] = [];
  const all = resources?.map((resource) => {
    const { urn = "", type = "", outputs } = resource;
    if (!outputs || !isResource({ type }, "Traffic") || !moving.has(urn)) return resource;
    marked.push(nameOf(urn));
    return { ...resource, outputs: { ...outputs, phase: UNFINISHED } };
  });
  return { marked, resources: all };
}

const nameOf = (urn: string): string => urn.split("::").at(-1) ?? urn;
