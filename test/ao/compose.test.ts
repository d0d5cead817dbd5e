/** The fields of our messages are those that aoconnect composes, in both protocols. */
import { connect } from "@permaweb/aoconnect";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import * as legacy from "../../src/ao/legacy/compose.ts";
import * as mainnet from "../../src/ao/mainnet/compose.ts";
import type { ItemFields } from "../../src/ao/wallet.ts";

const [PROCESS, MODULE, SCHEDULER, AUTHORITY] = ["p", "m", "s", "a"].map((letter) => letter.repeat(43)) as [
  string,
  string,
  string,
  string,
];
const OF_MODULE = {
  "Data-Protocol": "ao",
  Type: "Module",
  "Module-Format": "wasm64",
  "Input-Encoding": "JSON-V1",
  "Output-Encoding": "JSON-V1",
};
const GATEWAY = "http://gateway.invalid/graphql";
const list = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([name, value]) => ({ name, value }));

/** What aoconnect asks its signer to sign; nothing is sent. */
async function composed(options: object, call: "message" | "spawn", input: object): Promise<ItemFields> {
  let fields: ItemFields | undefined;
  const signer = async (create: (options: object) => Promise<ItemFields>) => {
    fields = await create({ passthrough: true });
    throw new Error("composed");
  };
  const module = { node: { owner: { address: AUTHORITY }, tags: list(OF_MODULE), block: null } };
  const answer = { data: { transactions: { edges: [module] } } };
  const client = connect({
    ...options,
    signer,
    fetch: async (url: string) => Response.json(url === GATEWAY ? answer : {}),
  } as never) as unknown as Record<string, (input: object) => Promise<unknown>>;
  await client[call]?.({ ...input, signer }).catch(() => {});
  if (!fields) throw new Error("aoconnect asked for no signature");
  // An absent anchor or target is an empty one.
  return JSON.parse(JSON.stringify(fields, (_, value) => (value === "" ? undefined : value)));
}
const plain = (fields: ItemFields) =>
  JSON.parse(JSON.stringify(fields, (_, value) => (value === "" ? undefined : value)));

const LEGACY = {
  MODE: "legacy",
  GRAPHQL_URL: GATEWAY,
  MU_URL: "http://mu.invalid",
  CU_URL: "http://cu.invalid",
  noLog: true,
};
const MAINNET = { MODE: "mainnet", URL: "http://node.invalid", SCHEDULER };

/** Names that both protocols can carry (`TAGS_INVALID` refuses the others), and some that the protocol itself has. */
const name = fc.oneof(
  fc.stringMatching(/^[A-Z][A-Za-z0-9]{0,10}(-[A-Z][a-z]{0,6})?$/),
  fc.constantFrom("Action", "SDK", "Name", "Cron-Interval", "execution-device", "X-Reference"),
);
const tags = fc
  .dictionary(name, fc.string({ minLength: 1, maxLength: 30 }), { maxKeys: 8, noNullPrototype: true })
  .filter((own) =>
    Object.keys(own).every(
      (each) =>
        !/^(data|target|type|variant|path|method|module|scheduler|authority|anchor|id|owner|from|to|tags|body|action)$/i.test(
          each,
        ) || each === "Action",
    ),
  );
const data = fc.option(fc.string({ minLength: 1, maxLength: 40 }), { nil: undefined });

test("of a message and a spawn with any tags and data", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_700_000_000_000 });
  await fc.assert(
    fc.asyncProperty(tags, data, async (own, body) => {
      const more = body === undefined ? {} : { data: body };
      const message = { intent: "", processId: PROCESS, tags: own, ...more };
      const spawn = {
        intent: "",
        module: MODULE,
        scheduler: SCHEDULER,
        authority: AUTHORITY,
        tags: own,
        ...more,
      } as never;
      const theirs = { tags: list(own), ...more };
      expect(plain(legacy.fieldsOfMessage(message))).toEqual(
        await composed(LEGACY, "message", { process: PROCESS, ...theirs }),
      );
      expect(plain(mainnet.fieldsOfMessage(message))).toEqual(
        await composed(MAINNET, "message", { process: PROCESS, ...theirs }),
      );
      const placed = { module: MODULE, scheduler: SCHEDULER };
      const authority = { name: "Authority", value: AUTHORITY };
      expect(
        plain(legacy.fieldsOfSpawn(spawn, { id: MODULE, owner: AUTHORITY, tags: OF_MODULE } as never)),
      ).toEqual(await composed(LEGACY, "spawn", { ...placed, ...more, tags: [authority, ...list(own)] }));
      expect(plain(mainnet.fieldsOfSpawn(spawn))).toEqual(
        await composed(MAINNET, "spawn", { ...placed, authority: AUTHORITY, ...theirs }),
      );
    }),
    { numRuns: 30 },
  );
  vi.useRealTimers();
});

test("of a spawn whose tags name what only the network may: the network's values are kept", async () => {
  const own = {
    Name: "n",
    Module: "other",
    Scheduler: "other",
    Authority: "other",
    Type: "other",
    Variant: "mine",
  };
  const spawn = {
    intent: "",
    module: MODULE,
    scheduler: SCHEDULER,
    authority: AUTHORITY,
    tags: own,
  } as never;
  const last = (fields: ItemFields, tag: string) => fields.tags.findLast((each) => each.name === tag)?.value;
  const ofNode = mainnet.fieldsOfSpawn(spawn);
  const ofUnits = legacy.fieldsOfSpawn(spawn, { id: MODULE, owner: AUTHORITY, tags: OF_MODULE } as never);
  for (const fields of [ofNode, ofUnits])
    expect([last(fields, "Module"), last(fields, "Scheduler"), last(fields, "Type")]).toEqual([
      MODULE,
      SCHEDULER,
      "Process",
    ]);
  expect(new Set(ofNode.tags.map((tag) => tag.name)).size).toBe(ofNode.tags.length);
  expect(ofUnits.tags[0]).toEqual({ name: "Authority", value: AUTHORITY });
});

test.each(Object.keys(OF_MODULE))("a module without %s is refused", (missing) => {
  const { [missing as "Type"]: _, ...rest } = OF_MODULE;
  const spawn = { intent: "", module: MODULE, scheduler: SCHEDULER, authority: AUTHORITY, tags: {} } as never;
  expect(() => legacy.fieldsOfSpawn(spawn, { id: MODULE, owner: AUTHORITY, tags: rest } as never)).toThrow(
    `Tag '${missing}': `,
  );
});
