import { FleetError } from "../../core/errors.ts";
import { UsageError } from "../../core/usage-error.ts";
import type { HistoryEntry } from "../../fleet/config/held.ts";
import { type Live, noConfig } from "./live.ts";

/** One version with its data. */
type KnownVersion = HistoryEntry & {
  readonly configType: string;
  readonly configData: Readonly<Record<string, unknown>>;
};

/**
 * A version of a type as a process remembers it; without a name the one in force.
 *
 * @param wanted its number or name; `previous` is the last one before that in force which was not taken back
 * @throws UsageError NO_TYPE; FleetError NO_CONFIG, UNKNOWN_VERSION, VERSION_GONE
 */
export function versionOf(live: Live, configType: string | undefined, wanted?: string): KnownVersion {
  if (configType === undefined)
    throw new UsageError({
      code: "NO_TYPE",
      what: "Versions are those of one config type, and none was named.",
      expected: "--type <config type>",
      remedy: `npx fleet config history ${live.member.name} lists them.`,
    });
  const { member, told } = live;
  const history = told.history[configType] ?? [];
  if (history.length === 0) throw noConfig(member.name, configType, Object.keys(told.history));
  const found = find(history, wanted);
  if (!found)
    throw new FleetError({
      code: "UNKNOWN_VERSION",
      what: `${member.name} remembers no such version of ${configType}.`,
      got: wanted ?? "what is in force: nothing is",
      expected: history.map(({ version }) => `v${version}`).join(", "),
      remedy: `npx fleet config history ${member.name} --type ${configType}`,
    });
  if (found.configData === undefined)
    throw new FleetError({
      code: "VERSION_GONE",
      what: `${member.name} knows that there was v${found.version} of ${configType}, but keeps its settings no more.`,
      got: `v${found.version}`,
      expected: "one of the latest",
      remedy: "npx fleet history: the release of that time has them; or npx fleet config import <file>.",
    });
  return { ...found, configType, configData: found.configData };
}

function find(history: readonly HistoryEntry[], wanted: string | undefined): HistoryEntry | undefined {
  const inForce = history.findIndex(({ current }) => current === true);
  if (wanted === undefined) return history[inForce];
  if (wanted === "previous") {
    const before = inForce < 0 ? history : history.slice(0, inForce);
    return before.findLast(({ takenBack }) => takenBack === undefined);
  }
  const version = wanted.replace(/^v(?=\d)/, "");
  // The same number can have been spent twice, when the first was taken back.
  return history.findLast((entry) => String(entry.version) === version);
}
