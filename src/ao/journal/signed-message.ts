import { tagsOf } from "../shared/tags.ts";
import type { ItemFields } from "../wallet.ts";
import type { Journal } from "./journal.ts";
import { type Intent, isOpenIntent } from "./records.ts";

/** A message that was signed and is neither settled nor voided. */
interface SignedMessage {
  readonly intent: Intent;
  /** As they were signed, with those of the protocol. */
  readonly tags: Readonly<Record<string, string>>;
}

/** Reads a message that is still open, by its id; undefined if the journal has none, or only one that is closed. */
export async function signedMessage(
  journal: Pick<Journal, "byId" | "item">,
  id: string,
): Promise<SignedMessage | undefined> {
  const intent = journal.byId(id);
  if (intent?.kind !== "message" || !isOpenIntent(intent)) return undefined;
  const { DataItem } = await import("@dha-team/arbundles");
  const { raw } = await journal.item(intent);
  return { intent, tags: tagsOf(new DataItem(Buffer.from(raw)).tags) };
}

/** What `Journal.record` takes to return an open message instead of a new one. */
export function openMessage(journal: Pick<Journal, "byId">, id: string) {
  const intent = journal.byId(id);
  if (intent?.kind !== "message" || !isOpenIntent(intent)) throw new Error(`${id} is not an open message`);
  const { key, kind, target, content, floor } = intent;
  return {
    input: { key, kind, target, content, ...(floor === undefined ? {} : { floor }) },
    compose: (): Promise<ItemFields> => Promise.reject(new Error(`${id} was closed while it was sent again`)),
  };
}
