import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { notArrived, UnitError } from "../errors.ts";
import type { Intent } from "../journal/index.ts";
import type { SignedItem } from "../wallet.ts";
import { type Placed, type Schedulers, schedulerOf } from "./scheduler.ts";

/** Which way an item goes: to the messenger unit, by the upload and an assignment, or to the upload alone. */
type Way = "post" | "assign" | "upload";

/** What decides the way. */
export interface Ways {
  /** Bytes of a message above which it goes by the upload. */
  readonly maxMessageBytes: number;
  /** Whether the network has a service that takes items of any size. */
  readonly hasUpload: boolean;
}

export function wayOf({ kind }: Pick<Intent, "kind">, { raw }: SignedItem, ways: Ways): Way {
  if (kind === "upload") return "upload";
  return kind === "message" && raw.length > ways.maxMessageBytes && ways.hasUpload ? "assign" : "post";
}

/**
 * Knows whether a post may have got through, and finds out whether it did. A spawn that is posted twice takes two places in the
 * order of its process, and no compute unit evaluates anything after that; so a second post needs a scheduler that says no.
 */
export interface Arrival {
  /** Notes that a post ended without an answer that settles it. */
  doubt(id: string): void;
  /**
   * Whether the network has the item. One that may still be on its way counts as neither.
   *
   * @returns false when it may be posted
   * @throws UnitError while nobody can say; transient
   */
  hasCome(posted: { intent: Intent; item: SignedItem; way: Way }, budget: Budget): Promise<boolean>;
}

interface ArrivalParts {
  readonly schedulers: Schedulers;
  /** Milliseconds that a post may still be on its way after its connection ended. */
  readonly inFlight: number;
  /** Whether the gateway's index shows an item: one try. */
  isShown(id: string, budget: Budget): Promise<boolean>;
}

export function arrivalOf({ schedulers, inFlight, isShown }: ArrivalParts): Arrival {
  /** Whatever an earlier run sent, it had sent before this. */
  const opened = performance.now();
  const doubts = new Map<string, number>();

  async function look(intent: Intent, item: SignedItem, way: Way, budget: Budget): Promise<boolean> {
    const { id, target: processId, at } = intent;
    if (way === "upload") return isShown(id, budget);
    const placed: Placed =
      way === "assign"
        ? { kind: "assigned", id, processId, since: at }
        : intent.kind === "spawn"
          ? { kind: "spawn", id, scheduler: await schedulerOf(item.raw) }
          : { kind: "message", id, processId };
    return schedulers.has(placed, budget);
  }

  return {
    doubt: (id) => void doubts.set(id, performance.now()),
    async hasCome({ intent, item, way }, budget) {
      // A message and an upload are known by their ids: posted twice, they are there once.
      const isSafe = way === "upload" || (way === "post" && intent.kind === "message");
      try {
        if (await look(intent, item, way, budget)) return true;
      } catch (error) {
        if (!(error instanceof UnitError)) throw error;
        if (isSafe) return false;
        // A unit said that it took it, and nothing says otherwise.
        if (intent.state === "sent") return true;
        throw error;
      }
      const patience = (doubts.get(intent.id) ?? opened) + inFlight - performance.now();
      if (!isSafe && patience > 0) throw notArrived(intent.id, patience);
      return false;
    },
  };
}

/** Whether a post that failed like this may have got through all the same. */
export function mayHaveCome(error: unknown, kind: Intent["kind"]): boolean {
  if (!(error instanceof FleetError)) return true;
  if (error instanceof UnitError && error.hadNoEffect) return false;
  // The messenger unit looks for a message's process before it hands the message on.
  return !(error.code === "PROCESS_UNKNOWN" && kind === "message");
}
