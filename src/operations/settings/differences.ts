import { FleetError } from "../../core/errors.ts";
import { authored } from "../../fleet/config/reported-configs.ts";
import { explainData } from "../../fleet/config/setting-text.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import { declaredBy, type Live, liveConfigs } from "./live.ts";
import { versionOf } from "./versions.ts";

/** Which settings are compared. */
interface Comparison {
  /** Only this type. */
  readonly type?: string | undefined;
  /** A version of the type; without both, the release is compared with what the process holds. */
  readonly from?: string | undefined;
  /** @default the version that the process holds */
  readonly to?: string | undefined;
  /** Time limit in seconds for the answers. */
  readonly seconds: number;
}

/** Whether two versions are compared, and not the release with what the processes hold. */
export const comparesVersions = ({ from, to }: Pick<Comparison, "from" | "to">): boolean =>
  from !== undefined || to !== undefined;

/**
 * Compares the settings of members.
 *
 * @throws FleetError NO_RELEASE, and those of `liveConfigs` and `versionOf`
 */
export async function settingDifferences(
  fleet: FleetSession,
  members: readonly Member[],
  { type, from, to, seconds }: Comparison,
): Promise<Difference[]> {
  const versions = comparesVersions({ from, to });
  const live = await liveConfigs(fleet, members, { configType: type, history: versions, seconds });
  if (versions) return live.flatMap((one) => betweenVersions(one, type, from, to));
  const declared = await declaredBy(fleet);
  if (declared) return live.flatMap((one) => sinceRelease(one, declared[one.member.name], type));
  throw new FleetError({
    code: "NO_RELEASE",
    what: "This machine has no release of the fleet to compare with.",
    expected: "a release in .fleet/releases",
    remedy: "npx pulumi refresh shows the differences; npx fleet config history lists versions.",
  });
}

/** Settings of one type in which two sides differ. */
interface Difference {
  readonly member: string;
  readonly configType: string;
  /** Name of the earlier side. */
  readonly before: string;
  /** Name of the later side. */
  readonly after: string;
  /** `maxConcurrentRequests 100 → 200`. */
  readonly fields: readonly string[];
  readonly by?: string;
  readonly requestedBy?: string;
  readonly at?: number;
}

/** What a process holds, compared with the release. Pure. */
function sinceRelease(
  { member, reply }: Live,
  declared: DeclaredProcess | undefined,
  type: string | undefined,
): Difference[] {
  const types = Object.keys(declared?.config ?? {}).filter((one) => type === undefined || one === type);
  return types.flatMap((configType): Difference[] => {
    const held = reply.held[configType];
    const secrets = declared?.secrets?.[configType] ?? [];
    // A release does not contain secrets; a refresh compares sealed values.
    const open = Object.entries(held?.data ?? {}).filter(([key]) => !secrets.includes(key));
    const fields = explainData(declared?.config[configType] ?? {}, Object.fromEntries(open));
    if (fields.length === 0 && (held || secrets.length === 0)) return [];
    return [
      {
        member: member.name,
        configType,
        before: "the release",
        after: held ? `v${held.version}` : "nothing held",
        fields,
        ...(held ? authored(held) : {}),
      },
    ];
  });
}

/** Two versions of a type in a process' history. @throws as `versionOf` */
function betweenVersions(
  live: Live,
  type: string | undefined,
  from: string | undefined,
  to: string | undefined,
): Difference[] {
  const before = versionOf(live, type, from);
  const after = versionOf(live, type, to);
  const fields = explainData(before.configData, after.configData);
  if (fields.length === 0) return [];
  return [
    {
      member: live.member.name,
      configType: before.configType,
      before: `v${before.version}`,
      after: `v${after.version}`,
      fields,
      ...authored(after),
    },
  ];
}
