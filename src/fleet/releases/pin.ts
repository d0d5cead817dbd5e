import { z } from "zod";
import { FleetError } from "../../core/errors.ts";

/** The pin of a stack: an earlier release that it is built from instead of the program. */
export const PinSchema = z.strictObject({
  /** Deployment id of the release. */
  release: z.string().min(1).max(128),
  /** Only these members are rolled back; the others keep running as they are. @default all */
  only: z.array(z.string()).default([]),
  /** States that members are loaded with: the rollback's id, and digests by member. @default none */
  restore: z
    .strictObject({
      /** Identifies the rollback, so that it runs only once. */
      id: z.string().min(1),
      /** Member → digest of a snapshot. */
      states: z.record(z.string(), z.string().length(64)),
    })
    .optional(),
});

export type Pin = z.infer<typeof PinSchema>;

/** Names of the stack's settings for the pin. */
export const PIN_KEYS = ["release", "releaseOnly", "releaseRestore"] as const;

/** A pin as settings; undefined ones are not set. Pure. */
export function pinSettings(pin: Pin): Record<(typeof PIN_KEYS)[number], string | undefined> {
  return {
    release: pin.release,
    releaseOnly: pin.only.length > 0 ? pin.only.join(" ") : undefined,
    releaseRestore: pin.restore === undefined ? undefined : JSON.stringify(pin.restore),
  };
}

/**
 * The pin of a stack: from the run's request (null: none), else from its settings `release`, `releaseOnly` and `releaseRestore`.
 *
 * @throws FleetError PIN_INVALID
 */
export function readPin(
  get: (key: (typeof PIN_KEYS)[number]) => string | undefined,
  request: { readonly pin?: Pin | null | undefined },
): Pin | undefined {
  if (request.pin !== undefined) return request.pin ?? undefined;
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
      what: "Invalid pin in the stack's settings.",
      at: "release, releaseOnly and releaseRestore in the stack's settings",
      got: error instanceof z.ZodError ? z.prettifyError(error) : String(error),
      expected: "a deployment id, names of members, and the value that fleet rollback wrote",
      remedy: "Run npx fleet rollback --clear to remove the pin and follow the program again.",
    });
  }
}
