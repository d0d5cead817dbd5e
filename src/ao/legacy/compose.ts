import { type Problem, throwAll } from "../../core/errors.ts";
import type { FoundItem, MessageInput, SpawnInput, Tags } from "../port.ts";
import { composer } from "../shared/aoconnect.ts";
import type { ItemFields } from "../wallet.ts";

/** The part of aoconnect's legacy mode that composes messages. */
interface LegacyClient {
  spawn(input: Composed & { module: string; scheduler: string }): Promise<string>;
  message(input: Composed & { process: string }): Promise<string>;
}

interface Composed {
  readonly signer: Signer;
  readonly tags: TagList;
  readonly data?: string;
}

type Signer = (
  create: (options: { passthrough: true }) => Promise<ItemFields>,
) => Promise<{ id: string; raw: Uint8Array }>;

type TagList = { name: string; value: string }[];

/** A spawn with its scheduler and its authority. */
export type PlacedSpawn = SpawnInput & Required<Pick<SpawnInput, "scheduler" | "authority">>;

/**
 * The fields of a spawn as aoconnect composes them: protocol tags, module, scheduler, time.
 * Sends and signs nothing: the adapter does that itself, with the journal, the budget and the unit's answers.
 *
 * @param module the module as the gateway shows it; aoconnect checks its tags
 */
export function fieldsOfSpawn(input: PlacedSpawn, module: FoundItem): Promise<ItemFields> {
  const tags = [{ name: "Authority", value: input.authority }, ...listOf(input.tags)];
  return fieldsFrom(module, (client, signer) =>
    client.spawn({
      module: input.module,
      scheduler: input.scheduler,
      signer,
      tags,
      ...(input.data === undefined ? {} : { data: input.data }),
    }),
  );
}

/** The fields of a message as aoconnect composes them. */
export function fieldsOfMessage(input: MessageInput): Promise<ItemFields> {
  return fieldsFrom(undefined, (client, signer) =>
    client.message({
      process: input.processId,
      signer,
      tags: listOf(input.tags),
      ...(input.data === undefined ? {} : { data: input.data }),
    }),
  );
}

async function fieldsFrom(
  module: FoundItem | undefined,
  make: (client: LegacyClient, signer: Signer) => Promise<unknown>,
): Promise<ItemFields> {
  const client = await composer<LegacyClient>({
    MODE: "legacy",
    GRAPHQL_URL: GATEWAY,
    MU_URL: MESSENGER,
    CU_URL: "http://compute.invalid",
    noLog: true,
    fetch: async (url: string) => Response.json(url === GATEWAY ? moduleAnswer(module) : {}),
  });
  let fields: ItemFields | undefined;
  await make(client, async (create) => {
    fields = await create({ passthrough: true });
    return { id: "unsigned", raw: new Uint8Array(0) };
  });
  if (!fields) throw new Error("aoconnect did not ask for a signature");
  return fields;
}

/** Names that never resolve (RFC 2606): a call that bypassed our `fetch` would fail at once. */
const GATEWAY = "http://gateway.invalid/graphql";
const MESSENGER = "http://messenger.invalid";

function moduleAnswer(module: FoundItem | undefined): unknown {
  const edges = module
    ? [{ node: { owner: { address: module.owner }, tags: listOf(module.tags), block: module.block ?? null } }]
    : [];
  return { data: { transactions: { edges } } };
}

/** The maximum total size of a data item's tags in bytes (arbundles and ANS-104). */
const TAG_BYTES = 4096;

/** @throws FleetError `TAGS_INVALID` with every tag that a network would refuse */
export function checkTags(tags: Tags, at: string): void {
  const problem = (what: string, got: string, expected: string): Problem => ({
    code: "TAGS_INVALID",
    what,
    at,
    got,
    expected,
    remedy: "Change the tag; long content belongs in the data.",
  });
  const problems: Problem[] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(tags)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 4;
    if (name === "")
      problems.push(problem("A tag has no name", `"": ${JSON.stringify(value.slice(0, 80))}`, "a name"));
    if (value === "") problems.push(problem(`The tag ${name} has no value`, '""', "a value"));
    if (Buffer.byteLength(name) > 1024) {
      problems.push(
        problem(`The name of the tag ${name.slice(0, 40)}… is too long`, `${name.length}`, "1,024 bytes"),
      );
    }
    if (Buffer.byteLength(value) > 3072) {
      problems.push(
        problem(`The tag ${name} is too long`, `${Buffer.byteLength(value)} bytes`, "3,072 bytes"),
      );
    }
  }
  // aoconnect and the spawn add about 400 bytes of their own.
  if (bytes > TAG_BYTES - 500) {
    problems.push(problem("The tags are too long in total", `${bytes} bytes`, `${TAG_BYTES - 500} bytes`));
  }
  throwAll(problems);
}

const listOf = (tags: Tags): TagList => Object.entries(tags).map(([name, value]) => ({ name, value }));
