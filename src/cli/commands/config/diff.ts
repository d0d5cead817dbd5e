import type { Command } from "commander";
import { z } from "zod";
import { FleetError } from "../../../core/errors.ts";
import type { HistoryEntry } from "../../../fleet/config/reported-configs.ts";
import { explainData } from "../../../fleet/config/setting-text.ts";
import type { DeclaredProcess } from "../../../fleet/releases/declared.ts";
import { membersWithLibrary } from "../../../operations/members-named.ts";
import { authorOf, whenOf } from "../../../operations/settings/describe.ts";
import { declaredBy, type Live, liveConfigs } from "../../../operations/settings/live.ts";
import { versionOf } from "../../../operations/settings/versions.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { EXIT } from "../../exit.ts";

const Options = z.looseObject({
  timeout: z.number(),
  type: z.string().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
});

export function diffCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "diff",
    summary: "compare settings by field: declared with held, or two versions",
    description:
      "Without --from: compares what the running release declares with what each process holds; exit code 3 if they differ. " +
      "With --from: compares that version of a type with --to, or with the one that the process holds.",
    examples: [
      ["npx fleet config diff", "which members were changed by hand, by whom, in which fields"],
      ["npx fleet config diff battle --type PROCESS_CONFIG --from 2", "what changed since version 2"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--type <config type>", "only this type; required with --from")
        .option("--from <version>", "a version from the process' history")
        .option("--to <version>", "another version (default: the one that it holds)")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 60);
    },
    options: Options,
    async run({ out, ...context }, { timeout, type, from, to }, names) {
      const fleet = await context.fleet({ journal: "discard" });
      const members = membersWithLibrary(fleet, names, true, out);
      const versions = from !== undefined || to !== undefined;
      const ask = { configType: type, history: versions, seconds: timeout };
      const live = await liveConfigs(fleet, members, ask);
      const declared = versions ? {} : await declaredBy(fleet);
      if (!declared)
        throw new FleetError({
          code: "NO_RELEASE",
          what: "This machine has no release of the fleet to compare with.",
          expected: "a release in .fleet/releases",
          remedy: "npx pulumi refresh shows the differences; npx fleet config history lists versions.",
        });
      const differences = live.flatMap((one) =>
        versions ? betweenVersions(one, type, from, to) : sinceRelease(one, declared[one.member.name], type),
      );
      out.document({ success: true, stack: fleet.stack, differences });
      if (differences.length === 0)
        out.line(versions ? "No differences." : "Every process holds what the release declares.");
      for (const { member, configType, before, after, fields, ...author } of differences) {
        const who = authorOf(fleet, author);
        const when = whenOf(author);
        const by = [who === "" ? "" : `by ${who}`, when === "" ? "" : `at ${when}`].filter(
          (part) => part !== "",
        );
        out.line(
          `${member} ${configType}: ${before} → ${after}${by.length > 0 ? `, set ${by.join(" ")}` : ""}`,
        );
        for (const field of fields) out.line(`  ${field}`);
      }
      return differences.length > 0 && !versions ? EXIT.changes : EXIT.ok;
    },
  });
}

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

function authored({
  by,
  requestedBy,
  at,
}: Pick<HistoryEntry, "by" | "requestedBy" | "at">): Pick<Difference, "by" | "requestedBy" | "at"> {
  return {
    ...(by === undefined ? {} : { by }),
    ...(requestedBy === undefined ? {} : { requestedBy }),
    ...(at === undefined ? {} : { at }),
  };
}
