import { expect, test } from "vitest";
import { leftOut } from "./case.ts";
import { lifecycleCases, strangerCases } from "./catalogue.ts";
import { cliCases } from "./families/cli.ts";
import { nodeCases } from "./families/node.ts";
import { rollbackCases } from "./families/rollback.ts";
import { rolloutCases } from "./families/rollouts.ts";
import { type KeptVerdict, leftOutLines, reportOf } from "./report.ts";

const verdict = (name: string, more: Partial<KeptVerdict> = {}): KeptVerdict => ({
  ...{ family: "K1", name, seed: 1, broken: [], recoveries: [1500], trials: 1, seconds: 2 },
  ...{ at: "2026-11-29T12:00:00.000Z", commit: "abc1234" },
  ...more,
});

test("the report has a table for each face, and on a node what became of the repeated posts", () => {
  const text = reportOf({
    legacy: { results: [{ family: "K1", listed: 2, verdicts: [verdict("a")] }], leftOut: [] },
    mainnet: {
      results: [
        {
          ...{ family: "K1", listed: 2 },
          verdicts: [
            verdict("a", { repeats: { made: 30, absorbed: 30 } }),
            verdict("b", { repeats: { made: 12, absorbed: 11 }, broken: ["I10: it sent 1 messages"] }),
          ],
        },
      ],
      leftOut: [{ family: "N4", name: "c", why: "a node has no such unit" }],
    },
  });
  const [, legacy = "", mainnet = ""] = text.split(/^## /m);
  expect(legacy).toContain("| 1 of 2 | 1 | 1 | 0 | 1.5 / 1.5 / 1.5 | 2026-11-29 at abc1234 |");
  expect(legacy).not.toContain("absorbed |");
  expect(mainnet).toContain("42 posts were repeated: 41 got a slot and had no effect there, 1 got none or");
  expect(mainnet).toContain("| 2 | 2 | 1 | 1 | 42 / 41 | 1.5 / 1.5 / 1.5 |");
  expect(mainnet).toContain("- K1, b: I10: it sent 1 messages");
  expect(mainnet).toContain("- Left out: 1 case of N4, because a node has no such unit.");
});

test("a case that a face leaves out says why: those of a node, of a scheduler's replica, and of strangers that a network does not change", () => {
  const all = [...lifecycleCases(), ...cliCases(), ...rollbackCases(), ...rolloutCases()];
  const onlyLegacy = all.filter((fault) => leftOut(fault, "mainnet") !== undefined);
  const withoutNetwork = strangerCases().filter(
    ({ family, name }) => family === "S6" || (family === "S5" && !name.includes("wallets,")),
  );
  const names = ["scheduler 8 s behind", ...withoutNetwork.map(({ name }) => name)];
  expect(onlyLegacy.map(({ name }) => name)).toEqual(names);
  expect([...new Set(onlyLegacy.map(({ family }) => family))].sort()).toEqual(["N4", "S5", "S6"]);
  const without = all.filter((fault) => leftOut(fault, "legacy") !== undefined);
  expect(without.map(({ name }) => name)).toEqual(nodeCases().map(({ name }) => name));
  const lines = leftOutLines(
    without.map(({ family, name, faces }) => ({ family, name, why: faces?.why ?? "" })),
  );
  expect(lines).toEqual([expect.stringMatching(/^\d+ cases of M1, M2, because legacy units /)]);
});

test("names are unique in their families: they are how a case is run again", () => {
  const all = [...lifecycleCases(), ...cliCases(), ...rollbackCases(), ...rolloutCases()];
  const names = all.map(({ family, name }) => `${family} ${name}`);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
