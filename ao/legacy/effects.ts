import { type Budget, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { hashOf, sha256 } from "../../core/hash.ts";
import { crashPoint } from "../crash.ts";
import { reasonOf, UnitError } from "../errors.ts";
import type { Intent, Journal } from "../journal/index.ts";
import type { FoundItem, MessageInput, PublishInput, Sent, SpawnInput } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { ItemFields, SignedItem, Wallet } from "../wallet.ts";
import { checkTags, fieldsOfMessage, fieldsOfSpawn } from "./compose.ts";
import type { Unit } from "./http.ts";
import { postItem } from "./mu.ts";
import { assignItem, uploadItem } from "./upload.ts";

/** What making messages needs. */
export interface EffectParts {
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly mu: Unit;
  /** Takes items of any size, where the network has one. */
  readonly upload: Unit | undefined;
  /** Bytes of a message above which it goes by the upload. */
  readonly maxMessageBytes: number;
  readonly backoff: Backoff;
  readonly log: (line: string) => void;
  /** Looks a module up, with whatever retries. */
  module(id: string, budget: Budget): Promise<FoundItem>;
}

/** Sends what changes the network: signed once, journaled, then sent until a unit took it. */
export interface Effects {
  spawn(input: SpawnInput, budget: Budget): Promise<Sent>;
  send(input: MessageInput, budget: Budget): Promise<Sent>;
  publish(input: PublishInput, budget: Budget): Promise<Sent>;
  /**
   * Posts the bytes of an open intent once more: a unit took them and seems to have lost them. The network knows them by
   * their id, so it stays one message. Nothing happens when the id is not an open intent; a failure is only logged.
   */
  repost(id: string, budget: Budget): Promise<void>;
}

/** Most of the time is for other things: a module that stays unknown for so many seconds is believed to be. */
export const MODULE_SECONDS = 15;

/** A process that stays unknown for so many tries has its spawn posted again. */
const LOST_AFTER = 4;

export function effectsOf(parts: EffectParts): Effects {
  const { wallet, journal, mu, upload, maxMessageBytes, backoff, log, module } = parts;

  async function once(
    input: Pick<Intent, "key" | "kind" | "target" | "content">,
    compose: () => Promise<ItemFields>,
    budget: Budget,
  ): Promise<Sent> {
    const { intent, item, resent } = await journal.record({ ...input, signer: wallet.address }, async () =>
      wallet.sign(await compose()),
    );
    if (intent.content !== input.content) {
      log(
        `${input.key}: sends the spawn ${intent.id} as it was signed earlier, since it may be on the network already`,
      );
    }
    await retrying(
      `sending ${whatIs(intent)}`,
      budget,
      (tries) =>
        post(intent, item, budget).catch(async (error: unknown) => {
          // Somebody said that the spawn was taken, and the network does not know the process: perhaps it never arrived.
          if (isUnknownProcess(error) && tries % LOST_AFTER === 0) await repost(intent.target, budget);
          throw error;
        }),
      backoff,
    );
    crashPoint("ao.after-send");
    await journal.sent(input.key);
    crashPoint("ao.after-answer");
    return { id: intent.id, resent };
  }

  /** Taken by the upload in this run: while the gateway is behind, the bytes are not sent with each try. */
  const uploaded = new Set<string>();

  async function post(intent: Intent, item: SignedItem, budget: Budget): Promise<void> {
    const posted = { ...item, what: whatIs(intent) };
    const isLarge = intent.kind === "message" && item.raw.length > maxMessageBytes && upload !== undefined;
    if (intent.kind !== "upload" && !isLarge) return postItem(mu, posted, budget);
    if (upload === undefined) throw noUpload(posted.what);
    if (!uploaded.has(item.id)) await uploadItem(upload, posted, budget);
    uploaded.add(item.id);
    crashPoint("ao.after-upload");
    if (isLarge) await assignItem(mu, intent.target, posted, budget);
  }

  async function repost(id: string, budget: Budget): Promise<void> {
    const intent = journal.byId(id);
    if (intent?.state !== "signed" && intent?.state !== "sent") return;
    uploaded.delete(id);
    try {
      await post(intent, await journal.item(intent), budget);
      log(`sent ${whatIs(intent)} once more: the network did not know it`);
    } catch (error) {
      log(`could not send ${whatIs(intent)} once more: ${reasonOf(error)}`);
    }
  }

  return {
    async spawn(input, budget) {
      const { intent: key, ...asked } = input;
      checkTags(input.tags, key);
      return once(
        { key, kind: "spawn", target: "", content: hashOf(asked) },
        async () => fieldsOfSpawn(input, await module(input.module, within(budget, MODULE_SECONDS))),
        budget,
      );
    },

    async send(input, budget) {
      const { intent: key, ...asked } = input;
      checkTags(input.tags, key);
      return once(
        { key, kind: "message", target: input.processId, content: hashOf(asked) },
        () => fieldsOfMessage(input),
        budget,
      );
    },

    async publish(input, budget) {
      checkTags(input.tags, input.intent);
      const { intent: key, tags, data } = input;
      if (upload === undefined) throw noUpload(key);
      return once(
        { key, kind: "upload", target: "", content: hashOf({ tags, data: sha256(data) }) },
        async () => ({ data, tags: Object.entries(tags).map(([name, value]) => ({ name, value })) }),
        budget,
      );
    },

    repost,
  };
}

const noUpload = (what: string) =>
  new FleetError({
    code: "NO_UPLOAD",
    what: `The network has no upload service for ${what}`,
    got: "no `uploadUrl`",
    expected: "a service that takes data items, such as https://up.arweave.net",
    remedy: "Give the network an `uploadUrl`; what is uploaded there may cost.",
  });

const isUnknownProcess = (error: unknown) => error instanceof UnitError && error.code === "PROCESS_UNKNOWN";

function whatIs({ kind, id, target }: Intent): string {
  if (kind === "upload") return `the item ${id}`;
  return kind === "spawn" ? `the spawn of the process ${id}` : `the message ${id} to the process ${target}`;
}
