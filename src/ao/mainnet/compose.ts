import type { MessageInput, SpawnInput } from "../port.ts";
import { composer } from "../shared/aoconnect.ts";
import { type TagList, tagList } from "../shared/tags.ts";
import type { ItemFields } from "../wallet.ts";

/** A spawn with its scheduler and its authority. */
export type PlacedSpawn = SpawnInput & Required<Pick<SpawnInput, "scheduler" | "authority">>;

/** The part of aoconnect's mainnet mode that composes messages. */
interface MainnetClient {
  spawn(input: Composed & { module: string; authority: string }): Promise<unknown>;
  message(input: Composed & { process: string }): Promise<unknown>;
}

interface Composed {
  readonly tags: TagList;
  readonly data?: string;
}

type Signer = (create: (options: { passthrough: true }) => Promise<ItemFields>) => Promise<never>;

/**
 * The fields of a spawn as aoconnect composes them: protocol tags, devices, module, scheduler, authority. Sends and signs nothing: the
 * adapter does that itself, with the journal, the budget and the node's answers.
 */
export function fieldsOfSpawn({
  module,
  scheduler,
  authority,
  tags,
  data,
}: PlacedSpawn): Promise<ItemFields> {
  // aoconnect prefers variables of the environment to what it is given; tags come after both.
  const own = { Module: module, Authority: authority, Scheduler: scheduler };
  return fieldsFrom(scheduler, (client) =>
    client.spawn({
      module,
      authority,
      tags: tagList({ ...tags, ...own }),
      ...(data === undefined ? {} : { data }),
    }),
  );
}

/** The fields of a message as aoconnect composes them. */
export function fieldsOfMessage({ processId, tags, data }: MessageInput): Promise<ItemFields> {
  return fieldsFrom(processId, (client) =>
    client.message({ process: processId, tags: tagList(tags), ...(data === undefined ? {} : { data }) }),
  );
}

/** Thrown by the signer once it has the fields, so that aoconnect stops before it sends anything. */
class FieldsTaken extends Error {}

async function fieldsFrom(
  scheduler: string,
  make: (client: MainnetClient) => Promise<unknown>,
): Promise<ItemFields> {
  let fields: ItemFields | undefined;
  const signer: Signer = async (create) => {
    fields = await create({ passthrough: true });
    throw new FieldsTaken("composed");
  };
  // The name never resolves (RFC 2606): a call that bypassed the signer would fail at once.
  const client = await composer<MainnetClient>({
    MODE: "mainnet",
    URL: "http://node.invalid",
    SCHEDULER: scheduler,
    signer,
  });
  await make(client).catch((error: unknown) => {
    if (fields === undefined) throw error;
  });
  if (fields === undefined) throw new Error("aoconnect did not ask for a signature");
  const { target, anchor, ...rest } = fields;
  return { ...rest, ...(target ? { target } : {}), ...(anchor ? { anchor } : {}) };
}
