import * as pulumi from "@pulumi/pulumi";

/** Keys of the stack's config that are secrets, as Pulumi passes them to a program. */
export function secretKeys(): readonly string[] {
  const keys: unknown = JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS || "[]");
  return Array.isArray(keys) ? keys.map(String) : [];
}

/** The values of these keys, decrypted. An object with one secret in it is there as a whole. */
export function secretConfig(): Record<string, string> {
  const keys = new Set(secretKeys());
  return Object.fromEntries(Object.entries(pulumi.runtime.allConfig()).filter(([key]) => keys.has(key)));
}
