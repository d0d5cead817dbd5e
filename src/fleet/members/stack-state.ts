/** Pulumi's state of a stack: the resources in it, and their outputs. Pure. */
import { z } from "zod";

/** A resource in a state or checkpoint. */
export interface StateResource {
  readonly type: string;
  /** When an update last wrote it, ISO 8601. */
  readonly modified?: string | undefined;
  readonly outputs?: unknown;
  readonly initErrors?: readonly string[] | null | undefined;
}

const ResourcesSchema = z.looseObject({
  resources: z
    .array(
      z.looseObject({
        type: z.string(),
        modified: z.string().optional(),
        outputs: z.record(z.string(), z.unknown()).optional(),
        initErrors: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
});
const ExportSchema = z.looseObject({ deployment: ResourcesSchema });
const CheckpointSchema = z.looseObject({ checkpoint: z.looseObject({ latest: ResourcesSchema.nullish() }) });

/** @param raw the output of `pulumi stack export` as JSON; undefined if it is invalid */
export function resourcesIn(raw: unknown): readonly StateResource[] | undefined {
  const state = ExportSchema.safeParse(raw).data;
  return state && (state.deployment.resources ?? []);
}

/** @param raw a checkpoint in the history of a file backend as JSON; undefined if it is invalid */
export function resourcesInCheckpoint(raw: unknown): readonly StateResource[] | undefined {
  const file = CheckpointSchema.safeParse(raw).data;
  return file && (file.checkpoint.latest?.resources ?? []);
}

/** A resource of this package. */
type Kind = "Process" | "Traffic" | "Release";

export const isResource = ({ type }: StateResource, kind: Kind): boolean =>
  type.endsWith(`dynamic/ao:${kind}`);

/** The outputs of all resources of a kind; those that do not match the schema are left out. */
export const outputsOf = <T extends z.ZodType>(
  resources: readonly StateResource[],
  kind: Kind,
  schema: T,
): z.output<T>[] =>
  resources.flatMap((resource) => {
    const found = isResource(resource, kind) ? schema.safeParse(resource.outputs) : undefined;
    return found?.success ? [found.data] : [];
  });
