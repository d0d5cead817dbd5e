/** Units that fail at random, from a seed. Whatever they do, one intent makes one message, and no false answer is believed. */
import { DataItem } from "@dha-team/arbundles";
import { expect, test } from "vitest";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { rngOf } from "../simnet/rng.ts";
import { journal, units, wallet } from "./bench.ts";
import { ok, type Reply } from "./units.ts";

const faults: readonly Reply[] = [
  // The unit says that it accepted the message, and forgets it.
  { status: 202, json: { message: "Processing DataItem" } },
  { status: 429, json: { error: "Rate limit exceeded" }, headers: { "retry-after": "0" } },
  { status: 400, text: "Bad Request" },
  { status: 500, json: { error: "fetch failed" } },
  { status: 502, text: "<html>Bad Gateway</html>" },
  { ...ok("cut in the middle"), cut: true },
  { text: '{"Output":' },
  "reset",
  "hang",
];

test.each([
  { share: 0.05, seed: 1 },
  { share: 0.2, seed: 2 },
  { share: 0.5, seed: 3 },
])(
  "one intent makes one message with faults in $share of all calls",
  async ({ share, seed }) => {
    const { next: random } = rngOf(seed);
    const taken = new Map<string, number>();
    units.script(({ endpoint, path, body }) => {
      const fault = random() < share ? faults[Math.floor(random() * faults.length)] : undefined;
      // In half of the cases a broken answer comes after the effect: then only the answer is lost.
      const isLost = typeof fault === "string" && random() < 0.5;
      if (endpoint === "mu.post") {
        if (fault !== undefined && !isLost) return fault;
        const { id } = new DataItem(body);
        taken.set(id, (taken.get(id) ?? 0) + 1);
        if (fault !== undefined) return fault;
        return taken.get(id) === 1 ? undefined : { status: 500, json: { error: "MessageExists" } };
      }
      if (fault !== undefined) return fault;
      const id = path.split("/")[3]?.split("?")[0] ?? "";
      return taken.has(id) ? ok(`result of ${id}`) : { status: 500, json: { error: "Message not found" } };
    });

    const ao = connectLegacy({
      endpoints: units.endpoints,
      wallet,
      journal,
      limits: { firstRead: 0, callSeconds: 0.2, repostAfter: 50, backoff: { base: 4, cap: 30, floor: 1 } },
    });
    const processId = "p".repeat(43);
    const failures: unknown[] = [];
    const count = 40;
    await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const intent = `${seed}/${n}`;
        try {
          const { id } = await ao.send(
            { intent, processId, tags: { Action: "Eval" }, data: intent },
            budgetOf(20),
          );
          const { output } = await ao.evaluation(
            { processId, messageId: id, expectOutput: true },
            budgetOf(20),
          );
          expect(output).toBe(`result of ${id}`);
          await ao.settle(intent);
        } catch (error) {
          failures.push(error);
          // A failed intent stays open, so that the next run continues with the same bytes.
          expect(journal.signed(intent)).toBeDefined();
        }
      }),
    );

    expect(failures.filter((error) => !(error instanceof FleetError))).toEqual([]);
    if (share <= 0.2) expect(failures).toEqual([]);
    const intents = journal.history().filter(({ key }) => key.startsWith(`${seed}/`));
    expect(intents).toHaveLength(count);
    expect([...taken.keys()].every((id) => intents.some((intent) => intent.id === id))).toBe(true);
    expect(taken.size).toBeGreaterThanOrEqual(count - failures.length);
  },
  60_000,
);
