/** What a refresh finds otherwise than a bundle was sent: as data, and in words. Pure. */
import type { Held } from "../../src/fleet/config/held.ts";
import { changedFields, type FieldChange, fieldText } from "../../src/fleet/config/words.ts";
import type { SentenceOnly } from "../run/drift.ts";

/**
 * - `UNPROVED`: the last distribution was not taken by all targets
 * - `UNTOLD`: a target does not tell this wallet what it holds
 * - `NOT_HELD`: a target holds no settings of the type
 * - `OTHER_SETTINGS`: a target holds others
 */
export type ConfigDrift =
  | SentenceOnly
  | { readonly code: "UNPROVED" }
  | { readonly code: "UNTOLD" | "NOT_HELD"; readonly target: string }
  | {
      readonly code: "OTHER_SETTINGS";
      readonly target: string;
      readonly fields: readonly FieldChange[];
      readonly version: number | string;
      /** Address or process id of who set them. @default not told */
      readonly by?: string;
      /** Who asked `by` for it, where that was another process. @default not told */
      readonly requestedBy?: string;
      /** Scheduler's time, ms. @default not told */
      readonly at?: number;
    };

/** What a target holds instead of what it should hold. */
export function heldDrift(
  target: string,
  wanted: Readonly<Record<string, unknown>>,
  held: Held | undefined,
): ConfigDrift {
  if (!held) return { code: "NOT_HELD", target };
  const { data, version, by, requestedBy, at } = held;
  return {
    code: "OTHER_SETTINGS",
    target,
    fields: changedFields(wanted, data),
    version,
    ...(by === undefined ? {} : { by }),
    ...(requestedBy === undefined ? {} : { requestedBy }),
    ...(at === undefined ? {} : { at }),
  };
}

/** A finding of a bundle of some type in words. */
export function driftText(configType: string, finding: ConfigDrift): string {
  switch (finding.code) {
    case "UNKNOWN":
      return finding.text;
    case "UNPROVED":
      return "the last distribution was not taken by all targets";
    case "UNTOLD":
      return `${finding.target} does not tell this wallet what it holds`;
    case "NOT_HELD":
      return `${finding.target} holds no ${configType}`;
    case "OTHER_SETTINGS": {
      const { target, fields, version } = finding;
      const author = authorText(finding);
      const differences = fields.map(fieldText).join(", ");
      return `${target} holds other ${configType}: ${differences} (v${version}${author === "" ? "" : ` ${author}`})`;
    }
  }
}

/** `by <address> through <address> at 2026-01-01T00:00:00.000Z`; "" where the process does not know. */
function authorText({ by, requestedBy, at }: Pick<Held, "by" | "requestedBy" | "at">): string {
  const parts = [
    requestedBy !== undefined && requestedBy !== by ? `by ${requestedBy} through ${by}` : by && `by ${by}`,
    at === undefined || at <= 0 ? undefined : `at ${new Date(at).toISOString()}`,
  ];
  return parts.filter((part) => part).join(" ");
}
