import { type Budget, within } from "../../core/budget.ts";
import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import { hashOf, sha256 } from "../../core/hash.ts";
import { reasonOf, UnitError } from "../errors.ts";
import type { Intent, Journal } from "../journal/index.ts";
import type { FoundItem, MessageInput, PublishInput, Sent, SpawnInput } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { ItemFields, SignedItem, Wallet } from "../wallet.ts";
import { type Arrival, mayHaveCome, type Ways, wayOf } from "./arrival.ts";
import { checkTags, fieldsOfMessage, fieldsOfSpawn } from "./compose.ts";
import type { Unit } from "./http.ts";
import { postItem } from "./mu.ts";
import { assignItem, uploadItem } from "./upload.ts";

/** What making messages needs. */
interface EffectParts {
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly mu: Unit;
  /** Takes items of any size, where the network has one. */
  readonly upload: Unit | undefined;
  readonly ways: Ways;
  readonly backoff: Backoff;
  readonly log: (line: string) => void;
  readonly arrival: Arrival;
  /** Looks a module up, with whatever retries. */
  module(id: string, budget: Budget): Promise<FoundItem>;
}

/**
 * Sends what changes the network: signed once, journaled, then sent until a unit took it. After a post whose outcome is unknown
 * (a time-out, a broken connection, a failing unit, a run that was killed) it is asked first whether the network has it.
 */
interface Effects {
  spawn(input: SpawnInput, budget: Budget): Promise<Sent>;
  send(input: MessageInput, budget: Budget): Promise<Sent>;
  publish(input: PublishInput, budget: Budget): Promise<Sent>;
  /**
   * Posts the bytes of an open intent once more, where the scheduler says that it does not have them: a unit took them and lost
   * them. Nothing happens when the id is not an open intent, or when it is being sent; a failure is only logged.
   */
  repost(id: string, budget: Budget): Promise<void>;
}

/** Most of the time is for other things: a module that stays unknown for so many seconds is believed to be. */
export const MODULE_SECONDS = 15;

/** After so many tries for a process that stays unknown, it is asked whether its spawn was lost. */
const LOST_AFTER = 4;

export function effectsOf(parts: EffectParts): Effects {
  return new Posting(parts);
}

class Posting implements Effects {
  readonly #parts: EffectParts;
  /** What is being sent, by id: nothing is posted by two at once. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Taken by the upload in this run: while the gateway is behind, the bytes are not sent with each try. */
  readonly #uploaded = new Set<string>();

  constructor(parts: EffectParts) {
    this.#parts = parts;
  }

  async #once(
    input: Pick<Intent, "key" | "kind" | "target" | "content">,
    compose: () => Promise<ItemFields>,
    budget: Budget,
  ): Promise<Sent> {
    const { intent, item, resent } = await this.#parts.journal.record(
      { ...input, signer: this.#parts.wallet.address },
      async () => this.#parts.wallet.sign(await compose()),
    );
    if (intent.content !== input.content) {
      this.#parts.log(
        `${input.key}: sends the spawn ${intent.id} as it was signed earlier, since it may be on the network already`,
      );
    }
    const assignment = await this.#inTurn(intent.id, () => this.#deliver(intent, item, resent, budget));
    crashPoint("ao.after-send");
    await this.#parts.journal.sent(input.key, assignment);
    crashPoint("ao.after-answer");
    return { id: intent.id, resent };
  }

  async #inTurn<T>(id: string, task: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(task, task);
    this.#turns.set(id, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    }
  }

  /**
   * @param mayBeThere whether it may have been posted before
   * @returns its assignment, where it has one and this call learnt it
   */
  async #deliver(
    intent: Intent,
    item: SignedItem,
    mayBeThere: boolean,
    budget: Budget,
  ): Promise<string | undefined> {
    let isInDoubt = mayBeThere;
    const way = wayOf(intent, item, this.#parts.ways);
    return retrying(
      `sending ${whatIs(intent)}`,
      budget,
      async (tries) => {
        const known = this.#parts.journal.byId(intent.id) ?? intent;
        if (isInDoubt && (await this.#parts.arrival.hasCome({ intent: known, item, way }, budget)))
          return undefined;
        try {
          return await this.#post(intent, item, budget);
        } catch (error) {
          // While it is not uploaded, nothing was assigned.
          const isBegun = way !== "assign" || this.#uploaded.has(intent.id);
          isInDoubt = isBegun && mayHaveCome(error, intent.kind);
          if (isInDoubt) this.#parts.arrival.doubt(intent.id);
          // Somebody said that the spawn was taken, and the network does not know the process: perhaps it was lost.
          if (isUnknownProcess(error) && tries % LOST_AFTER === 0) await this.repost(intent.target, budget);
          throw error;
        }
      },
      this.#parts.backoff,
    );
  }

  /** @returns its assignment, where it has one and the unit names it */
  async #post(intent: Intent, item: SignedItem, budget: Budget): Promise<string | undefined> {
    const posted = { ...item, what: whatIs(intent) };
    const way = wayOf(intent, item, this.#parts.ways);
    if (way === "post") return postItem(this.#parts.mu, posted, budget);
    if (this.#parts.upload === undefined) throw noUpload(posted.what);
    if (!this.#uploaded.has(item.id)) await uploadItem(this.#parts.upload, posted, budget);
    this.#uploaded.add(item.id);
    crashPoint("ao.after-upload");
    return way === "assign" ? assignItem(this.#parts.mu, intent.target, posted, budget) : undefined;
  }

  async repost(id: string, budget: Budget): Promise<void> {
    const intent = this.#parts.journal.byId(id);
    if ((intent?.state !== "signed" && intent?.state !== "sent") || this.#turns.has(id)) return;
    await this.#inTurn(id, async () => {
      try {
        const item = await this.#parts.journal.item(intent);
        if (
          await this.#parts.arrival.hasCome(
            { intent, item, way: wayOf(intent, item, this.#parts.ways) },
            budget,
          )
        )
          return;
        this.#uploaded.delete(id);
        const assignment = await this.#post(intent, item, budget);
        if (assignment !== undefined) await this.#parts.journal.sent(intent.key, assignment);
        this.#parts.log(`sent ${whatIs(intent)} once more: the network did not know it`);
      } catch (error) {
        if (mayHaveCome(error, intent.kind)) this.#parts.arrival.doubt(id);
        this.#parts.log(`could not send ${whatIs(intent)} once more: ${reasonOf(error)}`);
      }
    });
  }

  async spawn(input: SpawnInput, budget: Budget): Promise<Sent> {
    const { intent: key, ...asked } = input;
    checkTags(input.tags, key);
    return this.#once(
      { key, kind: "spawn", target: "", content: hashOf(asked) },
      async () =>
        fieldsOfSpawn(input, await this.#parts.module(input.module, within(budget, MODULE_SECONDS))),
      budget,
    );
  }

  async send(input: MessageInput, budget: Budget): Promise<Sent> {
    const { intent: key, ...asked } = input;
    checkTags(input.tags, key);
    return this.#once(
      { key, kind: "message", target: input.processId, content: hashOf(asked) },
      () => fieldsOfMessage(input),
      budget,
    );
  }

  async publish(input: PublishInput, budget: Budget): Promise<Sent> {
    checkTags(input.tags, input.intent);
    const { intent: key, tags, data } = input;
    if (this.#parts.upload === undefined) throw noUpload(key);
    return this.#once(
      { key, kind: "upload", target: "", content: hashOf({ tags, data: sha256(data) }) },
      async () => ({ data, tags: Object.entries(tags).map(([name, value]) => ({ name, value })) }),
      budget,
    );
  }
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
