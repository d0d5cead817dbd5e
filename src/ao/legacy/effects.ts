import { type Budget, within } from "../../core/budget.ts";
import { crashPoint } from "../../core/crash.ts";
import { hashOf, sha256 } from "../../core/hash.ts";
import { reasonOf, UnitError } from "../errors.ts";
import { describeIntent, type Intent, isOpenIntent, type Journal, openMessage } from "../journal/index.ts";
import type { FoundItem, MessageInput, PublishInput, Sent } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { Unit } from "../shared/http.ts";
import { MODULE_SECONDS } from "../shared/modules.ts";
import { checkTags, tagList } from "../shared/tags.ts";
import { Turns } from "../shared/turns.ts";
import { noUpload, uploadItem } from "../shared/upload.ts";
import type { ItemFields, SignedItem, Wallet } from "../wallet.ts";
import { type Arrival, mayHaveArrived, type RouteOptions, routeOf } from "./arrival.ts";
import { fieldsOfMessage, fieldsOfSpawn, type PlacedSpawn } from "./compose.ts";
import { assignItem, postItem } from "./mu.ts";

/** The dependencies of `effectsOf`. */
interface EffectParts {
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly mu: Unit;
  /** The upload service for items of any size, if the network has one. */
  readonly upload: Unit | undefined;
  readonly routes: RouteOptions;
  readonly backoff: Backoff;
  readonly log: (line: string) => void;
  readonly arrival: Arrival;
  /** Looks a module up, with its own retries. */
  module(id: string, budget: Budget): Promise<FoundItem>;
  /** The newest slot of a process; a single attempt. */
  newest(processId: string, budget: Budget): Promise<number | undefined>;
}

/**
 * Sends what changes the network: signed once, journaled, then sent until a unit accepts it. After a post whose outcome is unknown
 * (a time-out, a broken connection, a failing unit, a killed run) the network is first asked whether it has the item. If it does not answer,
 * a spawn or an assignment waits, and a message or an upload is posted again.
 */
interface Effects {
  spawn(input: PlacedSpawn, budget: Budget): Promise<Sent>;
  send(input: MessageInput, budget: Budget): Promise<Sent>;
  publish(input: PublishInput, budget: Budget): Promise<Sent>;
  resend(messageId: string, budget: Budget): Promise<Sent>;
  /**
   * Posts the bytes of an open intent again if the scheduler reports that it does not have them: a unit accepted and lost
   * them. Does nothing if the id is not an open intent, or is being sent; a failure is only logged.
   */
  repost(id: string, budget: Budget): Promise<void>;
}

/** The most bytes of a data item that are not its data: signature, owner, tags (ANS-104). */
const AROUND_DATA = 8192;
/** Seconds for the newest slot of a process. */
const FLOOR_SECONDS = 10;

/** Milliseconds. */
const JUST_NOW = 1000;

/** From this attempt for an unknown process on, the scheduler is asked each time whether its spawn was lost. */
const LOST_AFTER = 4;

export function effectsOf(parts: EffectParts): Effects {
  return new Posting(parts);
}

class Posting implements Effects {
  readonly #parts: EffectParts;
  /** Sends in progress, by id. */
  readonly #turns = new Turns();
  /** Uploaded in this run: while the gateway lags, the bytes are not sent again with each attempt. */
  readonly #uploaded = new Set<string>();

  constructor(parts: EffectParts) {
    this.#parts = parts;
  }

  async #once(
    input: Pick<Intent, "key" | "kind" | "target" | "content" | "floor">,
    compose: () => Promise<ItemFields>,
    budget: Budget,
    signed?: MessageInput["signed"],
  ): Promise<Sent> {
    const { intent, item, resent } = await this.#parts.journal.record(
      { ...input, signer: this.#parts.wallet.address },
      async () => this.#parts.wallet.sign(await compose()),
    );
    signed?.(intent.id);
    if (intent.content !== input.content) {
      this.#parts.log(
        `${input.key}: sending the spawn ${intent.id} as it was signed earlier, because it may already be on the network`,
      );
    }
    const assignment = await this.#turns.run(intent.id, `sending ${describeIntent(intent)}`, budget, () =>
      this.#deliver(intent, item, resent, budget),
    );
    crashPoint("ao.after-send");
    await this.#parts.journal.sent(input.key, assignment);
    // A later send of it looks it up first.
    this.#uploaded.delete(intent.id);
    crashPoint("ao.after-answer");
    return { id: intent.id, resent };
  }

  /**
   * @param mayBeThere whether it may have been posted before
   * @returns its assignment, if it has one and this call received it
   */
  async #deliver(
    intent: Intent,
    item: SignedItem,
    mayBeThere: boolean,
    budget: Budget,
  ): Promise<string | undefined> {
    let isInDoubt = mayBeThere;
    const route = routeOf(intent, item, this.#parts.routes);
    return retrying(
      `sending ${describeIntent(intent)}`,
      budget,
      async (tries) => {
        const known = this.#parts.journal.byId(intent.id) ?? intent;
        let unanswered: UnitError | undefined;
        const look = () =>
          this.#parts.arrival.hasArrived({ intent: known, item, route }, budget, (error) => {
            unanswered = error;
          });
        if (isInDoubt && (await look())) return undefined;
        try {
          return await this.#post(intent, item, budget);
        } catch (error) {
          // Before the upload, nothing can have been assigned.
          const hasStarted = route !== "assign" || this.#uploaded.has(intent.id);
          isInDoubt = hasStarted && mayHaveArrived(error, intent.kind);
          // A unit accepted the spawn, and the network does not know the process: the spawn may have been lost.
          if (isUnknownProcess(error) && tries >= LOST_AFTER) await this.repost(intent.target, budget);
          throw unanswered === undefined ? error : behind(error, unanswered);
        }
      },
      this.#parts.backoff,
    );
  }

  /** @returns its assignment, if it has one and the unit names it */
  async #post(intent: Intent, item: SignedItem, budget: Budget): Promise<string | undefined> {
    try {
      const assignment = await this.#postOnce(intent, item, budget);
      this.#parts.arrival.posted(intent.id);
      return assignment;
    } catch (error) {
      if (mayHaveArrived(error, intent.kind)) this.#parts.arrival.posted(intent.id);
      throw error;
    }
  }

  async #postOnce(intent: Intent, item: SignedItem, budget: Budget): Promise<string | undefined> {
    const posted = { ...item, what: describeIntent(intent) };
    const route = routeOf(intent, item, this.#parts.routes);
    if (route === "post") {
      if (intent.kind === "spawn") await this.#notePost(intent);
      return postItem(this.#parts.mu, posted, budget);
    }
    if (this.#parts.upload === undefined) throw noUpload(posted.what);
    if (!this.#uploaded.has(item.id)) await uploadItem(this.#parts.upload, posted, budget);
    this.#uploaded.add(item.id);
    crashPoint("ao.after-upload");
    if (route !== "assign") return undefined;
    await this.#notePost(intent);
    return assignItem(this.#parts.mu, intent.target, posted, budget);
  }

  /** Notes when what must not be posted twice is posted, unless it was signed just now: the next run counts from there. */
  async #notePost({ key, id }: Intent): Promise<void> {
    const known = this.#parts.journal.byId(id);
    if (known === undefined || Math.abs(Date.now() - (known.posted ?? known.at)) < JUST_NOW) return;
    await this.#parts.journal.posting(key);
  }

  async repost(id: string, budget: Budget): Promise<void> {
    const intent = this.#parts.journal.byId(id);
    if (intent === undefined || !isOpenIntent(intent) || this.#turns.has(id)) return;
    await this.#turns.run(id, `sending ${describeIntent(intent)} again`, budget, async () => {
      try {
        const item = await this.#parts.journal.item(intent);
        if (
          await this.#parts.arrival.hasArrived(
            { intent, item, route: routeOf(intent, item, this.#parts.routes) },
            budget,
          )
        )
          return;
        this.#uploaded.delete(id);
        const assignment = await this.#post(intent, item, budget);
        if (assignment !== undefined) await this.#parts.journal.sent(intent.key, assignment);
        this.#parts.log(`sent ${describeIntent(intent)} again: the network did not have it`);
      } catch (error) {
        // Nothing was posted: an earlier post may still be in transit, and the next attempt asks again.
        if (error instanceof UnitError && error.code === "NOT_ARRIVED") return;
        this.#parts.log(`could not send ${describeIntent(intent)} again: ${reasonOf(error)}`);
      }
    });
  }

  async spawn(input: PlacedSpawn, budget: Budget): Promise<Sent> {
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
    const { intent: key, signed, ...asked } = input;
    checkTags(input.tags, key);
    const floor = await this.#floorOf(input, budget);
    return this.#once(
      {
        key,
        kind: "message",
        target: input.processId,
        content: hashOf(asked),
        ...(floor === undefined ? {} : { floor }),
      },
      () => fieldsOfMessage(input),
      budget,
      signed,
    );
  }

  async resend(messageId: string, budget: Budget): Promise<Sent> {
    const { input, compose } = openMessage(this.#parts.journal, messageId);
    return this.#once(input, compose, budget);
  }

  /**
   * A slot before everything that is signed from now on, for a message that may be uploaded: its assignment is found from there, whatever the
   * clocks say. Undefined if its scheduler does not tell: then the whole order is read if that assignment is looked for.
   */
  async #floorOf({ intent, processId, data }: MessageInput, budget: Budget): Promise<number | undefined> {
    const { routes, journal } = this.#parts;
    const bytes = data === undefined ? 0 : Buffer.byteLength(data);
    if (!routes.hasUpload || bytes + AROUND_DATA <= routes.maxMessageBytes) return undefined;
    if (journal.signed(intent) !== undefined) return undefined;
    try {
      return await this.#parts.newest(processId, within(budget, FLOOR_SECONDS));
    } catch (error) {
      if (!(error instanceof UnitError)) throw error;
      return undefined;
    }
  }

  async publish(input: PublishInput, budget: Budget): Promise<Sent> {
    checkTags(input.tags, input.intent);
    const { intent: key, tags, data } = input;
    if (this.#parts.upload === undefined) throw noUpload(key);
    return this.#once(
      { key, kind: "upload", target: "", content: hashOf({ tags, data: sha256(data) }) },
      async () => ({ data, tags: tagList(tags) }),
      budget,
    );
  }
}

/**
 * The failure to report for a post. A messenger unit that cannot reach the scheduler fails itself, so a failure of the scheduler to answer the
 * lookup before names the unit that is down.
 */
function behind(post: unknown, lookup: UnitError): unknown {
  const isDown = lookup.unit === "scheduler unit" && SILENT.has(lookup.code);
  if (!(post instanceof UnitError) || post.code !== "UNIT_FAILED" || !isDown) return post;
  const [problem] = lookup.problems;
  const got = `${problem.got ?? "no answer"}; ${post.problems[0].what} ${post.problems[0].got ?? ""}`.trim();
  return new UnitError({ ...problem, got }, "transient", { cause: post, retryAfter: post.retryAfter });
}

/** How a unit fails that is down, or behind a proxy that cannot reach it. */
const SILENT = new Set(["UNIT_DOWN", "UNIT_SLOW", "UNIT_FAILED"]);

const isUnknownProcess = (error: unknown) => error instanceof UnitError && error.code === "PROCESS_UNKNOWN";
