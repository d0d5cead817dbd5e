import { checkNetwork } from "../../../src/ao/connect.ts";
import { looksLikeInbox } from "../../../src/ao/inbox.ts";
import { budgetOf } from "../../../src/core/budget.ts";
import { problemsOf } from "../../kit/failure.ts";
import { type Bench, budget } from "./bench.ts";

/** One promise of the port: what a caller observes, and what every adapter shows. */
interface Promised {
  observe(bench: Bench): Promise<unknown>;
  readonly kept: unknown;
}

/** The id of a process that nobody spawned. */
export const NOBODY = "nobody".padEnd(43, "0");

const EFFECTS: Readonly<Record<string, Promised>> = {
  "a spawn is one process per intent": {
    kept: { same: true, resent: [false, true], found: 1, newest: 0 },
    async observe(bench) {
      const { ao, wallet } = await bench.main;
      const input = bench.spawnInput({ Mark: "once" });
      const first = await ao.spawn(input, budget());
      const second = await ao.spawn(input, budget());
      await ao.awaitReady(first.id, budget());
      const found = await ao.find({ tags: { Mark: "once" }, owners: [wallet.address] }, budget());
      return {
        same: first.id === second.id,
        resent: [first.resent, second.resent],
        found: found.length,
        newest: await ao.latest(first.id, budget()),
      };
    },
  },
  "a spawn with a module that nobody has is refused, and nothing is spawned": {
    kept: { codes: ["MODULE_UNKNOWN"], found: 0 },
    async observe(bench) {
      const { ao } = await bench.main;
      const input = { ...bench.spawnInput({ Mark: "unknown-module" }), module: NOBODY };
      const problems = await problemsOf(ao.spawn(input, budgetOf(1)));
      const found = await ao.find({ tags: { Mark: "unknown-module" } }, budget());
      return { codes: problems.map(({ code }) => code), found: found.length };
    },
  },
  "a message is one message per intent": {
    kept: { same: true, resent: [false, true], slots: 1, count: "1" },
    async observe(bench) {
      const { ao } = await bench.main;
      const processId = await bench.shared();
      const input = message(bench, processId, "ONCE = (ONCE or 0) + 1\nreturn ONCE");
      const first = await ao.send(input, budget());
      const second = await ao.send(input, budget());
      await ao.evaluation({ processId, messageId: first.id, expectOutput: true }, budget());
      const entries = await ao.range({ processId, from: 0, to: 9999 }, budget());
      return {
        same: first.id === second.id,
        resent: [first.resent, second.resent],
        slots: entries.filter(({ messageId }) => messageId === first.id).length,
        count: (await bench.run(processId, "return ONCE")).output,
      };
    },
  },
  "the same intent with another content is another message": {
    kept: { same: false, resent: false, value: "b" },
    async observe(bench) {
      const { ao } = await bench.main;
      const processId = await bench.shared();
      const input = message(bench, processId, 'CONTENT = "a"\nreturn CONTENT');
      const first = await ao.send(input, budget());
      const second = await ao.send({ ...input, data: 'CONTENT = "b"\nreturn CONTENT' }, budget());
      const { output } = await ao.evaluation(
        { processId, messageId: second.id, expectOutput: true },
        budget(),
      );
      return { same: first.id === second.id, resent: second.resent, value: output };
    },
  },
  "a later run with the same journal sends the same bytes, and they are evaluated once": {
    kept: { same: true, resent: [false, true], count: "1" },
    async observe(bench) {
      const processId = await bench.shared();
      const input = message(bench, processId, "LATER = (LATER or 0) + 1\nreturn LATER");
      const before = await bench.connect("later");
      const first = await before.ao.send(input, budget());
      await before.close();
      const after = await bench.connect("later");
      const second = await after.ao.send(input, budget());
      const { output } = await after.ao.evaluation(
        { processId, messageId: second.id, expectOutput: true },
        budget(),
      );
      await after.close();
      return { same: first.id === second.id, resent: [first.resent, second.resent], count: output };
    },
  },
  "tags that the network cannot carry are refused before anything is signed": {
    kept: { codes: ["TAGS_INVALID"], sent: 0 },
    async observe(bench) {
      const { ao } = await bench.main;
      const processId = await bench.shared();
      const before = await ao.latest(processId, budget());
      const input = { intent: bench.intent(), processId, tags: { Action: "Eval", Long: "x".repeat(3100) } };
      const problems = await problemsOf(ao.send(input, budget()));
      return {
        codes: problems.map(({ code }) => code),
        sent: Number(await ao.latest(processId, budget())) - Number(before),
      };
    },
  },
  "a published item is served as it was sent, and found": {
    kept: { same: true, data: "\u0000bytes ✓", tag: "published" },
    async observe(bench) {
      const { ao } = await bench.main;
      const input = {
        intent: bench.intent(),
        tags: { Mark: "published", "Content-Type": "text/plain" },
        data: Buffer.from("\u0000bytes ✓"),
      };
      const { id } = await ao.publish(input, budget());
      const again = await ao.publish(input, budget());
      const [found] = await ao.find({ ids: [id] }, budget());
      const data = Buffer.from(await ao.data(id, budget())).toString();
      return { same: again.id === id, data, tag: found?.tags.Mark };
    },
  },
  "messages between processes are delivered, and their answers": {
    kept: "pong me",
    async observe(bench) {
      const [here, there] = [await bench.shared(), await bench.spawn()];
      const reply =
        'Handlers.add("ping", "Ping", function(m) m.reply({ Action = "Pong", Data = "pong " .. m.Data }) end)';
      await bench.run(there, `${reply}\nreturn "added"`);
      await bench.run(here, 'Handlers.add("pong", "Pong", function(m) ANSWER = m.Data end)\nreturn "added"');
      await bench.run(here, `Send({ Target = "${there}", Action = "Ping", Data = "me" })\nreturn "asked"`);
      return bench.delivered(here, "return tostring(ANSWER)");
    },
  },
};

const READS: Readonly<Record<string, Promised>> = {
  "pre-flight accepts the network and its module, and names a module that it does not have": {
    kept: ["MODULE_UNKNOWN"],
    async observe({ subject: { network, module } }) {
      await checkNetwork(network, { modules: [module] }, budget());
      const problems = await problemsOf(checkNetwork(network, { modules: [NOBODY] }, budgetOf(1)));
      return problems.map(({ code }) => code);
    },
  },
  "an Eval's value is the output, its messages are the outbox": {
    kept: { output: "sent", error: undefined, out: ["Hi", "there"], target: true },
    async observe(bench) {
      const processId = await bench.shared();
      const code = `Send({ Target = "${NOBODY}", Action = "Hi", Data = "there" })\nreturn "sent"`;
      const { output, error, messages } = await bench.run(processId, code);
      const [out] = messages.filter(({ tags }) => tags.Action === "Hi");
      return { output, error, out: [out?.tags.Action, out?.data], target: out?.target === NOBODY };
    },
  },
  "a Lua error is named, and the memory stays as it was": {
    kept: { error: true, output: "", kept: "1" },
    async observe(bench) {
      const processId = await bench.shared();
      await bench.run(processId, "KEPT = 1\nreturn KEPT");
      const failed = await bench.run(processId, 'KEPT = 2\nerror("boom")');
      const { output } = await bench.run(processId, "return KEPT");
      return { error: failed.error?.includes("boom"), output: failed.output, kept: output };
    },
  },
  "a message that was sent has a place in the order, another one has none": {
    kept: [true, false],
    async observe(bench) {
      const { ao } = await bench.main;
      const processId = await bench.shared();
      const { id } = await ao.send(message(bench, processId, 'return "placed"'), budget());
      return [
        await ao.isPlaced({ processId, messageId: id }, budget()),
        await ao.isPlaced({ processId, messageId: NOBODY }, budget()),
      ];
    },
  },
  "the order of a process is read by slots, oldest first": {
    kept: {
      entries: [
        [1, "Eval", 'return "a"', true],
        [2, "Eval", 'return "b"', true],
      ],
      spawn: [0, "(spawn)"],
      newest: 2,
      unknown: undefined,
    },
    async observe(bench) {
      const { ao, wallet } = await bench.main;
      const processId = await bench.spawn();
      await bench.run(processId, 'return "a"');
      await bench.run(processId, 'return "b"');
      const entries = await ao.range({ processId, from: 1, to: 9 }, budget());
      const [spawn] = await ao.range({ processId, from: 0, to: 0 }, budget());
      return {
        entries: entries.map(({ slot, action, data, from }) => [slot, action, data, from === wallet.address]),
        spawn: [spawn?.slot, spawn?.action],
        newest: await ao.latest(processId, budget()),
        unknown: await ao.latest(NOBODY, budget()),
      };
    },
  },
  "results are read in pages until an empty one, oldest or newest first": {
    kept: { oldest: ["a", "b", "c"], newest: "c" },
    async observe(bench) {
      const { ao } = await bench.main;
      const processId = await bench.spawn();
      for (const value of ["a", "b", "c"]) await bench.run(processId, `return "${value}"`);
      const outputs: string[] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await ao.results(
          { processId, limit: 2, ...(cursor === undefined ? {} : { cursor }) },
          budget(),
        );
        outputs.push(...page.items.map(({ output }) => output).filter((output) => output !== ""));
        if (page.items.length === 0 || page.next === undefined) break;
        cursor = page.next;
      }
      const newest = await ao.results({ processId, limit: 1, newestFirst: true }, budget());
      return { oldest: outputs, newest: newest.items[0]?.output };
    },
  },
  "a dry run answers whoever asked, and changes nothing": {
    kept: { answer: "seen 5", isToUs: true, slots: 0, after: "5" },
    async observe(bench) {
      const { ao } = await bench.main;
      const processId = await bench.shared();
      await bench.run(
        processId,
        'READ = 5\nHandlers.add("read", "Read", function(m) m.reply({ Data = "seen " .. READ })\nREAD = 6 end)\nreturn "added"',
      );
      const before = Number(await ao.latest(processId, budget()));
      const { messages } = await ao.dryrun({ processId, tags: { Action: "Read" } }, budget());
      return {
        answer: messages[0]?.data,
        isToUs: messages[0]?.target === ao.address,
        slots: Number(await ao.latest(processId, budget())) - before,
        after: (await bench.run(processId, "return READ")).output,
      };
    },
  },
  "an existing process exists": {
    kept: true,
    async observe(bench) {
      const { ao } = await bench.main;
      return ao.exists(await bench.shared(), budget());
    },
  },
  "items are found by tags, owners and recipients; a process that nobody spawned is not": {
    kept: { byTag: 1, byOther: 0, toProcess: true, unknown: 0 },
    async observe(bench) {
      const { ao, wallet } = await bench.main;
      const processId = await bench.spawn({ Mark: "found" });
      await bench.run(processId, 'return "to be found"');
      const count = async (query: Parameters<typeof ao.find>[0]) => (await ao.find(query, budget())).length;
      return {
        byTag: await count({ tags: { Mark: "found" }, owners: [wallet.address] }),
        byOther: await count({ tags: { Mark: "found" }, owners: [NOBODY] }),
        toProcess: (await count({ recipients: [processId], tags: { Action: "Eval" } })) > 0,
        unknown: await count({ ids: [NOBODY] }),
      };
    },
  },
  "a stranger's Eval succeeds without an effect, and is recognized": {
    kept: { error: undefined, inbox: true, owner: true, value: "nil" },
    async observe(bench) {
      const processId = await bench.shared();
      const stranger = await bench.connect("stranger", "stranger");
      const result = await bench.run(processId, 'TAKEN = "taken"', stranger);
      await stranger.close();
      const { output } = await bench.run(processId, "return tostring(TAKEN)");
      const inbox = looksLikeInbox(result);
      const owner = looksLikeInbox(result, stranger.wallet.address);
      return { error: result.error, inbox, owner, value: output };
    },
  },
};

const message = (bench: Bench, processId: string, data: string) => ({
  intent: bench.intent(),
  processId,
  tags: { Action: "Eval" },
  data,
});

/** Every promise of the port, by what it says. */
export const PROMISES: Readonly<Record<string, Promised>> = { ...EFFECTS, ...READS };
