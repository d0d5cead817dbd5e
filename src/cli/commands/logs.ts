import type { Command } from "commander";
import { z } from "zod";
import { luaErrorIn } from "../../fleet/code/lua-error.ts";
import { luaExplainer } from "../../fleet/code/lua-errors.ts";
import { type History, newestSlot, noteFirstSlots, withRepeat } from "../../fleet/history.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import { stoppedText } from "../../fleet/members/ruined.ts";
import { entryLines } from "../../operations/trace/lines.ts";
import {
  isError,
  isUnread,
  type LogEntry,
  newestEntries,
  searchedIn,
  unreadText,
  withResults,
  withSources,
} from "../../operations/trace/log-entries.ts";
import { clash } from "../clash.ts";
import { type Cli, type Context, count, defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";

const Options = z.looseObject({
  limit: z.number(),
  errors: z.boolean().default(false),
  follow: z.boolean().default(false),
  full: z.boolean().default(false),
  json: z.boolean().default(false),
});

export function logsCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "logs",
    summary: "show a process' messages and their results",
    description:
      "Shows the messages of a process by slot, each with its result: what it printed and sent, or the Lua error with the file and " +
      "line of your source. Reads only; needs no wallet. With --errors, exit code 1 if no result could be read.",
    examples: [
      ["npx fleet logs battle", "the last 25 messages"],
      ["npx fleet logs battle --errors", "the last messages that failed"],
      ["npx fleet logs battle --follow", "keep showing new messages"],
    ],
    define(command) {
      command
        .argument("<process>", "member of the fleet, or an AO id")
        .option("-n, --limit <number>", "number of messages", count(1), 25)
        .option("-e, --errors", "only messages that failed or were refused")
        .option("-f, --follow", "keep showing new messages until Ctrl-C")
        .option("--full", "show data and output in full");
    },
    options: Options,
    async run(context, options, [name = ""]) {
      if (options.follow && options.json) {
        throw clash("--follow never ends, so it cannot print one JSON document.", "--follow or --json");
      }
      const fleet = await context.fleet({ journal: "discard", wallet: false });
      const member = pickMember(fleet, name);
      const history = await context.host.history(fleet, 60);
      const explain = luaExplainer(fleet.session.scope.home);
      const say = async (entry: LogEntry) => {
        const error = entry.result && luaErrorIn(entry.result);
        const explained = error === undefined ? undefined : await explain(error, entry.source);
        context.out.quote(entryLines(entry, fleet, explained, options.full));
        return explained;
      };
      const { processId, sourceHash } = member;
      const latest = await newestSlot(history, processId);
      const found = await newestEntries(history, processId, latest, options, sourceHash);
      const { entries, searched, unread } = found;
      const messages: unknown[] = [];
      for (const entry of entries) messages.push(plain(entry, await say(entry)));
      const success = !options.errors || !isUnread(found);
      const counts = options.errors ? { searched, unread } : {};
      context.out.document({ success, process: member.name, processId, ...counts, messages });
      const gap = options.errors ? unreadText(found) : undefined;
      if (gap !== undefined) context.out.alert(`${gap}: errors may be missing`);
      else if (entries.length === 0) context.out.note(options.errors ? "no errors found" : "no messages yet");
      const stopped = history.stopped?.(processId);
      if (stopped !== undefined) context.out.alert(`${member.name}: ${stoppedText(member, stopped)}`);
      if (options.follow) await follow(context, history, member, latest, options.errors, say);
      return success ? EXIT.ok : EXIT.failed;
    },
  });
}

async function follow(
  { host, out }: Context,
  history: History,
  { processId, sourceHash }: Member,
  after: number,
  errors: boolean,
  say: (entry: LogEntry) => Promise<unknown>,
): Promise<void> {
  let running = sourceHash;
  const first = new Map<string, number>();
  for (let shown = after; host.isRead(); ) {
    await host.pause(1);
    const latest = await history.latest(processId);
    if (latest === undefined || latest <= shown) continue;
    const page = await withResults(history, processId, await history.range(processId, shown + 1, latest));
    noteFirstSlots(first, page);
    for (const each of page) {
      const [entry] = withSources([withRepeat(first, each)], running);
      if (!entry) continue;
      if (entry.isLoad && !isError(entry)) running = entry.source ?? running;
      if (!errors || isError(entry)) await say(entry);
    }
    const gap = errors ? unreadText(searchedIn(page)) : undefined;
    if (gap !== undefined) out.alert(`${gap}: errors may be missing`);
    shown = latest;
  }
}

/** An entry for JSON, without the text of a bundle. */
function plain(entry: LogEntry, explained: string | undefined): unknown {
  return {
    ...entry,
    ...(entry.isLoad ? { data: "" } : {}),
    ...(explained === undefined ? {} : { explained }),
  };
}
