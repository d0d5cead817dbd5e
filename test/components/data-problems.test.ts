import { describe, expect, it } from "vitest";
import { dataProblems } from "../../components/data-problems.ts";
import { planFleet } from "../../components/plan.ts";
import type { NetworkRef } from "../../src/ao/network.ts";
import { problemsOf } from "../kit/failure.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";

const HALF = "\ud83d";
const NODE: NetworkRef = { kind: "mainnet", maxMessageBytes: 20_000 };

describe("what a plan sends", () => {
  it("has to be text that UTF-8 can express, in values and in names", () => {
    const config = { ENVIRONMENT_VARS: { WHOLE: "😀", HALF: `a${HALF}` }, OWN: { list: [{ [HALF]: 1 }] } };
    for (const network of [NODE, { kind: "legacy" } as const]) {
      expect(dataProblems(network, "shop", config)).toMatchObject([
        { code: "TEXT_NOT_UTF8", at: "processes.shop.config.ENVIRONMENT_VARS.HALF", got: '"a\\ud83d"' },
        { code: "TEXT_NOT_UTF8", at: "processes.shop.config.OWN.list.0" },
      ]);
    }
  });

  it("has to fit in one message of a network that takes no uploads in its place", () => {
    const config = { ENVIRONMENT_VARS: { LONG: "x".repeat(12_000) } };
    expect(dataProblems(NODE, "shop", config)).toMatchObject([
      { code: "SETTINGS_TOO_LARGE", at: "processes.shop.config.ENVIRONMENT_VARS" },
    ]);
    const legacy = { kind: "legacy", maxMessageBytes: 20_000 } as const;
    expect(dataProblems(legacy, "shop", config)).toHaveLength(1);
    expect(dataProblems({ ...legacy, uploadUrl: "https://up.arweave.net" }, "shop", config)).toEqual([]);
    expect(dataProblems({ kind: "mainnet" }, "shop", config)).toEqual([]);
  });

  it("is named by the plan together with tags that UTF-8 cannot express and a bundle that is too large", async () => {
    enterFolder("data-problems");
    writeFiles({
      "processes/shop/process.lua": "return 1\n",
      "processes/big/process.lua": `return "${"x".repeat(20_000)}"\n`,
    });
    const processes = {
      shop: { lib: false, tags: { Label: HALF } },
      big: { lib: false },
    };
    const found = await problemsOf(
      planFleet({ network: NODE, processes }, { home: ".fleet", build: "build" }, () => undefined),
    );
    expect(found.map(({ code, at }) => `${code} ${at}`).sort()).toEqual([
      "BUNDLE_TOO_LARGE processes.big.source",
      "TAGS_INVALID processes.shop.tags",
    ]);
  });

  it("may contain bytes of any kind in a program's strings: they are escaped", async () => {
    enterFolder("data-bytes");
    writeFiles({ "processes/shop/process.lua": Buffer.from('return "a\xff"\n', "latin1") });
    const { levels } = await planFleet(
      { network: NODE, processes: { shop: { lib: false } } },
      { home: ".fleet", build: "build" },
      () => undefined,
    );
    expect(levels.flat()).toHaveLength(1);
  });
});
