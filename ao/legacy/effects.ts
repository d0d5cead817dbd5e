import { type Budget, within } from "../../core/budget.ts";
import { hashOf } from "../../core/hash.ts";
import { crashPoint } from "../crash.ts";
import { reasonOf, UnitError } from "../errors.ts";
import type { Intent, Journal } from "../journal/index.ts";
import type { FoundItem, MessageInput, Sent, SpawnInput } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { ItemFields, SignedItem, Wallet } from "../wallet.ts";
import { checkTags, fieldsOfMessage, fieldsOfSpawn } from "./compose.ts";
import type { Unit } from "./http.ts";
import { postItem } from "./mu.ts";

/** What making messages needs. */
export interface EffectParts {
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly mu: Unit;
  readonly backoff: Backoff;
  readonly log: (line: string) => void;
  /** Looks a module up, with whatever retries. */
  module(id: string, budget: Budget): Promise<FoundItem>;
}

/** Sends what changes the network: signed once, journaled, then sent until a unit took it. */
export interface Effects {
  spawn(input: SpawnInput, budget: Budget): Promise<Sent>;
  send(input: MessageInput, budget: Budget): Promise<Sent>;
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

export function effectsOf({ wallet, journal, mu, backoff, log, module }: EffectParts): Effects {
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

  const post = (intent: Intent, item: SignedItem, budget: Budget) =>
    postItem(mu, { ...item, what: whatIs(intent) }, budget);

  async function repost(id: string, budget: Budget): Promise<void> {
    const intent = journal.byId(id);
    if (intent?.state !== "signed" && intent?.state !== "sent") return;
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

    repost,
  };
}

const isUnknownProcess = (error: unknown) => error instanceof UnitError && error.code === "PROCESS_UNKNOWN";

const whatIs = ({ kind, id, target }: Intent) =>
  kind === "spawn" ? `the spawn of the process ${id}` : `the message ${id} to the process ${target}`;
