import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { notArrived, UnitError } from "../errors.ts";
import type { Intent } from "../journal/index.ts";
import { RecentTimes } from "../shared/recent-times.ts";
import type { SignedItem } from "../wallet.ts";
import { type ScheduledItem, type Schedulers, schedulerOf } from "./scheduler.ts";

/** How an item is delivered: posted to the messenger unit, uploaded and then assigned, or only uploaded. */
type Route = "post" | "assign" | "upload";

/** What determines the route. */
export interface RouteOptions {
  /** A message with more bytes is uploaded. */
  readonly maxMessageBytes: number;
  /** Whether the network has an upload service for items of any size. */
  readonly hasUpload: boolean;
}

export function routeOf({ kind }: Pick<Intent, "kind">, { raw }: SignedItem, options: RouteOptions): Route {
  if (kind === "upload") return "upload";
  return kind === "message" && raw.length > options.maxMessageBytes && options.hasUpload ? "assign" : "post";
}

/**
 * Tracks whether a post may have arrived, and finds out whether it did. A spawn that is posted twice takes two slots in the
 * order of its process, and no compute unit evaluates anything after that; so a second post of a spawn, and a second assignment,
 * require that the scheduler reports that it does not have the item. A scheduler drops a message that it has, and a gateway an
 * upload, so these are also posted again while nobody can tell: a lookup that does not answer does not block them.
 */
export interface Arrival {
  /** Records that a post may have arrived: a unit accepted it, or its outcome is unknown. From now on it may be in transit. */
  posted(id: string): void;
  /**
   * Whether the network has the item. While a spawn or an assignment may still be in transit, neither is known.
   *
   * @param unknown called if nobody can tell about a message or an upload, with the failure of the unit that was asked
   * @returns false if it may be posted: it did not arrive, or it is a message or an upload and nobody can tell
   * @throws UnitError while no unit can tell about a spawn or an assignment; transient
   */
  hasArrived(
    posted: { intent: Intent; item: SignedItem; route: Route },
    budget: Budget,
    unknown?: (error: UnitError) => void,
  ): Promise<boolean>;
}

interface ArrivalParts {
  readonly schedulers: Schedulers;
  /**
   * Milliseconds after a post's connection ended for which its absence at the scheduler proves nothing: it may be in transit, or the unit may
   * answer from a database that is behind.
   */
  readonly patience: number;
  /** The part of it for a post in transit. */
  readonly inFlight: number;
  /** Milliseconds that a post may take at most until its connection ends. */
  readonly longestPost: number;
  /** Whether the gateway's index shows an item; a single attempt. */
  isShown(id: string, budget: Budget): Promise<boolean>;
  /** Receives the assignment of an uploaded message that arrived: its result is kept under that id. */
  assigned(intent: Intent, assignment: string): Promise<void>;
}

export function arrivalOf({
  schedulers,
  patience,
  inFlight,
  longestPost,
  isShown,
  assigned,
}: ArrivalParts): Arrival {
  /** Earlier runs sent everything before this time. */
  const opened = performance.now();
  /** When the latest post of an item ended that may have arrived. */
  const posts = new RecentTimes(patience);

  /** Milliseconds for which the absence of an item at the scheduler proves nothing; not positive if it proves that. */
  function inDoubtFor({ id, at, posted = at }: Intent): number {
    const now = performance.now();
    const here = posts.of(id);
    if (here !== undefined) return here + patience - now;
    // Earlier runs count, too: shorter ones would never post it again. This machine's clock may have been set since then.
    const left = posted + longestPost + patience - Date.now();
    return Math.min(Math.max(left, opened + inFlight - now), opened + patience - now);
  }

  async function look(intent: Intent, item: SignedItem, route: Route, budget: Budget): Promise<boolean> {
    const { id, target: processId } = intent;
    if (route === "upload") return isShown(id, budget);
    if (route === "assign") {
      const assignment = await schedulers.assignmentOf(assignedBy(intent), budget);
      if (assignment !== undefined) await assigned(intent, assignment);
      return assignment !== undefined;
    }
    const placed: ScheduledItem =
      intent.kind === "spawn"
        ? { kind: "spawn", id, scheduler: await schedulerOf(item.raw) }
        : { kind: "message", id, processId };
    return schedulers.has(placed, budget);
  }

  return {
    posted: (id) => posts.note(id),
    async hasArrived({ intent, item, route }, budget, unknown) {
      // Schedulers and gateways drop a message or an upload that they already have, by its id, so posting it twice is safe.
      const isSafe = route === "upload" || (route === "post" && intent.kind === "message");
      try {
        if (await look(intent, item, route, budget)) return true;
      } catch (error) {
        if (!(error instanceof UnitError)) throw error;
        if (isSafe) {
          unknown?.(error);
          return false;
        }
        // A unit accepted it, and nothing contradicts that.
        if (intent.state === "sent") return true;
        throw error;
      }
      const left = inDoubtFor(intent);
      if (!isSafe && left > 0) throw notArrived(intent.id, left);
      return false;
    },
  };
}

/** An uploaded message, and where the search for its assignment begins. Pure. */
export const assignedBy = ({ id, target: processId, floor, at: since }: Intent) => ({
  ...{ id, processId, since },
  ...(floor === undefined ? {} : { floor }),
});

/** Whether a post that failed with this error may have arrived nevertheless. */
export function mayHaveArrived(error: unknown, kind: Intent["kind"]): boolean {
  if (!(error instanceof FleetError)) return true;
  if (error instanceof UnitError && error.hadNoEffect) return false;
  // The messenger unit looks the process up before it forwards a message.
  return !(error.code === "PROCESS_UNKNOWN" && kind === "message");
}
