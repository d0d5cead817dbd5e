import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { brief } from "../../core/brief.ts";
import { quoted } from "../../core/printable.ts";
import { pickMember, servingIn } from "../../fleet/members/known-fleet.ts";
import type { KnownFleet } from "../../fleet/members/member.ts";
import { isUnread, unreadText } from "../../operations/trace/log-entries.ts";
import { type Filter, findRecords, type MessageRecord } from "../../operations/trace/records.ts";
import { type Cli, type Context, count, defineCommand, names, pair } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { senderText } from "../sender.ts";
import { span } from "./cleanup.ts";

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
  for (const record of records) context.out.line(lineOf(record, fleet));
  const where = looked ? `slots ${looked.from} to ${looked.to}` : "no messages";
  context.out.note(`${amount(records.length, "message")}; searched ${where}`);
  const gap = unreadText(found);
  if (gap !== undefined) context.out.alert(`${gap}: messages may be missing`);
  context.out.document({
    success,
    process: member.name,
    processId: member.processId,
    looked: looked ?? null,
    searched,
    unread,
    messages: records,
  });
  return success ? EXIT.ok : EXIT.failed;
}

function timeText(text: string): string {
  if (time(text, 0) === undefined)
    throw new InvalidArgumentError("Expected a span (30m, 7d) or an ISO 8601 time.");
  return text;
}

/** A span before now, or an ISO 8601 time, in milliseconds since 1970; undefined if it is neither. Pure. */
export function time(text: string, now: number): number | undefined {
  try {
    return now - span(text);
  } catch {
    const parsed = Date.parse(text);
    return /^\d{4}-/.test(text) && Number.isFinite(parsed) ? parsed : undefined;
  }
}

function filterOf(options: z.output<typeof Options>, fleet: KnownFleet, now: number): Filter {
  const idOf = (name: string) => fleet.members.find((member) => member.name === name)?.processId ?? name;
  const { action, from, to, direction, status, correlation, tag, since, until, contains } = options;
  const filter = {
    actions: action,
    from: from && idOf(from),
    to: to && idOf(to),
    ...{ direction, status, correlation, tags: tag, contains },
    since: since && time(since, now),
    until: until && time(until, now),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as Filter;
}

/** A message as one line. Pure. */
export function lineOf(record: MessageRecord, fleet: KnownFleet, width = 120): string {
  const nameOf = (id: string) =>
    servingIn(fleet).find(({ processId }) => processId === id)?.name ?? id.slice(0, 8);
  const { direction, slot, at, to, status, data, error } = record;
  const route = direction === "received" ? `← ${senderText(record, nameOf)}` : `→ ${nameOf(to)}`;
  const action = record.action === "" ? "" : quoted(record.action);
  const what = status === "error" ? `${action} (error)` : action;
  return `${at.slice(0, 19)}  slot ${slot}  ${route}  ${what}  ${brief(error ?? data, width)}`.trimEnd();
}
