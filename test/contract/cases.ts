import { CALLS } from "./calls.ts";
import { type ContractClient, list, output, type UnitResult, until } from "./client.ts";

/** What a case may use. */
export interface Bench {
  /** The owner of what the case spawns. */
  readonly owner: ContractClient;
  /** Another wallet. */
  readonly stranger: ContractClient;
  /** A process of the owner, for cases that leave nothing but globals with names of their own. */
  shared(): Promise<string>;
}

/** One promise of a network: what a client observes, and what a faithful network shows. */
export interface Case {
  observe(bench: Bench): Promise<unknown>;
  readonly faithful: unknown;
}

const NOBODY = "nobody".padEnd(43, "0");
const REPLY =
  'Handlers.add("ping", "Ping", function(m) m.reply({ Action = "Pong", Data = "pong " .. m.Data }) end)';

/** What happens to processes and messages, by name. The names are the keys of the tables of known differences. */
export const PROMISES = {
  "the id of a spawn is the id of its data item": {
    faithful: { same: true, length: 43 },
    async observe({ owner }) {
      const id = await owner.spawn();
      return { same: id === owner.signed.at(-1)?.id, length: id.length };
    },
  },
  "a spawn has a result of its own": {
    faithful: { error: undefined, output: "", messages: 0 },
    async observe({ owner }) {
      const id = await owner.spawn();
      const result = await owner.evaluated(id, id);
      return { error: problem(result), output: output(result), messages: result.Messages?.length };
    },
  },
  "On-Boot: Data runs the data of the spawn": {
    faithful: "booted",
    async observe({ owner }) {
      const id = await owner.spawn({ "On-Boot": "Data" }, 'BOOT = "booted"');
      return output(await owner.eval(id, "return BOOT"));
    },
  },
  "an Eval returns its value": {
    faithful: { error: undefined, output: "2" },
    async observe({ owner, shared }) {
      const result = await owner.eval(await shared(), "return 1 + 1");
      return { error: problem(result), output: output(result) };
    },
  },
  "a Lua error is an upper-case Error without output": {
    faithful: { upper: true, names: true, line: true, lower: false, output: "" },
    async observe({ owner, shared }) {
      const result = await owner.eval(await shared(), 'X = 1\nerror("boom")');
      return {
        upper: typeof result.Error === "string",
        names: String(result.Error).includes("boom"),
        line: String(result.Error).includes('[string "aos"]:2:'),
        lower: "error" in result,
        output: output(result) ?? "",
      };
    },
  },
  "a failing Eval leaves the memory unchanged": {
    faithful: "1",
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, "KEPT = 1");
      await owner.eval(id, 'KEPT = 2\nerror("boom")');
      return output(await owner.eval(id, "return KEPT"));
    },
  },
  "the same bytes twice are one message": {
    faithful: { first: true, second: 500, says: true, count: "1" },
    async observe({ owner, shared }) {
      const id = await shared();
      const item = await owner.item(id, { Action: "Eval" }, "COUNT = (COUNT or 0) + 1");
      const first = await owner.post(item.raw);
      await owner.evaluated(id, item.id);
      const second = await owner.post(item.raw);
      return {
        first: first.status < 300,
        second: second.status,
        says: second.text.includes("MessageExists"),
        count: output(await owner.eval(id, "return COUNT")),
      };
    },
  },
  "a spawn posted twice ruins its process": {
    faithful: { posts: [true, true], known: 200, status: 422, says: true, boot: 200 },
    async observe({ owner }) {
      const { scheduler, authority } = owner.network.endpoints;
      const { module, suUrl, endpoints } = owner.network;
      const tags = { Type: "Process", Module: module, Scheduler: scheduler, Authority: authority };
      const spawn = await owner.item("", tags, "1984");
      const posts = [await owner.post(spawn.raw)];
      const status = async (url: string) => {
        const response = await fetch(url);
        return { status: response.status, text: await response.text() };
      };
      const result = (message: string) =>
        status(`${endpoints.cuUrl}/result/${message}?process-id=${spawn.id}`);
      const known = await status(`${suUrl}/processes/${spawn.id}`);
      const boot = await result(spawn.id);
      posts.push(await owner.post(spawn.raw));
      const after = await result(await owner.message(spawn.id, { Action: "Eval" }, "return 1"));
      return {
        posts: posts.map((answer) => answer.status < 300),
        known: known.status,
        status: after.status,
        says: after.text.includes("HashChain invalid"),
        boot: boot.status,
      };
    },
  },
  "a scheduler reports that it does not know a process or a message": {
    faithful: { process: [400, true], message: [400, true] },
    async observe({ owner, shared }) {
      const says = async (path: string) => {
        const response = await fetch(`${owner.network.suUrl}/${path}`);
        return [response.status, /not found/i.test(await response.text())];
      };
      const process = await says(`processes/${NOBODY}`);
      return { process, message: await says(`${NOBODY}?process-id=${await shared()}`) };
    },
  },
  "a bad signature is refused and changes nothing": {
    faithful: { accepted: false, effect: "nil" },
    async observe({ owner, shared }) {
      const id = await shared();
      const item = await owner.item(id, { Action: "Eval" }, "FORGED = 1 --");
      const raw = Buffer.from(item.raw);
      raw.write("2", raw.length - 4);
      const answer = await owner.post(raw);
      return {
        accepted: answer.status < 300,
        effect: output(await owner.eval(id, "return tostring(FORGED)")),
      };
    },
  },
  "bytes that are not a data item are refused": {
    faithful: { accepted: false },
    async observe({ owner }) {
      const answer = await owner.post(Buffer.from("this is no data item"));
      return { accepted: answer.status < 300 };
    },
  },
  "messages sent one after another are evaluated in that order": {
    faithful: "abcdef",
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, 'S = ""');
      let last = "";
      for (const letter of "abcdef")
        last = await owner.message(id, { Action: "Eval" }, `S = S .. "${letter}"`);
      await owner.evaluated(id, last);
      return output(await owner.eval(id, "return S"));
    },
  },
  "concurrent messages are all evaluated": {
    faithful: { all: true },
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, "N = 0");
      const sign = () => owner.item(id, { Action: "Eval" }, "N = N + 1");
      const items = await Promise.all(Array.from({ length: 8 }, sign));
      await Promise.all(items.map(({ raw }) => owner.post(raw)));
      for (const item of items) await owner.evaluated(id, item.id);
      return { all: output(await owner.eval(id, "return N")) === "8" };
    },
  },
  "5 MB are accepted, more than 10 MB are refused with a page": {
    faithful: { five: true, length: "5000000", eleven: 413, page: true },
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, 'Handlers.add("size", "Size", function(m) SIZE = #m.Data end)');
      const five = await owner.item(id, { Action: "Size" }, "x".repeat(5_000_000));
      const small = await owner.post(five.raw);
      if (small.status < 300) await owner.evaluated(id, five.id);
      const eleven = await owner.item(id, { Action: "Size" }, "x".repeat(11_000_000));
      const big = await owner.post(eleven.raw);
      return {
        five: small.status < 300,
        length: output(await owner.eval(id, "return tostring(SIZE)")),
        eleven: big.status,
        page: /<html/i.test(big.text),
      };
    },
  },
  "pushes and replies are delivered between processes": {
    faithful: { got: "pong hello", from: true },
    async observe({ owner }) {
      const [a, b] = [await owner.spawn(), await owner.spawn()];
      await owner.eval(b, REPLY);
      await owner.eval(a, 'Handlers.add("pong", "Pong", function(m) GOT = m.Data SENDER = m.From end)');
      await owner.eval(a, `Send({ Target = "${b}", Action = "Ping", Data = "hello" })`);
      const got = await until("the reply", async () => {
        const text = output(await owner.eval(a, "return tostring(GOT)"));
        return text === "nil" ? undefined : text;
      });
      return { got, from: output(await owner.eval(a, "return SENDER")) === b };
    },
  },
  "a push to a process that does not trust the authority changes nothing": {
    faithful: "nil",
    async observe({ owner, shared }) {
      const [a, b] = [await shared(), await owner.spawn({ Authority: NOBODY })];
      await owner.eval(b, 'Handlers.add("ping", "Ping", function(m) GOT = m.Data end)');
      const sent = await owner.message(
        a,
        { Action: "Eval" },
        `Send({ Target = "${b}", Action = "Ping", Data = "x" })`,
      );
      await owner.evaluated(a, sent);
      // A second push, to a process that does trust, comes after the first: once it has arrived, the first was handled.
      const c = await owner.spawn();
      await owner.eval(c, 'Handlers.add("ping", "Ping", function(m) GOT = m.Data end)');
      await owner.eval(a, `Send({ Target = "${c}", Action = "Ping", Data = "y" })`);
      await until("the second push", async () =>
        output(await owner.eval(c, "return tostring(GOT)")) === "y" ? true : undefined,
      );
      const effect = output(await owner.eval(b, "return tostring(GOT)")) ?? "";
      return effect.startsWith("Message is not trusted") ? "even its owner is not trusted" : effect;
    },
  },
  "a stranger cannot impersonate a process": {
    faithful: { error: undefined, untrusted: true, got: "nil" },
    async observe({ owner, stranger, shared }) {
      const id = await shared();
      await owner.eval(id, 'Handlers.add("spoof", "Spoof", function(m) SPOOFED = m.From end)');
      const forged = await stranger.message(id, { Action: "Spoof", "From-Process": NOBODY }, "x");
      const result = await owner.evaluated(id, forged);
      return {
        error: problem(result),
        untrusted: output(result)?.includes("Message is not trusted"),
        got: output(await owner.eval(id, "return tostring(SPOOFED)")),
      };
    },
  },
  "a stranger's Eval is a message like any other": {
    faithful: { error: undefined, inbox: true, effect: "nil" },
    async observe({ owner, stranger, shared }) {
      const id = await shared();
      const result = await owner.evaluated(
        id,
        await stranger.message(id, { Action: "Eval" }, "STRANGER = 1"),
      );
      return {
        error: problem(result),
        inbox: /New Message From .*Action = Eval/.test(output(result) ?? ""),
        effect: output(await owner.eval(id, "return tostring(STRANGER)")),
      };
    },
  },
  "a dry-run answers and has no effect": {
    faithful: { output: "9", after: "1" },
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, "DRY = 1");
      const dry = (await owner.ao.dryrun({
        process: id,
        data: "DRY = 9 return DRY",
        tags: list({ Action: "Eval" }),
        Owner: owner.wallet.address,
        From: owner.wallet.address,
      } as Parameters<typeof owner.ao.dryrun>[0])) as UnitResult;
      return { output: output(dry), after: output(await owner.eval(id, "return DRY")) };
    },
  },
  "results are paged by cursor, oldest or newest first": {
    faithful: { first: ["a", "b"], next: ["c"], newest: "c" },
    async observe({ owner }) {
      const id = await owner.spawn();
      await owner.evaluated(id, id);
      for (const letter of "abc") await owner.eval(id, `return "${letter}"`);
      const texts = (page: Page) => page.edges.map(({ node }) => output(node)).filter((text) => text !== "");
      const all: Page = await owner.ao.results({ process: id, sort: "ASC", limit: 100 });
      // From the slot before "a": whether the boot has an entry of its own is the next case.
      const start = all.edges.findIndex(({ node }) => output(node) === "a");
      const before = all.edges[start - 1]?.cursor;
      const first: Page = await owner.ao.results({
        process: id,
        sort: "ASC",
        limit: 2,
        ...(before ? { from: before } : {}),
      });
      const cursor = first.edges.at(-1)?.cursor ?? "";
      const next: Page = await owner.ao.results({ process: id, sort: "ASC", from: cursor, limit: 2 });
      const newest: Page = await owner.ao.results({ process: id, sort: "DESC", limit: 1 });
      return { first: texts(first), next: texts(next), newest: texts(newest)[0] };
    },
  },
  "results exclude failed evaluations": {
    faithful: ["a", "b"],
    async observe({ owner }) {
      const id = await owner.spawn();
      await owner.eval(id, 'return "a"');
      await owner.eval(id, 'error("boom")');
      await owner.eval(id, 'return "b"');
      const page: Page = await owner.ao.results({ process: id, sort: "ASC", limit: 100 });
      return page.edges
        .map(({ node }) => (problem(node)?.includes("boom") ? "boom" : output(node)))
        .filter((text) => text !== "");
    },
  },
  "the index finds by tag, owner, id and recipient": {
    faithful: { tag: [true], several: 2, owner: [true], id: [true], recipient: [true], none: 0 },
    async observe({ owner, stranger }) {
      const key = `key-${Math.random()}`;
      const id = await owner.spawn({ "Deployment-Key": key });
      const other = await stranger.spawn({ "Deployment-Key": `${key}-2` });
      const message = await owner.message(id, { Action: "Eval", "Index-Key": key }, "return 1");
      await owner.evaluated(id, message);
      const tag = (name: string, ...values: string[]) => [{ name, values }];
      const ids = async (variables: Record<string, unknown>) =>
        (await owner.graphql(FIND, { first: 10, ...variables })).edges.map(({ node }) => node.id);
      const only = async (wanted: string, variables: Record<string, unknown>) =>
        (await ids(variables)).map((found) => found === wanted);
      const keys = tag("Deployment-Key", key, `${key}-2`);
      return {
        tag: await only(id, { tags: tag("Deployment-Key", key) }),
        several: (await ids({ tags: keys })).length,
        owner: await only(other, { tags: keys, owners: [stranger.wallet.address] }),
        id: await only(id, { ids: [id] }),
        recipient: await only(message, { recipients: [id], tags: tag("Index-Key", key) }),
        none: (await ids({ tags: tag("Deployment-Key", "no such key") })).length,
      };
    },
  },
  "the index is paged, newest first": {
    faithful: { pages: [2, 1], more: [true, false], newest: true, distinct: 3 },
    async observe({ owner }) {
      const key = `page-${Math.random()}`;
      const made: string[] = [];
      for (let n = 0; n < 3; n += 1) made.push(await owner.spawn({ "Deployment-Key": key }));
      const query = { tags: [{ name: "Deployment-Key", values: [key] }], first: 2 };
      const first = await owner.graphql(FIND, query);
      const second = await owner.graphql(FIND, { ...query, after: first.edges.at(-1)?.cursor });
      const found = [...first.edges, ...second.edges].map(({ node }) => node.id);
      return {
        pages: [first.edges.length, second.edges.length],
        more: [first.pageInfo.hasNextPage, second.pageInfo.hasNextPage],
        newest: found[0] === made.at(-1),
        distinct: new Set(found).size,
      };
    },
  },
  "a message to an unknown process is refused": {
    faithful: { accepted: false },
    async observe({ owner }) {
      const item = await owner.item(NOBODY, { Action: "Eval" }, "return 1");
      return { accepted: (await owner.post(item.raw)).status < 300 };
    },
  },
  "a result of an unknown process is a lower-case error": {
    faithful: { lower: true, upper: false, output: undefined },
    async observe({ owner }) {
      const result = (await owner.ao.result({ process: NOBODY, message: NOBODY })) as UnitResult;
      return { lower: typeof result.error === "string", upper: "Error" in result, output: output(result) };
    },
  },
  "a spawn of an unknown module is refused by the client": {
    faithful: { rejected: true },
    async observe({ owner }) {
      const { scheduler } = owner.network.endpoints;
      const spawned = owner.ao.spawn({ module: NOBODY, scheduler, signer: owner.signer as never, tags: [] });
      return {
        rejected: await spawned.then(
          () => false,
          () => true,
        ),
      };
    },
  },
  "heights and times of messages advance": {
    faithful: { height: true, time: true, numbers: true },
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(
        id,
        'Handlers.add("when", "When", function(m) HEIGHT = m["Block-Height"] TIME = m.Timestamp end)',
      );
      const seen: [number, number][] = [];
      for (let n = 0; n < 3; n += 1) {
        await owner.evaluated(id, await owner.message(id, { Action: "When" }));
        const both = output(await owner.eval(id, 'return tostring(HEIGHT) .. " " .. tostring(TIME)')) ?? "";
        const [height = 0, time = 0] = both.split(" ").map(Number);
        seen.push([height, time]);
      }
      const rises = (column: 0 | 1, by: number) =>
        seen.every((row, n) => n === 0 || row[column] - (seen[n - 1]?.[column] ?? 0) >= by);
      return { height: rises(0, 0), time: rises(1, 1), numbers: seen.flat().every((n) => n > 0) };
    },
  },
  "the scheduler returns its time": {
    faithful: { time: true, height: true },
    async observe({ owner }) {
      const response = await fetch(`${owner.network.suUrl}/timestamp`);
      const body = (await response.json()) as { timestamp: unknown; block_height: unknown };
      return { time: Number(body.timestamp) > 1.6e12, height: Number(body.block_height) > 0 };
    },
  },
  "an assignment delivers a message to another process": {
    faithful: { assigned: "an id of its own", evaluated: "as assigned", byMessage: "as sent" },
    async observe({ owner, shared }) {
      const [a, b] = [await shared(), await owner.spawn()];
      const message = await owner.message(a, { Action: "Notice" }, "x");
      await owner.evaluated(a, message);
      const assignment = await owner.ao.assign({ process: b, message }).catch(() => undefined);
      if (assignment === undefined) return { assigned: false };
      return {
        assigned: assignment === message ? "the message's id" : "an id of its own",
        evaluated: howTaken(await owner.evaluated(b, assignment)),
        // The message's own id stands for the process it was sent to, whichever is named.
        byMessage: howTaken(await owner.evaluated(b, message)),
      };
    },
  },
} satisfies Record<string, Case>;

/** Every promise, including those about the calls. */
export const CASES = { ...PROMISES, ...CALLS };

export type CaseName = keyof typeof CASES;

interface Page {
  readonly edges: { readonly cursor: string; readonly node: UnitResult }[];
}

const FIND = `query Find($ids: [ID!], $owners: [String!], $recipients: [String!], $tags: [TagFilter!], $first: Int, $after: String) {
  transactions(ids: $ids, owners: $owners, recipients: $recipients, tags: $tags, first: $first, after: $after, sort: HEIGHT_DESC) {
    pageInfo { hasNextPage }
    edges { cursor node { id recipient owner { address } tags { name value } } }
  }
}`;

/** How a process handled a message: one that was sent to another process reports that it does not trust the assignment. */
const howTaken = (result: UnitResult) =>
  /assignment is not trusted/i.test(output(result) ?? "") ? "as assigned" : "as sent";

function problem(result: UnitResult): string | undefined {
  return result.Error ?? (result.error === undefined ? undefined : String(result.error));
}
