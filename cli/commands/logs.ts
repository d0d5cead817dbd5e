import type { Command } from "commander";
import { z } from "zod";
import { type Cli, type Context, count, defineCommand } from "../command.ts";
import { EXIT, UsageError } from "../exit.ts";
import type { Entry, History, Scheduled } from "../history.ts";
import { luaExplainer } from "../lua-errors.ts";
import { type KnownFleet, pickMember } from "../members.ts";
import { brief } from "../table.ts";

const Options = z.looseObject({
  limit: z.number(),
  errors: z.boolean().default(false),
  follow: z.boolean().default(false),
  full: z.boolean().default(false),
  json: z.boolean().default(false),
});

/** `--errors` looks back over so many messages at most. */
const REACH = 1000;
/** Results asked for at once. */
const PAGE = 25;

export function logsCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "logs",
    summary: "show a process' messages and what came of them",
    description:
      "Every message of the process in its order, by slot, with its result: what it printed, what it sent, or the Lua error at " +
      "the file and line of your source. Reads only; needs no wallet.",
    examples: [
      ["npx fleet logs battle", "its last 25 messages"],
      ["npx fleet logs battle --errors", "the last ones that failed"],
      ["npx fleet logs battle --follow", "and go on with new ones"],
    ],
    define(command) {
      command
        .argument("<process>", "member of the fleet, or an AO id")
        .option("-n, --limit <number>", "how many messages", count(1), 25)
        .option("-e, --errors", "only messages that failed or were refused")
        .option("-f, --follow", "go on with new messages until Ctrl-C")
        .option("--full", "data and outputs in full");
    },
    options: Options,
    async run(context, options, [name = ""]) {
      if (options.follow && options.json) {
        throw new UsageError({
          code: "OPTIONS_CLASH",
          what: "--follow has no end, so it cannot be one JSON document.",
          expected: "--follow or --json",
          remedy: "Drop one of them.",
        });
      }
      const fleet = await context.fleet({ journal: "discard", wallet: false });
      const member = pickMember(fleet, name);
      const history = await context.host.history(fleet, 60);
      const explain = await luaExplainer(fleet.session.scope.home, member.sourceHash);
      const say = (entry: Entry) => {
        for (const line of entryLines(entry, fleet, explain, options.full)) context.out.line(line);
      };
      const latest = await history.latest(member.processId);
      const entries = latest === undefined ? [] : await newest(history, member.processId, latest, options);
      for (const entry of entries) say(entry);
      context.out.document({
        success: true,
        process: member.name,
        processId: member.processId,
        messages: entries.map((entry) => withExplained(entry, explain)),
      });
      if (entries.length === 0) context.out.note(options.errors ? "no errors found" : "no messages yet");
      if (options.follow) await follow(context, history, member.processId, latest ?? -1, options.errors, say);
      return EXIT.ok;
    },
  });
}

/** The newest messages, oldest first; with `errors` only those, looking back as far as needed. */
async function newest(
  history: History,
  processId: string,
  latest: number,
  { limit, errors }: { limit: number; errors: boolean },
): Promise<Entry[]> {
  const found: Entry[] = [];
  const lowest = Math.max(0, errors ? latest - REACH + 1 : latest - limit + 1);
  for (let to = latest; to >= lowest && found.length < limit; to -= PAGE) {
    const from = Math.max(lowest, to - PAGE + 1);
    const page = await results(history, processId, await history.range(processId, from, to));
    found.unshift(...(errors ? page.filter(isError) : page));
  }
  return found.slice(-limit);
}

function results(history: History, processId: string, page: readonly Scheduled[]): Promise<Entry[]> {
  return Promise.all(
    page.map(async (scheduled): Promise<Entry> => {
      const result = await history.result(processId, scheduled.messageId);
      return result ? { ...scheduled, result } : scheduled;
    }),
  );
}

async function follow(
  { host }: Context,
  history: History,
  processId: string,
  after: number,
  errors: boolean,
  say: (entry: Entry) => void,
): Promise<void> {
  for (let shown = after; ; ) {
    await host.pause(1);
    const latest = await history.latest(processId);
    if (latest === undefined || latest <= shown) continue;
    const page = await history.range(processId, shown + 1, latest);
    for (const entry of await results(history, processId, page)) if (!errors || isError(entry)) say(entry);
    shown = latest;
  }
}

const refusals = ({ result }: Entry) =>
  (result?.messages ?? []).filter(({ tags }) => tags.Action === "Error-Response" || tags.Status === "error");

const isError = (entry: Entry): boolean => entry.result?.error !== undefined || refusals(entry).length > 0;

/** A head line, then what came of it, indented. */
export function entryLines(
  entry: Entry,
  { members }: KnownFleet,
  explain: (error: string) => string,
  full: boolean,
): string[] {
  const width = full ? Number.MAX_SAFE_INTEGER : 160;
  const nameOf = (id: string) => members.find(({ processId }) => processId === id)?.name ?? brief(id, 12);
  const text = (value: string) => (full ? value : brief(value, width));
  const time = entry.timestamp > 0 ? new Date(entry.timestamp).toISOString() : "";
  const lines = [
    `#${entry.slot} ${time} ${entry.action || "(no action)"} from ${nameOf(entry.from)}  ${entry.messageId}`,
  ];
  // The text of a whole bundle helps nobody.
  if (entry.data !== "" && entry.action !== "Eval") lines.push(`    data   ${text(entry.data)}`);
  const { result } = entry;
  if (!result) return [...lines, "    no result yet"];
  if (result.error !== undefined) lines.push(...indented("error", explain(result.error)));
  if (result.output !== "") lines.push(...indented("output", text(result.output)));
  for (const { target, tags, data } of result.messages) {
    const what = [tags.Action ?? "message", tags.Status === "error" ? "(error)" : ""]
      .filter(Boolean)
      .join(" ");
    lines.push(`    sent   ${what} to ${nameOf(target)}${data === "" ? "" : `  ${text(data)}`}`);
  }
  return lines;
}

function indented(label: string, text: string): string[] {
  return text.split("\n").map((line, index) => `    ${(index === 0 ? label : "").padEnd(6)} ${line}`);
}

function withExplained(entry: Entry, explain: (error: string) => string): unknown {
  const error = entry.result?.error;
  return error === undefined ? entry : { ...entry, explained: explain(error) };
}
