import { type Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { brief } from "../../core/brief.ts";
import { pickMember, servingIn } from "../../fleet/members/known.ts";
import type { KnownFleet } from "../../fleet/members/member.ts";
import { type Filter, findRecords, type MessageRecord } from "../../operations/trace/records.ts";
import { type Cli, count, defineCommand, names, pair } from "../command.ts";
import { EXIT } from "../exit.ts";
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
      "Looks through the messages of a process, newest first, and shows those that all of the options choose: what it received, and " +
      "what it sent. Reads only; needs no wallet.",
    examples: [
      ["npx fleet query battle --action STARTUP", "when it started which release"],
      ["npx fleet query battle --action Error --since 1h", "the faults that it told of within the last hour"],
      ["npx fleet query shop --direction received --status error", "what it was asked for and refused"],
      ["npx fleet query shop --json | jq '.messages[] | select(.action == \"PURCHASE\")'", "as JSON"],
    ],
    define(command) {
      command
        .argument("<process>", "member of the fleet, or an AO id")
        .option("-a, --action <actions>", "of one of these actions", names)
        .option("--from <sender>", "from this member, process or address")
        .option("--to <target>", "to this member, process or address")
        .addOption(new Option("--direction <which>", "only these").choices(["received", "sent"]))
        .addOption(new Option("--status <status>", "only those that ended so").choices(["ok", "error"]))
        .option("--correlation <id>", "with this Correlation-Id")
        .option("-t, --tag <name=value>", "with this tag; may be repeated", pair)
        .option("--since <time>", "not older: a span (30m, 7d) or an ISO 8601 time", timeText)
        .option("--until <time>", "not newer: the same", timeText)
        .option("--contains <text>", "with this text in the data")
        .option("-n, --limit <number>", "how many messages", count(1), 100)
        .option("--reach <number>", "how many slots to look back through", count(1), 1000);
    },
    options: Options,
    async run(context, options, [name = ""]) {
      const fleet = await context.fleet({ journal: "discard", wallet: false });
      const member = pickMember(fleet, name);
      const history = await context.host.history(fleet, 60);
      const { records, looked } = await findRecords(
        history,
        member.processId,
        filterOf(options, fleet, Date.now()),
        options,
      );
      for (const record of records) context.out.line(lineOf(record, fleet));
      const where = looked ? `slots ${looked.from} to ${looked.to}` : "no message at all";
      context.out.note(`${amount(records.length, "message")}; looked through ${where}`);
      context.out.document({
        success: true,
        process: member.name,
        processId: member.processId,
        looked: looked ?? null,
        messages: records,
      });
      return EXIT.ok;
    },
  });
}

function timeText(text: string): string {
  if (time(text, 0) === undefined)
    throw new InvalidArgumentError("Give a span (30m, 7d) or an ISO 8601 time.");
  return text;
}

/** Milliseconds since 1970 of a span before now or of an ISO 8601 time; undefined when it is neither. Pure. */
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

/** One line a message. Pure. */
export function lineOf(record: MessageRecord, fleet: KnownFleet, width = 120): string {
  const nameOf = (id: string) =>
    servingIn(fleet).find(({ processId }) => processId === id)?.name ?? id.slice(0, 8);
  const { direction, slot, at, from, to, action, status, data, error } = record;
  const way = direction === "received" ? `← ${nameOf(from)}` : `→ ${nameOf(to)}`;
  const what = status === "error" ? `${action} (error)` : action;
  return `${at.slice(0, 19)}  slot ${slot}  ${way}  ${what}  ${brief(error ?? data, width)}`.trimEnd();
}
