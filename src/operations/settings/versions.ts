import { FleetError } from "../../core/errors.ts";
import { UsageError } from "../../core/usage-error.ts";
import type { HistoryEntry } from "../../fleet/config/reported-configs.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import { type Live, noConfig } from "./live.ts";
import type { ConfigToSend } from "./send.ts";

/** One version with its settings. */
type KnownVersion = HistoryEntry & {
  readonly configType: string;
  readonly configData: Readonly<Record<string, unknown>>;
};

/**
 * A version of a config type from a process' history; without `wanted`, the one in force.
 *
 * @param wanted its number or name; `previous` is the last one before the one in force that was not reverted
 * @throws UsageError NO_TYPE; FleetError NO_CONFIG, UNKNOWN_VERSION, VERSION_GONE
 */
export function versionOf(live: Live, configType: string | undefined, wanted?: string): KnownVersion {
  if (configType === undefined)
    throw new UsageError({
      code: "NO_TYPE",
      what: "A version needs a config type, and none was named.",
      expected: "--type <config type>",
      remedy: `npx fleet config history ${live.member.name} lists the types.`,
    });
  const { member, reply } = live;
  const history = reply.history[configType] ?? [];
  if (history.length === 0) throw noConfig(member.name, configType, Object.keys(reply.history));
  const found = find(history, wanted);
  if (!found)
    throw new FleetError({
      code: "UNKNOWN_VERSION",
      what: `${member.name} has no such version of ${configType}.`,
      got: wanted ?? "the version in force, but there is none",
      expected: history.map(({ version }) => `v${version}`).join(", "),
      remedy: `npx fleet config history ${member.name} --type ${configType}`,
    });
  if (found.configData === undefined)
    throw new FleetError({
      code: "VERSION_GONE",
      what: `${member.name} no longer has the settings of v${found.version} of ${configType}.`,
      got: `v${found.version}`,
      expected: "a more recent version",
      remedy:
        "Find them in the release of that time (npx fleet history), or import a file: npx fleet config import <file>",
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
  // A number is used twice if its first use was reverted.
  return history.findLast((entry) => String(entry.version) === version);
}

/** Every version that processes report, newest first. Pure. */
export function versionsOf(live: readonly Live[]) {
  return live.flatMap(({ member, reply }) =>
    Object.entries(reply.history)
      .sort(([a], [b]) => a.localeCompare(b))
      .flatMap(([configType, entries]) =>
        [...entries].reverse().map((entry) => ({ member: member.name, configType, ...entry })),
      ),
  );
}

/** What became of a version, in a word. Pure. */
export function versionState({ current, takenBack, cleared }: HistoryEntry): string {
  if (current === true) return "in force";
  if (takenBack) return "reverted";
  return cleared ? "cleared" : "earlier";
}

/**
 * The settings of an earlier version of each process, to send them again. Pure.
 *
 * @param to as `wanted` of `versionOf`
 */
export function earlierConfigs(
  live: readonly Live[],
  declared: Readonly<Record<string, DeclaredProcess>>,
  configType: string,
  to: string,
): (ConfigToSend & { readonly version: number | string })[] {
  return live.map((one) => {
    const { configData: data, version } = versionOf(one, configType, to);
    const rule = declared[one.member.name]?.rules?.[configType];
    return { member: one.member, configType, data, rule, version };
  });
}
