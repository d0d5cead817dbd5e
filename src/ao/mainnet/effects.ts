import { type Budget, within } from "../../core/budget.ts";
import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import { hashOf, sha256 } from "../../core/hash.ts";
import { notArrived, processUnknown, UnitError, unitNotAo, unitRefused } from "../errors.ts";
import { describeIntent, type Intent, type Journal, openMessage } from "../journal/index.ts";
import { type Limiter, limiterOf } from "../limiter.ts";
import type { FoundItem, MessageInput, PublishInput, Sent } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { Unit } from "../shared/http.ts";
import { MODULE_SECONDS } from "../shared/modules.ts";
import { RecentTimes } from "../shared/recent-times.ts";
import { tagList } from "../shared/tags.ts";
import { Turns } from "../shared/turns.ts";
import { noUpload, uploadItem } from "../shared/upload.ts";
import type { ItemFields, SignedItem, Wallet } from "../wallet.ts";
import { fieldsOfMessage, fieldsOfSpawn, type PlacedSpawn } from "./compose.ts";
import type { NodeAnswer, NodeClient } from "./node.ts";
import type { Schedule } from "./schedule.ts";
import { checkTags } from "./tags.ts";

/** Posts to one process at the same time: nodes drop what exceeds about 25, from all writers together. */
const UNDER_WAY = 5;

interface EffectParts {
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly node: NodeClient;
  readonly schedule: Schedule;
  readonly upload: Unit | undefined;
  readonly backoff: Backoff;
  /** Milliseconds for which a post may still be under way at the node after its connection ended. */
  readonly inFlight: number;
  /** Looks a module up at the gateway, with its own retries. */
  module(id: string, budget: Budget): Promise<FoundItem>;
  /** Whether the gateway's index shows an item; a single attempt. */
  isShown(id: string, budget: Budget): Promise<boolean>;
}

/** What changes the network: signed once, journaled, then posted until the schedule has it. */
interface Effects {
  spawn(input: PlacedSpawn, budget: Budget): Promise<Sent>;
  send(input: MessageInput, budget: Budget): Promise<Sent>;
  publish(input: PublishInput, budget: Budget): Promise<Sent>;
  resend(messageId: string, budget: Budget): Promise<Sent>;
}

export function effectsOf(parts: EffectParts): Effects {
  return new Posting(parts);
}

/**
 * A node gives the same bytes a second slot and may run them twice, and its errors do not mean that nothing was scheduled. So after any
 * post whose outcome is unknown, and in a later run, the schedule is read first; the bytes are posted again only if it does not have
 * them. What may still be under way then is absorbed by the process: evaluations check their own marker.
 */
class Posting implements Effects {
  readonly #parts: EffectParts;
  readonly #limiters = new Map<string, Limiter>();
  /** The newest slot of each process that is known to be taken: what is signed from now on gets a later one. */
  readonly #taken = new Map<string, number>();
  /** When the latest post of an item ended without a clear answer. */
  readonly #doubts: RecentTimes;
  /** Sends in progress, by id. */
  readonly #turns = new Turns();
  /** Earlier runs posted everything before this time. */
  readonly #opened = performance.now();

  constructor(parts: EffectParts) {
    this.#parts = parts;
    this.#doubts = new RecentTimes(parts.inFlight);
  }

  async spawn(input: PlacedSpawn, budget: Budget): Promise<Sent> {
    const { intent: key, ...asked } = input;
    checkTags(input.tags, key);
    return this.#once(
      { key, kind: "spawn", target: "", content: hashOf(asked) },
      async () => {
        await this.#parts.module(input.module, within(budget, MODULE_SECONDS));
        return fieldsOfSpawn(input);
      },
      "/push",
      budget,
    );
  }

  async send(input: MessageInput, budget: Budget): Promise<Sent> {
    const { intent: key, signed, ...asked } = input;
    checkTags(input.tags, key);
    // Before it is signed: so it is found in the schedule whatever the clocks say.
    const floor = await retrying(
      `sending a message to the process ${input.processId}`,
      budget,
      () => this.#floorOf(input.processId, budget),
      this.#parts.backoff,
    );
    return this.#once(
      { key, kind: "message", target: input.processId, content: hashOf(asked), floor },
      () => fieldsOfMessage(input),
      pushTo(input.processId),
      budget,
      signed,
    );
  }

  async resend(messageId: string, budget: Budget): Promise<Sent> {
    const { input, compose } = openMessage(this.#parts.journal, messageId);
    return this.#once(input, compose, pushTo(input.target), budget);
  }

  async publish({ intent: key, tags, data }: PublishInput, budget: Budget): Promise<Sent> {
    const { upload, journal, wallet, backoff } = this.#parts;
    if (upload === undefined) throw noUpload(key);
    const { intent, item, resent } = await journal.record(
      {
        key,
        kind: "upload",
        target: "",
        content: hashOf({ tags, data: sha256(data) }),
        signer: wallet.address,
      },
      () => wallet.sign({ data, tags: tagList(tags) }),
    );
    await retrying(
      `sending ${describeIntent(intent)}`,
      budget,
      async () => {
        if (resent && (await this.#parts.isShown(intent.id, budget))) return;
        await uploadItem(upload, { ...item, what: describeIntent(intent) }, budget);
      },
      backoff,
    );
    await journal.sent(key);
    return { id: intent.id, resent };
  }

  async #once(
    input: Pick<Intent, "key" | "kind" | "target" | "content" | "floor">,
    compose: () => Promise<ItemFields>,
    path: string,
    budget: Budget,
    signed?: MessageInput["signed"],
  ): Promise<Sent> {
    const { journal, wallet } = this.#parts;
    const { intent, item, resent } = await journal.record({ ...input, signer: wallet.address }, async () =>
      wallet.sign(await compose()),
    );
    signed?.(intent.id);
    await this.#turns.run(intent.id, `sending ${describeIntent(intent)}`, budget, async () => {
      // Another send of the key may have placed it before this turn.
      const known = journal.byId(intent.id)?.assignment;
      const slot = known ?? (await this.#deliver(intent, item, path, resent, budget));
      crashPoint("ao.after-send");
      await journal.sent(input.key, String(slot));
      crashPoint("ao.after-answer");
    });
    return { id: intent.id, resent };
  }

  /**
   * @param mayBeThere whether an earlier run may have posted it
   * @returns its first slot
   */
  async #deliver(
    intent: Intent,
    item: SignedItem,
    path: string,
    mayBeThere: boolean,
    budget: Budget,
  ): Promise<number> {
    const process = processOf(intent);
    let isInDoubt = mayBeThere;
    let refused: UnitError | undefined;
    return retrying(
      `sending ${describeIntent(intent)}`,
      budget,
      async () => {
        if (isInDoubt) {
          crashPoint("ao.before-lookup");
          const slot = await this.#find(intent, budget);
          if (slot !== undefined) return slot;
          const patience =
            (this.#doubts.of(intent.id) ?? this.#opened) + this.#parts.inFlight - performance.now();
          if (patience > 0) throw notArrived(intent.id, patience);
          // The node refused the item itself, and did not schedule it: it would do so again.
          if (refused !== undefined) throw new FleetError(refused.problems, { cause: refused });
        }
        try {
          const answer = await this.#post(process, path, item, budget);
          const slot = slotIn(answer);
          if (slot !== undefined && intent.kind === "message") this.#note(process, slot);
          // After an earlier post that may have arrived, the slot of this one need not be the first.
          if (slot !== undefined && !isInDoubt) return slot;
          throw slot === undefined
            ? refusal(this.#parts.node, answer, process)
            : notArrived(intent.id, this.#parts.inFlight);
        } catch (error) {
          if (error instanceof UnitError && FINAL.has(error.code)) refused = error;
          isInDoubt = !(error instanceof UnitError && error.hadNoEffect);
          if (isInDoubt) this.#doubts.note(intent.id);
          throw error;
        }
      },
      this.#parts.backoff,
    );
  }

  #post(process: string, path: string, item: SignedItem, budget: Budget): Promise<NodeAnswer> {
    let limiter = this.#limiters.get(process);
    if (limiter === undefined) {
      limiter = limiterOf(UNDER_WAY);
      this.#limiters.set(process, limiter);
    }
    const { node } = this.#parts;
    return limiter.run(
      budget.remaining(),
      () => node.ask({ path, item: item.raw }, budget),
      () => notArrived(item.id, 0),
    );
  }

  async #find(intent: Intent, budget: Budget): Promise<number | undefined> {
    const { schedule } = this.#parts;
    const process = processOf(intent);
    // A process has slot 0 by being there.
    if (intent.kind === "spawn")
      return (await schedule.current(process, budget)) === undefined ? undefined : 0;
    const item = { processId: process, id: intent.id };
    if (intent.floor !== undefined) return schedule.slotOf({ ...item, from: intent.floor + 1 }, budget);
    // Of what an earlier version signed, only a time is known. That it was not found by its time proves nothing, because a clock may have
    // been wrong: then the whole schedule is read.
    const slot = await schedule.slotSince({ ...item, since: intent.at }, budget);
    return slot ?? (await schedule.slotOf({ ...item, from: 0 }, budget));
  }

  /** A slot before everything that is signed from now on. */
  async #floorOf(process: string, budget: Budget): Promise<number> {
    const known = this.#taken.get(process);
    if (known !== undefined) return known;
    const current = await this.#parts.schedule.current(process, budget);
    if (current === undefined) throw processUnknown(process, "the node does not hold it");
    return this.#note(process, current);
  }

  #note(process: string, slot: number): number {
    const newest = Math.max(slot, this.#taken.get(process) ?? slot);
    this.#taken.set(process, newest);
    return newest;
  }
}

/** Refusals of the item itself. They are final once the schedule was read and does not have it. */
const FINAL: ReadonlySet<string> = new Set(["ITEM_INVALID", "WALLET_UNFUNDED"]);

/** Never `/schedule`, which delivers nothing of what the process sends because of it: any message can make it answer others. */
const pushTo = (processId: string) => `/${processId}~process@1.0/push`;

const processOf = ({ kind, id, target }: Intent) => (kind === "spawn" ? id : target);

/** The slot that an answer names. An error may name none although there is one. */
function slotIn({ ok, headers, json }: NodeAnswer): number | undefined {
  const named = headers.slot ?? (json as { slot?: unknown } | undefined)?.slot;
  const slot = Number(named);
  return ok && named !== undefined && named !== "" && Number.isInteger(slot) && slot >= 0 ? slot : undefined;
}

function refusal(node: NodeClient, answer: NodeAnswer, process: string): UnitError {
  if (answer.ok) return unitNotAo("node", node.url, `${answer.status} ${answer.excerpt}`);
  if (answer.status === 400 && /not valid/i.test(answer.text)) {
    return new UnitError(
      {
        code: "ITEM_INVALID",
        what: `The node at ${node.url} does not accept the data item for the process ${process}.`,
        got: `${answer.status} ${answer.excerpt}`,
        expected: "an ANS-104 item signed by an Arweave wallet, with tags that the node can encode",
        remedy: "Check the wallet and the tags.",
      },
      "doubtful",
      { hadNoEffect: false },
    );
  }
  if (answer.status === 402) {
    return new UnitError(
      {
        code: "WALLET_UNFUNDED",
        what: `The node at ${node.url} requires payment for the message to the process ${process}.`,
        got: `${answer.status} ${answer.excerpt}`,
        expected: "a balance of the stack's wallet that covers its price",
        remedy:
          "Pay the node's operator for the wallet's address, then run the command again. A deployment continues where it stopped.",
      },
      "doubtful",
      { hadNoEffect: false },
    );
  }
  return unitRefused("node", node.url, Math.max(answer.status, 500), answer.excerpt);
}
