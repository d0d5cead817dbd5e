import type { FoundItem, MessageInput, SpawnInput } from "../port.ts";
import { composer } from "../shared/aoconnect.ts";
import { type TagList, tagList } from "../shared/tags.ts";
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

/** A spawn with its scheduler and its authority. */
export type PlacedSpawn = SpawnInput & Required<Pick<SpawnInput, "scheduler" | "authority">>;

/**
 * The fields of a spawn as aoconnect composes them: protocol tags, module, scheduler, time.
 * Sends and signs nothing: the adapter does that itself, with the journal, the budget and the unit's answers.
 *
 * @param module the module as the gateway shows it; aoconnect checks its tags
 */
export function fieldsOfSpawn(input: PlacedSpawn, module: FoundItem): Promise<ItemFields> {
  const tags = [{ name: "Authority", value: input.authority }, ...tagList(input.tags)];
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
      tags: tagList(input.tags),
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
    ? [
        {
          node: { owner: { address: module.owner }, tags: tagList(module.tags), block: module.block ?? null },
        },
      ]
    : [];
  return { data: { transactions: { edges } } };
}
