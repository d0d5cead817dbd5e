import { z } from "zod";

/** The place of a setting or a secret: the fleet, one of its members, or the stack's config for one member or, as `*`, for all. */
export const SettingLayerSchema = z.discriminatedUnion("layer", [
  z.strictObject({ layer: z.literal("fleet"), kind: z.enum(["config", "secrets"]) }),
  z.strictObject({ layer: z.literal("member"), kind: z.enum(["config", "secrets"]), member: z.string() }),
  z.strictObject({ layer: z.literal("stack"), kind: z.enum(["config", "secrets"]), member: z.string() }),
]);

export type SettingLayer = z.infer<typeof SettingLayerSchema>;

/** Path of a layer in the declaration. Pure. */
export function layerPath(one: SettingLayer): string {
  if (one.layer === "fleet") return one.kind;
  if (one.layer === "member") return `processes.${one.member}.${one.kind}`;
  return `${one.kind === "secrets" ? "secretOverrides" : "overrides"}.${one.member}`;
}
