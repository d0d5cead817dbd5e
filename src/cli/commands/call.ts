import { type Command, Option } from "commander";
import { z } from "zod";
import { continued, printableJson, printableLines, quoted } from "../../core/printable.ts";
import { UsageError } from "../../core/usage-error.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import { withReplaceRemedy } from "../../fleet/members/ruined.ts";
import { dryCall } from "../../fleet/protocol/call.ts";
import type { Reply } from "../../fleet/protocol/reply.ts";
import { presentEpoch, resultOf, slotOf } from "../../operations/call/call.ts";
import { assertWholeWord, messageData } from "../../operations/call/message-data.ts";
import { sendCall } from "../../operations/call/send.ts";
import { type Cli, type Context, defineCommand, pair, seconds } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";

const Options = z.looseObject({
  data: z.string().optional(),
  raw: z.boolean().default(false),
  tag: z.record(z.string(), z.string()).default({}),
  control: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  wait: z.boolean().default(true),
  timeout: z.number(),
  continue: z.string().optional(),
});

export function callCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "call",
    summary: "send one message to a process and print its reply",
    description:
      "Signs one message with the stack's wallet, sends it, and waits for the reply of the process, even if it asks its peers first. " +
      "The reply is recognized by the call's Correlation-Id, by aos' own X-Reference, or because this message caused it; messages to " +
      "this wallet about other requests are ignored. Exit code 1 if the process failed or the reply marks an error: " +
      "`success: false`, a tag Error, an action Error or …-Error. With --json, `text` is the reply as a string, and `data` the same, " +
      "parsed if it is a JSON object or list. Each call signs a message of its own, and prints its id on stderr before it sends it " +
      "(with --quiet, only in build/logs/fleet.jsonl): if it ends before its result is known, only --continue with that id repeats " +
      "nothing.",
    examples: [
      ["npx fleet call battle Info", "its name, version and status"],
      [`npx fleet call shop GET_ITEMS --data '{"page":1}'`, "with data"],
      ["npx fleet call battle DRAIN --control", "a control action, with the required epoch"],
      ["npx fleet call battle Eval --raw --data 'return #Handlers.list'", "Lua code, as the owner"],
    ],
    define(command) {
      command
        .argument("<process>", "member of the fleet, or an AO id")
        .argument("<action>", "value of the Action tag")
        .option("-d, --data <json>", "the message's data (default: {}); @file reads a file, - reads stdin")
        .option("--raw", "send the data unchanged, even if it is not JSON")
        .option("-t, --tag <name=value>", "an additional tag (repeatable)", pair)
        .option("--control", "add the process' present epoch, which control actions require")
        .option("--dry-run", "evaluate without sending: signs nothing, changes nothing")
        .addOption(
          new Option(
            "--continue <id>",
            "finish the call that signed this message: send the same bytes unless the network has them, and wait for the reply",
          ).conflicts(["data", "raw", "tag", "control", "dryRun"]),
        )
        .option("--no-wait", "print the message's id and exit once the network has accepted it")
        // A router replies TIMEOUT at its first message after 60 s, which may be the admin's round, every 30 s.
        .option("--timeout <seconds>", "time limit for the reply", seconds, 120);
    },
    options: Options,
    async run(context, options, [name = "", action = ""]) {
      assertWholeWord(action, "<action>");
      for (const [tag, value] of Object.entries(options.tag)) assertWholeWord(`${tag}=${value}`, "--tag");
      assertOneAction(action, options.tag);
      const data = await messageData(context.host, options);
      const fleet = await context.fleet({ journal: "keep", wallet: !options.dryRun });
      const member = pickMember(fleet, name);
      const epoch = options.control ? { Epoch: await presentEpoch(fleet, member, options.timeout) } : {};
      const tags = {
        ...(options.raw ? {} : { "Content-Type": "application/json" }),
        ...epoch,
        ...options.tag,
      };
      const message = { member, action, data, tags, seconds: options.timeout };
      const sending = { ...message, wait: options.wait };
      const replied = options.dryRun
        ? dryCall(fleet, message)
        : sendCall(context, fleet, { ...sending, words: [name, action], earlier: options.continue });
      const reply = await replied.catch(namingReplace(fleet, member));
      if (!options.wait && !options.dryRun) {
        context.out.line(reply.messageId);
        context.out.document({ success: true, messageId: reply.messageId });
        return EXIT.ok;
      }
      if (reply.ran && reply.output === "") return showRan(context, fleet, member, reply);
      return show(context, fleet, member, action, reply);
    },
  });
}

/** For `catch`: the command that helps is one for members, not for any id. */
const namingReplace =
  ({ members }: FleetSession, member: Member) =>
  (error: unknown): never => {
    throw members.includes(member) ? withReplaceRemedy(member.of ?? member.name, error) : error;
  };

/** Nodes do not distinguish the case of names, and a second `Action` would be the one that the process runs. */
function assertOneAction(action: string, tags: Readonly<Record<string, string>>): void {
  const [name, value] = Object.entries(tags).find(([each]) => each.toLowerCase() === "action") ?? [];
  if (name === undefined) return;
  throw new UsageError({
    code: "ACTION_TAG",
    what: `--tag ${name}=… would replace the action ${action}.`,
    got: `--tag ${name}=${value}`,
    expected: "the action as the second argument, and other tags",
    remedy: "Remove the tag, or pass its value as the action.",
  });
}

/** Prints the result of an Eval that returned nothing, with its slot if that can be read. */
async function showRan(
  context: Context,
  fleet: FleetSession,
  { processId }: Member,
  { messageId }: Reply,
): Promise<ExitCode> {
  const { out } = context;
  const slot = messageId === "" ? undefined : await slotOf(context, fleet, processId, messageId);
  const where = messageId === "" ? "in a dry run" : slot === undefined ? "" : `at slot ${slot}`;
  out.line(`evaluated${where === "" ? "" : ` ${where}`}: no output, no error`);
  out.document({ success: true, messageId, action: "", tags: {}, data: "", text: "", slot: slot ?? null });
  return EXIT.ok;
}

async function show(
  { out }: Context,
  fleet: FleetSession,
  member: Member,
  action: string,
  reply: Reply,
): Promise<ExitCode> {
  const { success, data, text, explained } = await resultOf(fleet, member, action, reply);
  if (reply.action !== "") out.note(`${quoted(reply.action)} from ${member.name}`);
  // Programs that are not the fleet's may say why in a tag, and nothing in the data.
  const reason = success ? undefined : reply.tags.Error;
  if (reason !== undefined) out.note(`an error from ${member.name}: ${reason}`);
  if (explained !== undefined) out.note(continued(explained));
  if (reason === undefined || text !== "") out.quote(replyLines(data));
  out.document({
    success,
    messageId: reply.messageId,
    action: reply.action,
    tags: reply.tags,
    data,
    text,
    ...(explained === undefined ? {} : { explained }),
  });
  return success ? EXIT.ok : EXIT.failed;
}

/** A reply: JSON as it is, with an escape for each control character; a string of several lines with a bar before each, so that none of them is taken for ours. */
function replyLines(data: unknown): string[] {
  if (typeof data !== "string") return printableJson(JSON.stringify(data, null, 2)).split("\n");
  const lines = printableLines(data);
  return lines.length === 1 ? lines : lines.map((line) => `| ${line}`);
}
