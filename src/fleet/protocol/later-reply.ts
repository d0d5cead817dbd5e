import { setTimeout as sleep } from "node:timers/promises";
import type { Ao, Evaluation, OutMessage } from "../../ao/port.ts";
import { replyElsewhere, type SentRequest } from "../../ao/replies.ts";
import type { Budget } from "../../core/budget.ts";

/** Milliseconds between two polls for a later answer. */
const POLL_INTERVAL = 300;

interface LaterReply {
  readonly message: OutMessage;
  readonly evaluation: Evaluation;
}

/** Searches the newest evaluations for a reply that names the request, and was sent for it. */
export async function laterReply(
  ao: Pick<Ao, "results" | "chains">,
  processId: string,
  asked: SentRequest,
  budget: Budget,
): Promise<LaterReply | undefined> {
  const { items } = await ao.results({ processId, limit: 25, newestFirst: true }, budget);
  for (const evaluation of items) {
    const message = replyElsewhere(evaluation.messages, asked, ao.chains);
    if (message) return { message, evaluation };
  }
  return undefined;
}

/** Looks for the answer of a process that asks others first, until the budget ends. */
export async function pollForReply<T>(
  look: () => Promise<T | undefined>,
  budget: Budget,
): Promise<T | undefined> {
  while (budget.remaining() > 500) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(POLL_INTERVAL);
  }
  return undefined;
}
