import { z } from "zod";
import { FleetError } from "../../core/errors.ts";

/** What a stack is pinned to: an earlier release that it is built from instead of the program. */
export const PinSchema = z.strictObject({
  /** Deployment id of the release. */
  release: z.string().min(1).max(128),
  /** Only these members go back; the others stay as they run. @default all */
  only: z.array(z.string()).default([]),
  /** States that members are loaded with: the rollback's id, and digests by name. @default none */
  restore: z
    .strictObject({
      /** Names the rollback, so that it is done once. */
      id: z.string().min(1),
      /** Member → digest of a snapshot. */
      states: z.record(z.string(), z.string().length(64)),
    })
    .optional(),
});

export type Pin = z.infer<typeof PinSchema>;

/** Names of the stack's settings that hold the pin. */
export const PIN_KEYS = ["release", "releaseOnly", "releaseRestore"] as const;

/** The settings that say a pin; undefined ones are not set. Pure. */
export function pinSettings(pin: Pin): Record<(typeof PIN_KEYS)[number], string | undefined> {
  return {
    release: pin.release,
    releaseOnly: pin.only.length > 0 ? pin.only.join(" ") : undefined,
    releaseRestore: pin.restore === undefined ? undefined : JSON.stringify(pin.restore),
  };
}

/**
 * The pin of a stack: what the run was told (null: none), else from its settings `release`, `releaseOnly` and `releaseRestore`.
 *
 * @throws FleetError PIN_INVALID
 */
export function readPin(
  get: (key: (typeof PIN_KEYS)[number]) => string | undefined,
  told: { readonly pin?: Pin | null | undefined },
): Pin | undefined {
  if (told.pin !== undefined) return told.pin ?? undefined;
  const release = get("release");
  if (release === undefined || release === "") return undefined;
  const only = (get("releaseOnly") ?? "").split(/[\s,]+/).filter((name) => name !== "");
  const restore = get("releaseRestore");
  const raw = () => ({ release, only, ...(restore === undefined ? {} : { restore: JSON.parse(restore) }) });
  try {
    return PinSchema.parse(raw());
  } catch (error) {
    throw new FleetError({
      code: "PIN_INVALID",
      what: "The stack is pinned to a release, but not in a way that can be read.",
      at: "release, releaseOnly and releaseRestore in the stack's settings",
      got: error instanceof z.ZodError ? z.prettifyError(error) : String(error),
      expected: "a deployment id, names of members, and what fleet rollback wrote",
      remedy: "npx fleet rollback --clear goes back to following the program.",
    });
  }
}
