import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { z } from "zod";
import { FleetError } from "../../core/errors.ts";
import { FLEET_REQUEST } from "../../core/fleet-actions.ts";
import { exactJsonIn } from "../../core/json.ts";
import { UsageError } from "../../core/usage-error.ts";
import { faultOf } from "../../delivery/faults.ts";
import { luaErrorIn } from "../../fleet/code/lua-error.ts";
import { faultIn, luaExplainer } from "../../fleet/code/lua-errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import { call, dryCall } from "../../fleet/protocol/call.ts";
import { infoIn } from "../../fleet/protocol/info.ts";
import type { Reply } from "../../fleet/protocol/reply.ts";
import { withLibrary } from "../../operations/members-named.ts";
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
      "parsed if it is a JSON object or list.",
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
        .option("--no-wait", "print the message's id and exit once the network has accepted it")
        // A router replies TIMEOUT at its first message after 60 s, which may be the admin's round, every 30 s.
        .option("--timeout <seconds>", "time limit for the reply", seconds, 120);
    },
    options: Options,
    async run(context, options, [name = "", action = ""]) {
      const data = await dataOf(context, options);
      const fleet = await context.fleet({ journal: "keep", wallet: !options.dryRun });
      const member = pickMember(fleet, name);
      const epoch = options.control ? { Epoch: await epochOf(fleet, member, options.timeout) } : {};
      const tags = {
        ...(options.raw ? {} : { "Content-Type": "application/json" }),
        ...epoch,
        ...options.tag,
      };
      const message = { member, action, data, tags, seconds: options.timeout };
      const reply = options.dryRun
        ? await dryCall(fleet, message)
        : await call(fleet, { ...message, wait: options.wait });
      if (!options.dryRun) context.out.detail(`message ${reply.messageId}`);
      if (!options.wait && !options.dryRun) {
        context.out.line(reply.messageId);
        context.out.document({ success: true, messageId: reply.messageId });
        return EXIT.ok;
      }
      if (reply.ran && reply.output === "") return showRan(context, fleet, member, reply);
      return show(context, fleet.session.scope.home, member, action, reply);
    },
  });
}

async function dataOf({ host }: Context, { data, raw }: z.output<typeof Options>): Promise<string> {
  // Actions parse their data as a JSON object, and an empty string is not valid JSON.
  if (data === undefined) return raw ? "" : "{}";
  let content = data;
  if (data === "-") content = await text(host.stdin);
  else if (data.startsWith("@")) content = await readData(resolve(host.cwd, data.slice(1)));
  if (raw) return content;
  try {
    JSON.parse(content);
    return content;
  } catch (error) {
    throw new UsageError({
      code: "BAD_DATA",
      what: "Invalid data: not JSON.",
      got: content.slice(0, 200),
      expected: `JSON, such as '{"id":1}'; ${error instanceof Error ? error.message : ""}`,
      remedy: "Quote it for the shell, or send it as it is with --raw.",
    });
  }
}

async function readData(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError({
      code: "DATA_UNREADABLE",
      what: "Cannot read the data file.",
      at: path,
      got: (error as NodeJS.ErrnoException).code ?? String(error),
      expected: "a readable file after the @",
      remedy: "Fix the path.",
    });
  }
}

async function epochOf(fleet: FleetSession, member: Member, timeout: number): Promise<string> {
  withLibrary(member);
  const reply = await call(fleet, {
    member,
    action: "Info",
    data: "",
    // The program may have an Info handler of its own, without an epoch.
    tags: FLEET_REQUEST,
    seconds: timeout,
    wait: true,
  });
  const epoch = infoIn(exactJsonIn(reply.data), "epoch")?.epoch;
  if (epoch !== undefined) return String(epoch);
  throw new FleetError({
    code: "NO_EPOCH",
    what: `${member.name} does not report its epoch.`,
    got: reply.data.slice(0, 200) || reply.error || reply.output || "nothing",
    expected: "a reply to Info with an epoch",
    remedy: "Check that it runs the fleet's code: npx fleet status",
  });
}

/** Prints the result of an Eval that returned nothing, with its slot if that can be read. */
async function showRan(
  { host, out }: Context,
  fleet: FleetSession,
  { processId }: Member,
  { messageId }: Reply,
): Promise<ExitCode> {
  const slot = messageId === "" ? undefined : await slotOf(host, fleet, processId, messageId);
  const where = messageId === "" ? "in a dry run" : slot === undefined ? "" : `at slot ${slot}`;
  out.line(`evaluated${where === "" ? "" : ` ${where}`}: no output, no error`);
  out.document({ success: true, messageId, action: "", tags: {}, data: "", text: "", slot: slot ?? null });
  return EXIT.ok;
}

/** Number of newest slots to search for a message that was just evaluated. */
const NEWEST = 100;

async function slotOf(
  host: Context["host"],
  fleet: FleetSession,
  processId: string,
  messageId: string,
): Promise<number | undefined> {
  try {
    const history = await host.history(fleet, 10);
    const latest = await history.latest(processId);
    if (latest === undefined) return undefined;
    const newest = await history.range(processId, Math.max(0, latest - NEWEST), latest);
    return newest.find((one) => one.messageId === messageId)?.slot;
  } catch (error) {
    // The Eval succeeded; only its slot is unknown.
    if (error instanceof FleetError) return undefined;
    throw error;
  }
}

async function show(
  { out }: Context,
  home: string,
  member: Member,
  action: string,
  reply: Reply,
): Promise<ExitCode> {
  const { error, output } = reply;
  const raised = luaErrorIn({ ...(error === undefined ? {} : { error }), output, messages: [] });
  // The code of an Eval is not part of the bundle.
  const source = action === "Eval" ? undefined : member.sourceHash;
  const explain = luaExplainer(home);
  if (raised !== undefined) {
    const changed = error === undefined ? "" : " and changed nothing";
    throw new FleetError({
      code: "PROCESS_ERROR",
      what: `${member.name} failed${changed}: ${await explain(raised, source)}`,
      remedy: `Fix its code; npx fleet logs ${member.name} --errors shows more.`,
    });
  }
  const said = reply.data === "" ? reply.output : reply.data;
  const data = structureOf(reply.data) ?? said;
  const failed = faultOf(reply) !== undefined;
  const faultText = faultIn(reply.data);
  const fault = faultText === undefined ? undefined : await explain(faultText, source);
  if (reply.action !== "") out.note(`${reply.action} from ${member.name}`);
  else if (reply.tags.Error !== undefined) out.note(`an error from ${member.name}: ${reply.tags.Error}`);
  if (fault !== undefined) out.note(fault);
  out.line(typeof data === "string" ? data : JSON.stringify(data, null, 2));
  out.document({
    success: !failed,
    messageId: reply.messageId,
    action: reply.action,
    tags: reply.tags,
    data,
    text: said,
    ...(fault === undefined ? {} : { explained: fault }),
  });
  return failed ? EXIT.failed : EXIT.ok;
}

/** Parses a JSON object or list. Anything else stays a string: `500` does not become a number, nor `null` nothing. */
function structureOf(text: string): object | undefined {
  const value = exactJsonIn(text);
  // `parseJson` also returns an object for a number that needs all its digits.
  return /^\s*[[{]/.test(text) && typeof value === "object" && value !== null ? value : undefined;
}
