import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { timeIn } from "../../core/span.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import { stoppedText } from "../../fleet/members/ruined.ts";
import { filterOf } from "../../operations/trace/filter.ts";
import { recordLine } from "../../operations/trace/lines.ts";
import { isUnread, unreadText } from "../../operations/trace/log-entries.ts";
import { findRecords } from "../../operations/trace/records.ts";
import { type Cli, type Context, count, defineCommand, names, pair } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";

const Options = z.looseObject({
  action: z.array(z.string()).optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  direction: z.enum(["received", "sent"]).optional(),
  status: z.enum(["ok", "error"]).optional(),
  correlation: z.string().optional(),
  tag: z.record(z.string(), z.string()).optional(),
  since: z.string().optional(),
  until: z.string().optional(),
  contains: z.string().optional(),
  limit: z.number(),
  reach: z.number(),
});

export function queryCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "query",
    summary: "find messages that a process received or sent",
    description:
      "Searches the messages that a process received and sent, newest first, and shows those that match all options. Reads only; needs " +
      "no wallet. Exit code 1 if nothing matches and no result could be read.",
    examples: [
      ["npx fleet query battle --action STARTUP", "when it started, and with which release"],
      [
        "npx fleet query battle --action Error --since 1h",
        "the errors that it reported within the last hour",
      ],
      ["npx fleet query shop --direction received --status error", "the requests that it refused"],
      ["npx fleet query shop --json | jq '.messages[] | select(.action == \"PURCHASE\")'", "as JSON"],
    ],
    define(command) {
      command
        .argument("<process>", "member of the fleet, or an AO id")
        .option("-a, --action <actions>", "with one of these actions", names)
        .option("--from <sender>", "from this member, process or address")
        .option("--to <target>", "to this member, process or address")
        .addOption(
          new Option("--direction <direction>", "only received or only sent messages").choices([
            "received",
            "sent",
          ]),
        )
        .addOption(
          new Option("--status <status>", "only messages with this outcome").choices(["ok", "error"]),
        )
        .option("--correlation <id>", "with this Correlation-Id")
        .option("-t, --tag <name=value>", "with this tag (repeatable)", pair)
        .option("--since <time>", "not older than this: a span (30m, 7d) or an ISO 8601 time", timeText)
        .option("--until <time>", "not newer than this, in the same form", timeText)
        .option("--contains <text>", "with this string in the data")
        .option("-n, --limit <number>", "maximum number of messages", count(1), 100)
        .option("--reach <number>", "maximum number of slots to search", count(1), 1000);
    },
    options: Options,
    run,
  });
}

async function run(
  context: Context,
  options: z.output<typeof Options>,
  [name = ""]: readonly string[],
): Promise<ExitCode> {
  const fleet = await context.fleet({ journal: "discard", wallet: false });
  const member = pickMember(fleet, name);
  const history = await context.host.history(fleet, 60);
  const found = await findRecords(history, member.processId, filterOf(options, fleet, Date.now()), options);
  const { records, looked, searched, unread } = found;
  // Received messages are shown without their results.
  const success = records.length > 0 || !isUnread(found);
  for (const record of records) context.out.quote(recordLine(record, fleet));
  context.out.note(`${amount(records.length, "message")}; searched slots ${looked.from} to ${looked.to}`);
  const stopped = history.stopped?.(member.processId);
  if (stopped !== undefined) context.out.alert(`${member.name}: ${stoppedText(member, stopped)}`);
  const gap = unreadText(found);
  if (gap !== undefined) context.out.alert(`${gap}: messages may be missing`);
  context.out.document({
    success,
    process: member.name,
    processId: member.processId,
    looked,
    searched,
    unread,
    messages: records,
  });
  return success ? EXIT.ok : EXIT.failed;
}

function timeText(text: string): string {
  if (timeIn(text, 0) === undefined)
    throw new InvalidArgumentError("Expected a span (30m, 7d) or an ISO 8601 time.");
  return text;
}
