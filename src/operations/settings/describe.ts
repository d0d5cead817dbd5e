import type { ExplainedSetting } from "../../../components/explanation.ts";
import { layerPath } from "../../../components/setting-layer.ts";
import type { HeldConfig, HistoryEntry } from "../../fleet/config/reported-configs.ts";
import { settingText } from "../../fleet/config/setting-text.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";

/** The name of an address: a member's name, `you`, or the address itself. Pure. */
function nameOf(fleet: FleetSession, address: string): string {
  if (address === fleet.session.ao.address) return "you";
  return fleet.members.find(({ processId }) => processId === address)?.name ?? address;
}

/** Who set something: `you`, `<address> through deployment-coordinator`; "" if the process does not know. Pure. */
export function authorOf(
  fleet: FleetSession,
  { by, requestedBy }: Pick<HeldConfig | HistoryEntry, "by" | "requestedBy">,
): string {
  if (by === undefined) return "";
  if (requestedBy === undefined || requestedBy === by) return nameOf(fleet, by);
  return `${nameOf(fleet, requestedBy)} through ${nameOf(fleet, by)}`;
}

/** `2026-01-01 00:00:00Z`; "" if the process does not know. Pure. */
export function whenOf({ at }: { readonly at?: number | undefined }): string {
  if (at === undefined || at <= 0) return "";
  return new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

/** `logLevel "WARN", open yes`. Pure. */
export function fieldsOf(data: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(data).sort();
  return keys.map((key) => `${key} ${settingText(data[key])}`).join(", ") || "no settings";
}

/** Where a setting is declared: the file, and the path in it. Pure. */
export function originOf(setting: ExplainedSetting, stack: string): string {
  const { layer: origin } = setting;
  if (origin === undefined) return setting.from;
  if (origin.layer === "stack")
    return `Pulumi.${stack}.yaml: ${origin.kind === "secrets" ? "secrets" : "overrides"}.${origin.member}`;
  return `index.ts: ${layerPath(origin)}${origin.layer === "fleet" ? " of every member" : ""}`;
}

/** Which settings were asked for, and of whom. */
interface Asked {
  readonly type: string | undefined;
  /** Names of members; empty for all. */
  readonly names: readonly string[];
}

const ofType = ({ type }: Asked): string => (type === undefined ? "" : ` of ${type}`);
const anyOf = ({ names }: Asked): string => (names.length === 0 ? "any process" : names.join(", "));

/** That nothing of what was asked for is held. Pure. */
export const noneHeld = (asked: Asked): string =>
  `No settings${ofType(asked)} are held by ${anyOf(asked)}: defaults apply.`;

/** That nothing of what was asked for was sent. Pure. */
export const noneSent = (asked: Asked): string =>
  `No settings${ofType(asked)} were ever sent to ${anyOf(asked)}.`;

/** That what was asked for is as declared. Pure. */
export function noneDiffers(asked: Asked): string {
  const { names } = asked;
  const who = names.length === 0 ? "Every process" : names.join(", ");
  return `${who} ${names.length > 1 ? "hold" : "holds"} what the release declares${ofType(asked)}; secrets are not compared.`;
}

/** What a manual change means for the next run. */
export const DRIFT_NOTE =
  "This is a manual change: the program still declares the old settings. A refresh reports it as drift, and the next pulumi up " +
  "restores the declared settings. To keep the change, make it in index.ts or in the stack's config.";
