import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type BundleOptions, bundle } from "../../src/bundler/index.ts";
import { type AosStep, aos } from "./aos.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Bundles an example without any warning, loads it twice into real aos and returns its answers. */
async function answers(options: Omit<BundleOptions, "name" | "root">, steps: AosStep[]): Promise<string[]> {
  const made = await bundle({ name: "example", root, ...options });
  expect(made.warnings).toEqual([]);
  const results = await aos([{ eval: made.text }, { eval: made.text }, ...steps]);
  expect(results.map(({ error }) => error).filter((error) => error !== undefined)).toEqual([]);
  return results.slice(2).map(({ messages }) => messages[0]?.data ?? "");
}

test("ledger: tables of functions", async () => {
  const big = "123456789012345678901234567890";
  const replies = await answers({ entry: "examples/ledger", state: ["Balances"] }, [
    { action: "Mint", tags: { Recipient: "owner".padEnd(43, "o"), Quantity: big } },
    { action: "Transfer", tags: { Recipient: "bob", Quantity: "123456789012345678901234567889" } },
    { action: "Transfer", tags: { Recipient: "bob", Quantity: "2" } },
    { action: "Balance", tags: { Account: "bob" } },
    { action: "Balance" },
  ]);
  expect(replies.map((text) => JSON.parse(text))).toEqual([
    { success: true, minted: big },
    { success: true, moved: "123456789012345678901234567889" },
    { success: false, error: { code: "TOO_LITTLE" } },
    { success: true, balance: "123456789012345678901234567889" },
    { success: true, balance: "1" },
  ]);
});

test("arena: classes, files that require each other, names from the root and from the file", async () => {
  const replies = await answers({ entry: "examples/arena", state: ["Fights"] }, [
    { action: "Fight", data: '["knight","mage"]' },
    { action: "Fight", data: '["mage","mage"]' },
  ]);
  expect(replies).toEqual(["knight wins with 24 left in 3 rounds", "mage wins with 6 left in 3 rounds"]);
});

test("polls: pipelines, environments, computed names, constants", async () => {
  const constants = { GREETING: 'thanks for "your" vote:\n', DEFAULT_RULE: "two-thirds" };
  const replies = await answers(
    {
      entry: "examples/polls",
      state: ["Polls"],
      constants,
      include: ["rules.two-thirds"],
      silence: { LUA_REQUIRE_DYNAMIC: "rules are chosen by name" },
    },
    [
      { action: "Open-Poll", tags: { Poll: "p" } },
      { action: "Vote", tags: { Poll: "p", Choice: "tea" } },
      { action: "Close-Poll", tags: { Poll: "p" } },
    ],
  );
  expect(replies).toEqual(["open, rule two-thirds", 'thanks for "your" vote:\n tea', "tea"]);
});
