/** Differences that a refresh finds between a bundle and its targets' settings: as data, and as sentences. Pure. */
import { authored, type HeldConfig } from "../../src/fleet/config/reported-configs.ts";
import { changedFields, type FieldChange, fieldText } from "../../src/fleet/config/setting-text.ts";
import type { SentenceOnly } from "../run/drift-facts.ts";

/**
 * - `UNPROVED`: not all targets accepted the last distribution
 * - `UNREADABLE`: a target refuses to show its settings to this wallet
 * - `NOT_HELD`: a target has no settings of the type
 * - `OTHER_SETTINGS`: a target has other settings
 */
export type ConfigDrift =
  | SentenceOnly
  | { readonly code: "UNPROVED" }
  | { readonly code: "UNREADABLE" | "NOT_HELD"; readonly target: string }
  | {
      readonly code: "OTHER_SETTINGS";
      readonly target: string;
      readonly fields: readonly FieldChange[];
      readonly version: number | string;
      /** Address or process id of the sender that set them. @default unknown */
      readonly by?: string;
      /** The requester, if another process set them on its behalf. @default unknown */
      readonly requestedBy?: string;
      /** Scheduler's time, in milliseconds since 1970. @default unknown */
      readonly at?: number;
    };

/** The difference between a target's settings and the wanted ones. */
export function configDriftOf(
  target: string,
  wanted: Readonly<Record<string, unknown>>,
  held: HeldConfig | undefined,
): ConfigDrift {
  if (!held) return { code: "NOT_HELD", target };
  const { data, version } = held;
  return { code: "OTHER_SETTINGS", target, fields: changedFields(wanted, data), version, ...authored(held) };
}

/** A finding as a sentence. */
export function driftText(configType: string, finding: ConfigDrift): string {
  switch (finding.code) {
    case "UNKNOWN":
      return finding.text;
    case "UNPROVED":
      return "not all targets accepted the last distribution";
    case "UNREADABLE":
      return `${finding.target} refuses to show its settings to this wallet`;
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

/** `by <address> through <address> at 2026-01-01T00:00:00.000Z`; "" if the process does not know. */
function authorText({ by, requestedBy, at }: Pick<HeldConfig, "by" | "requestedBy" | "at">): string {
  const parts = [
    requestedBy !== undefined && requestedBy !== by ? `by ${requestedBy} through ${by}` : by && `by ${by}`,
    at === undefined || at <= 0 ? undefined : `at ${new Date(at).toISOString()}`,
  ];
  return parts.filter((part) => part).join(" ");
}
