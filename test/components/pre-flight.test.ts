import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { preFlight } from "../../components/pre-flight.ts";
import { makeJwk } from "../ao/wallets.ts";
import { problemsOf } from "../kit/failure.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { type Simnet, startSimnet } from "../simnet/index.ts";

let net: Simnet;
const folder = temporaryFolder("preflight");
const wallet = join(folder, "wallet.json");

beforeAll(async () => {
  net = await startSimnet();
  await writeFile(wallet, JSON.stringify(await makeJwk()), { mode: 0o600 });
});
afterAll(() => net.close());

const config = (walletPath: string | undefined) => ({
  get: (key: string) => (key === "walletPath" ? walletPath : undefined),
});
const network = () => ({ kind: "legacy" as const, ...net.endpoints, suUrl: net.suUrl });
const mainnet = () => ({
  ...{ kind: "mainnet" as const, nodeUrl: net.node.nodeUrl },
  ...{ gatewayUrl: net.endpoints.gatewayUrl, graphqlUrl: `${net.endpoints.gatewayUrl}/graphql` },
});

const needs = () => ({ modules: [net.module] });

const codes = async (work: Promise<unknown>): Promise<string[]> =>
  (await problemsOf(work)).map(({ code }) => code);

describe("before anything is sent", () => {
  it("accepts a valid wallet, units that answer and an existing module", async () => {
    await preFlight(config(wallet), network(), needs());
    expect(net.oracle.counts()).toMatchObject({ processes: 0, messages: 0 });
  });

  it("requires a wallet that is named, readable by its owner alone, and a key", async () => {
    const exposed = join(folder, "exposed.json");
    await writeFile(exposed, "{}", { mode: 0o644 });
    await chmod(exposed, 0o644);
    const junk = join(folder, "junk.json");
    await writeFile(junk, "not json", { mode: 0o600 });
    const wallets: [string | undefined, string][] = [
      [undefined, "WALLET_MISSING"],
      [join(folder, "nowhere.json"), "WALLET_MISSING"],
      [exposed, "WALLET_EXPOSED"],
      [junk, "WALLET_INVALID"],
    ];
    for (const [path, code] of wallets)
      expect(await codes(preFlight(config(path), network(), needs()))).toEqual([code]);
  });

  // Waits for units that are down; concurrent with the next test.
  it.concurrent("checks an upload service if something must be uploaded, and units even without a module to look for", async () => {
    const down = { ...network(), uploadUrl: "http://127.0.0.1:9" };
    await preFlight(config(wallet), down, needs());
    await preFlight(config(wallet), { ...down, uploadUrl: net.endpoints.gatewayUrl }, { upload: true });
    const wrong = { ...down, cuUrl: "http://127.0.0.1:9" };
    const found = await problemsOf(preFlight(config(wallet), wrong, { upload: true }));
    const text = found.map(({ what, got }) => `${what} ${got}`).join("\n");
    expect(found).toHaveLength(2);
    expect(text).toContain("upload service");
    expect(text).toContain("compute unit");
  });

  it.concurrent("reports a missing scheduler, set by its record or by its address", async () => {
    const { suUrl: _, ...elsewhere } = network();
    const unknown = { ...elsewhere, scheduler: "x".repeat(43) };
    expect(await codes(preFlight(config(wallet), unknown, needs()))).toEqual(["SCHEDULER_UNKNOWN"]);
    const down = { ...network(), suUrl: "http://127.0.0.1:9" };
    const [problem] = await problemsOf(preFlight(config(wallet), down, needs()));
    expect(problem).toMatchObject({ code: "UNIT_DOWN", what: expect.stringContaining("scheduler unit") });
  });

  it.concurrent("refuses a node's URL for a legacy unit, and a legacy unit's URL for a node", async () => {
    const { nodeUrl } = net.node;
    for (const unit of ["muUrl", "cuUrl", "suUrl"] as const) {
      const legacy = { ...network(), [unit]: nodeUrl };
      const [problem, ...more] = await problemsOf(preFlight(config(wallet), legacy, needs()));
      expect([problem?.code, more]).toEqual(["UNIT_NOT_AO", []]);
      expect(problem?.remedy).toContain("mainnet or legacy");
      const node = { ...mainnet(), nodeUrl: network()[unit] };
      expect(await codes(preFlight(config(wallet), node, needs()))).toEqual(["UNIT_NOT_AO"]);
    }
    expect(net.oracle.counts()).toMatchObject({ processes: 0, messages: 0 });
  });

  it.concurrent("reports the wallet, the gateway and the node of a mainnet network at once, and what it warns of", async () => {
    const devices = ["lua@5.3a"];
    const unknown = { modules: ["x".repeat(43)], devices };
    expect(await codes(preFlight(config(undefined), mainnet(), unknown))).toEqual([
      "WALLET_MISSING",
      "MODULE_UNKNOWN",
      "DEVICE_MISSING",
    ]);
    // The caller reports a node that it could not reach itself.
    const reached = Promise.reject(new Error("reported elsewhere"));
    reached.catch(() => {});
    expect(await preFlight(config(wallet), mainnet(), { ...needs(), devices, reached })).toEqual([]);
    const charging = await startSimnet({ node: { payment: { price: 1, ledger: {} } } });
    const spending = { spawns: 1, messages: 1, bytes: 1, isCertain: true };
    const paid = { ...mainnet(), nodeUrl: charging.node.nodeUrl };
    expect(await codes(preFlight(config(wallet), paid, { spending }))).toEqual(["WALLET_UNFUNDED"]);
    await charging.close();
  });

  it.concurrent("reports every problem at once", async () => {
    const page = createServer((_request, response) => response.end("<html>hello</html>"));
    await new Promise<void>((listening) => page.listen(0, "127.0.0.1", listening));
    const url = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
    const wrong = { ...network(), muUrl: url, cuUrl: "http://127.0.0.1:9" };
    const found = await codes(preFlight(config(undefined), wrong, { modules: ["x".repeat(43)] }));
    page.close();
    expect(found).toContain("WALLET_MISSING");
    expect(found).toContain("UNIT_NOT_AO");
    expect(found).toContain("MODULE_UNKNOWN");
    expect(found.some((code) => ["UNIT_DOWN", "BUDGET_SPENT", "UNIT_SLOW"].includes(code))).toBe(true);
  });
});
