import { setTimeout as sleep } from "node:timers/promises";
import type { Change } from "../alert-book.ts";
import type { Receiver } from "../settings.ts";
import type { MonitorStore } from "../store.ts";
import { atLeast } from "../types.ts";
import type { Origin, Post } from "./message.ts";
import { postsTo } from "./shapes.ts";

/** PagerDuty's public address; a receiver can set another. */
const PAGERDUTY = "https://events.pagerduty.com/v2/enqueue";

/** Answers to a post that no later answer will differ from: they are about its content. All others may be about a credential or an address. */
const REFUSED_FOR_GOOD: readonly number[] = [400, 413, 422];

/** The outcome of notifying one receiver. */
export interface Delivery {
  readonly receiver: string;
  readonly ok: boolean;
  /** Number of posts. */
  readonly posts: number;
  /** Why it failed; never its address, which is a secret. */
  readonly reason?: string;
}

interface SendOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Attempts for one post. @default 3 */
  readonly tries?: number;
  /** Milliseconds before the second attempt; doubled for the third. @default 500 */
  readonly backoffMs?: number;
  /** Time limit of one attempt in milliseconds. @default 10,000 */
  readonly timeoutMs?: number;
}

/** The changes that a receiver is notified of. Pure. */
export function wantedBy(receiver: Receiver, changes: readonly Change[]): Change[] {
  return changes.filter(
    ({ kind, alert }) =>
      (kind !== "resolved" || receiver.resolved) &&
      atLeast(alert.level, receiver.minLevel) &&
      (receiver.types === undefined || receiver.types.includes(alert.type)),
  );
}

/**
 * Notifies every receiver of what it has not accepted yet, in parallel; a failure of one does not affect the others. What is accepted, or
 * refused for good, leaves the outbox; the rest is sent again in the next round.
 */
export async function notify(
  receivers: readonly Receiver[],
  outbox: Pick<MonitorStore, "unsent" | "removeUnsent">,
  origin: Origin,
  options: SendOptions,
): Promise<Delivery[]> {
  const all = receivers.map(async (receiver): Promise<Delivery | undefined> => {
    const waiting = outbox.unsent(receiver.name);
    if (waiting.length === 0) return undefined;
    const changes = waiting.map(({ change }) => change);
    const { settled, ...delivery } = await deliver(receiver, changes, origin, options);
    outbox.removeUnsent(waiting.slice(0, settled));
    return delivery;
  });
  return (await Promise.all(all)).filter((each) => each !== undefined);
}

/**
 * Notifies one receiver, in order, up to the first post that it may accept later.
 *
 * @returns also how many of the changes, from the first, it accepted or refused for good
 */
export async function deliver(
  receiver: Receiver,
  changes: readonly Change[],
  origin: Origin,
  options: SendOptions,
): Promise<Delivery & { readonly settled: number }> {
  const { env } = options;
  const url =
    (receiver.urlEnv === undefined ? receiver.url : env[receiver.urlEnv]) ??
    (receiver.kind === "pagerduty" ? PAGERDUTY : undefined);
  const key = receiver.kind === "pagerduty" ? (env[receiver.routingKeyEnv] ?? "") : "";
  const posts = postsTo(receiver.kind, changes, origin, key);
  const headers = receiver.kind === "webhook" ? receiver.headers : {};
  let reason: string | undefined;
  let done = 0;
  for (const post of posts) {
    const failure = await attempt(url, { ...post, headers: { ...headers, ...post.headers } }, options);
    reason ??= failure?.reason;
    if (failure && !failure.isFinal) break;
    done += 1;
  }
  return {
    receiver: receiver.name,
    ok: reason === undefined,
    posts: posts.length,
    // One post has all changes, or each has one.
    settled: done === posts.length ? changes.length : posts.length === changes.length ? done : 0,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Why a post was not accepted, and whether that will not change. */
interface Failure {
  readonly reason: string;
  readonly isFinal: boolean;
}

/** Undefined if it was accepted. */
async function attempt(
  url: string | undefined,
  post: Post,
  { tries = 3, backoffMs = 500, timeoutMs = 10_000 }: SendOptions,
): Promise<Failure | undefined> {
  if (url === undefined || !URL.canParse(url)) return { reason: "it has no usable address", isFinal: false };
  let reason = "no attempt was made";
  for (let n = 0; n < tries; n += 1) {
    if (n > 0) await sleep(backoffMs * 2 ** (n - 1));
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...post.headers },
        body: JSON.stringify(post.body),
        // A redirect would send the alert, and the secret in the address, elsewhere.
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      if (response.ok) return undefined;
      reason = `it answered ${response.status}`;
      if (REFUSED_FOR_GOOD.includes(response.status)) return { reason, isFinal: true };
      // A wrong credential is not put right within this round.
      if (response.status < 500 && response.status !== 429 && response.status !== 408) break;
    } catch (error) {
      reason =
        error instanceof Error && error.name === "TimeoutError"
          ? "it did not answer in time"
          : "it cannot be reached";
    }
  }
  return { reason, isFinal: false };
}
