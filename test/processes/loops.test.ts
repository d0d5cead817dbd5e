import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, MESSENGER } from "./aos.ts";
import { COUNTER } from "./programs.ts";
import { World } from "./world.ts";

/** Exchanges of messages between processes: the library must not keep one alive that plain aos would not. */

const USER = address("user");
const IMAGE = "aos2_0_6.wasm";
const QUIET = 'Handlers.add("ping", "Ping", function(msg) msg.reply({ Data = "pong" }) end)';

/** A stranger's program that answers every message; `answer` is Lua that sends. */
const echo = (answer: string) => `
Echoed = Echoed or 0
Handlers.add("Start", "Start", function(msg) ao.send({ Target = msg.Tags.To, Action = msg.Tags.Say, Data = "hi" }) end)
Handlers.append("echo", function(msg) return msg.Action ~= "Eval" end, function(msg)
  Echoed = Echoed + 1
  ${answer}
end)`;

/** A member and a stranger in real aos; the member has the status after such a control action. */
async function two(member: string, answer: string, control?: string): Promise<World> {
  const world = new World();
  world.processes.set("member", await boot("member", { image: IMAGE, source: member }));
  const stranger = await boot("stranger", { image: IMAGE, bare: true });
  await stranger.eval(echo(answer));
  world.processes.set("stranger", stranger);
  if (control !== undefined) {
    const stopped = await world.send("member", { Action: control, Epoch: "1" });
    expect(stopped.reply?.status).toBe("ok");
  }
  return world;
}

const send = (tags: string) => `ao.send({ Target = msg.From, Data = "echo", ${tags} })`;
const copy = (action: string) => `local tags = {}
  for _, tag in ipairs(msg.TagArray) do if tag.name ~= "Reference" and tag.name ~= "Action" then tags[#tags + 1] = tag end end
  tags[#tags + 1] = { name = "Action", value = "${action}" }
  ao.send({ Target = msg.From, Tags = tags })`;

describe("the library ends an exchange with a process that answers every message", () => {
  test.each<[how: string, member: string, say: string, answer: string, most: number, control?: string]>([
    ["with an action", QUIET, "Hello", send('Action = "Echo"'), 1],
    ["with an action, to a program of the fleet", COUNTER, "TIME", send('Action = "Echo"'), 3],
    ["by msg.reply", QUIET, "Info", 'msg.reply({ Action = "Echo" })', 3],
    ["by msg.reply, with an action of the member", COUNTER, "TIME", 'msg.reply({ Action = "TIME" })', 3],
    ["by msg.reply, with an action of the library", QUIET, "Info", 'msg.reply({ Action = "Info" })', 3],
    ["with the tags that it got", QUIET, "Info", copy("Echo"), 3],
    ["with one id for all", QUIET, "Hello", send('Action = "Echo", ["Correlation-Id"] = "one"'), 3],
    ["by asking for Info", QUIET, "Hello", send('Action = "Info"'), 40],
    ["by asking for Info with the tags that it got", QUIET, "Info", copy("Info"), 3],
    ["a retired member", QUIET, "Hello", send('Action = "Echo"'), 40, "RETIRE"],
    ["a draining member", COUNTER, "TIME", send('Action = "TIME"'), 40, "DRAIN"],
    ["with a new id each", QUIET, "Info", send('Action = "Echo", ["Correlation-Id"] = "e" .. Echoed'), 1300],
  ])("%s", async (_, member, say, answer, most, control) => {
    const world = await two(member, answer, control);
    const start = { From: USER, Action: "Start", To: world.get("member").id, Say: say };
    const { deliveries } = await world.send("stranger", start);
    expect(deliveries.length).toBeLessThanOrEqual(most);
    // The member still answers a person, and counts what it did not answer.
    const asked = await world.send("member", { From: USER, Action: "Nothing" });
    expect(asked.reply?.data.error?.code).toBe(
      control === undefined ? "UNKNOWN_ACTION" : control === "RETIRE" ? "GONE" : "DRAINING",
    );
    for (const each of world.processes.values()) await each.drop();
  });
});

test("a process gets an answer to a request: of the fleet's protocol, or of aos for a built-in action", async () => {
  const member = await boot("member", { image: IMAGE, source: QUIET });
  const pushed = (Action: string, tags: Record<string, string> = {}, root = "a") =>
    member.send({ From: address("caller"), Owner: MESSENGER, Action, Tags: { "Pushed-For": root, ...tags } });
  const codeOf = async (...given: Parameters<typeof pushed>) => {
    const { reply } = await pushed(...given);
    return reply?.data.error?.code ?? reply?.status ?? "silence";
  };
  for (const id of ["c1", "c2", "c3"])
    expect(await codeOf("Nothing", { "Correlation-Id": id })).toBe("UNKNOWN_ACTION");
  expect(await codeOf("Nothing", { "Correlation-Id": "c3" })).toBe("silence");
  expect(await codeOf("Nothing", { "Correlation-Id": `${member.id}:7` })).toBe("silence");
  expect(await codeOf("Nothing", { Reference: "4" })).toBe("silence");
  // What the program does not handle is in its inbox, as in plain aos.
  const inbox = Number(await member.value("#Inbox"));
  expect(await codeOf("Letter")).toBe("silence");
  expect(await member.value("#Inbox")).toBe(inbox + 1);
  const info = await pushed("Info", { Reference: "5" });
  expect(info.reply).toMatchObject({ status: "ok", tags: { "X-Reference": "5" } });
  // A message that was forwarded with `msg.forward` is a request.
  expect(await codeOf("Info", { "X-Reference": "6", "Reply-To": USER })).toBe("ok");
  expect(await codeOf("Info", { "X-Reference": "6" })).toBe("silence");
  await member.drop();
});

test("the limit is one for each chain of messages and sender, ends with time, and is logged once", async () => {
  const member = await boot("member", { image: IMAGE, source: QUIET });
  const answered = async (From: string, root: string): Promise<number> => {
    let n = 0;
    for (let i = 0; i < 20; i++) {
      const tags = { "Pushed-For": root };
      n += (await member.send({ From, Owner: MESSENGER, Action: "Info", Tags: tags })).messages.length;
    }
    return n;
  };
  const caller = address("caller");
  expect(await answered(caller, "a")).toBe(16);
  expect(await answered(caller, "b")).toBe(16);
  expect(await answered(address("other"), "a")).toBe(16);
  expect(await answered(caller, "a")).toBe(0);
  member.now += 600_000;
  expect(await answered(caller, "a")).toBe(16);
  const logs = await member.send({ Action: "LOGS" });
  const entries = (logs.reply?.data.entries ?? []) as { level: string; text: string }[];
  const lines = entries.filter(({ level, text }) => level === "WARN" && text.includes(caller));
  expect(lines).toHaveLength(3);
  // The memory of chains is bounded; new chains do not let one continue that was ended.
  expect(await answered(address("other"), "a")).toBe(16);
  for (let i = 0; i < 100; i++)
    await member.send({
      From: caller,
      Owner: MESSENGER,
      Action: "Info",
      Tags: { "Pushed-For": `root-${i}` },
    });
  expect(await member.value("#Fleet.store.chains.order")).toBe(64);
  expect(await answered(address("other"), "a")).toBe(0);
  await member.drop();
});

describe.each([
  ["a network that names chains", {}],
  ["a node, which names none", { lua: true, tags: { Variant: "ao.N.1" } }],
])("on %s, the limit is one for each author", (_where, device) => {
  const [router, friend, ash, brock] = ["router", "friend", "ash", "brock"].map(address) as [
    string,
    string,
    string,
    string,
  ];
  let member: Aos;
  beforeAll(async () => {
    member = await boot("member", { source: COUNTER, ...device });
    await member.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { coordinator: router, friend } } });
  }, 60_000);

  /** Answers to as many messages as the limit allows, and one more. */
  const answered = async (
    From: string,
    Tags: Record<string, string> | ((n: number) => Record<string, string>),
  ) => {
    let n = 0;
    for (let i = 0; i < 17; i++) {
      const tags = { "From-Process": From, ...(typeof Tags === "function" ? Tags(i) : Tags) };
      const { messages } = await member.send({ From, Owner: MESSENGER, Action: "Info", Tags: tags });
      n += messages.filter(({ Target }) => Target === From).length;
    }
    return n;
  };

  test("whoever sends through the router uses up neither what others get, nor the router's own", async () => {
    expect(await answered(router, { "On-Behalf-Of": ash })).toBe(16);
    expect(await answered(router, { "On-Behalf-Of": ash })).toBe(0);
    expect(await answered(router, { "On-Behalf-Of": brock })).toBe(16);
    expect(await answered(router, {})).toBe(16);
  });

  test("nor do they by the requests that another member makes for them", async () => {
    expect(await answered(friend, { "Fleet-For": ash })).toBe(16);
    expect(await answered(friend, { "Fleet-For": ash })).toBe(0);
    expect(await answered(friend, {})).toBe(16);
  });

  test("a stranger's process that names authors is one author", async () => {
    const named = (i: number) => ({ "On-Behalf-Of": `author-${i}`, "Fleet-For": `author-${i}` });
    expect(await answered(address("stranger"), named)).toBe(16);
  });
});
