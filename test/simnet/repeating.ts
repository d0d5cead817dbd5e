import type { Call } from "./calls.ts";
import type { FaultRule } from "./faults.ts";
import { rngOf } from "./rng.ts";

/** Posts to a node that arrive there a second time. */
export interface Repeats {
  /** The share of posts. Default 0. */
  readonly share?: number;
  /** `later`: up to 300 ms after the client's own; `before`: in front of it, so that the client is told the second slot. Default later. */
  readonly when?: "later" | "before";
}

/** Repeats posts, as a client that lost the answer or a relay would. */
export interface Repeating {
  /** For the proxy in front of the node. */
  readonly rule: FaultRule;
  /** Processes that got a repeated post. */
  readonly processes: ReadonlySet<string>;
  /** The number of repeated posts. */
  made(): number;
  /** Resolves when the node has answered all of them. */
  settled(): Promise<void>;
}

/**
 * @param node its URL, behind the proxy
 * @param copies item → how often it was posted by others than the client; counted here
 */
export function repeating(
  node: string,
  { share = 0, when = "later" }: Repeats,
  copies: Map<string, number>,
  seed: number,
): Repeating {
  const { next } = rngOf(seed);
  const underWay = new Set<Promise<void>>();
  const processes = new Set<string>();
  let made = 0;

  async function post({ path, body }: Call, wait: number): Promise<void> {
    await new Promise((done) => setTimeout(done, wait));
    const headers = { "content-type": "application/ans104", accept: "application/json" };
    // The answer of a failing evaluation may be one that `fetch` cannot read.
    await fetch(`${node}${path}`, { method: "POST", headers, body: new Uint8Array(body) }).then(
      (answer) => answer.arrayBuffer(),
      () => {},
    );
  }

  function repeat(call: Call, wait: number): Promise<void> {
    const { item } = call;
    if (item === undefined) return Promise.resolve();
    // Counted before it is posted: it must not be taken for a post of the client.
    copies.set(item.id, (copies.get(item.id) ?? 0) + 1);
    processes.add(item.type === "Process" ? item.id : item.target);
    made += 1;
    const posted = post(call, wait).catch(() => {});
    underWay.add(posted);
    return posted.then(() => void underWay.delete(posted));
  }

  const rule: FaultRule = {
    ...{ on: "mu.post", name: "repeated" },
    match: ({ unit }) => unit === "node" && share > 0 && next() < share,
    fault:
      when === "before"
        ? {
            kind: "answer",
            async with(call) {
              await repeat(call, 0);
              return undefined;
            },
          }
        : {
            kind: "rewrite",
            with(answer, call) {
              void repeat(call, next() * 300);
              return answer;
            },
          },
  };
  return {
    rule,
    processes,
    made: () => made,
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
