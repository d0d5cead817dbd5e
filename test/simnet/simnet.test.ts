import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { itemSigner } from "../../src/localnet/ans104.ts";
import { ContractClient, output, testWallet } from "../contract/client.ts";
import { type Simnet, startSimnet } from "./index.ts";

describe("the oracle", () => {
  let net: Simnet;
  let client: ContractClient;
  beforeAll(async () => {
    net = await startSimnet();
    client = new ContractClient(net, testWallet());
  }, 60_000);
  afterAll(() => net.close());

  test("lists every process and message with tags, owner and slot, whatever the faults", async () => {
    const [a, b] = [
      await client.spawn({ "Deployment-Key": "k1" }),
      await client.spawn({ "Deployment-Key": "k2" }),
    ];
    await client.eval(a, `Send({ Target = "${b}", Action = "Note", Data = "hi" })`);
    await client.eval(a, 'error("boom")');
    net.faults.add({ on: "*", fault: { kind: "reset" } });
    await net.oracle.quiet();
    expect(net.oracle.process(a)).toMatchObject({
      owner: client.wallet.address,
      slot: 2,
      tags: { "Deployment-Key": "k1" },
    });
    expect([...net.oracle.byDeploymentKey().keys()].sort()).toEqual(["k1", "k2"]);
    expect(net.oracle.byDeploymentKey("k2").map(({ id }) => id)).toEqual([b]);
    expect(net.oracle.messages(b)).toMatchObject([
      { process: b, slot: 1, from: a, owner: net.endpoints.authority, data: "hi", evaluated: true },
    ]);
    expect(net.oracle.messages(a)[1]?.error).toContain("boom");
    expect(net.oracle.counts()).toEqual({ processes: 2, messages: 3, evals: 2, pushes: 1, failed: 1 });
    net.faults.clear();
  });

  test("shows a scripted slow program as slow", async () => {
    const id = await client.spawn();
    await client.eval(id, '--[[sim:{"slow":150}]]');
    const started = performance.now();
    await client.eval(id, "return 1");
    expect(performance.now() - started).toBeGreaterThanOrEqual(149);
  });
});

test("latencies remain when the faults are cleared", async () => {
  const net = await startSimnet({ latency: { spawn: 80, result: { min: 40, max: 60 }, seed: 3 } });
  try {
    const client = new ContractClient(net, testWallet());
    net.faults.clear();
    const started = performance.now();
    const id = await client.spawn();
    expect(performance.now() - started).toBeGreaterThanOrEqual(79);
    expect(output(await client.eval(id, "return 1"))).toBe("1");
  } finally {
    await net.close();
  }
}, 60_000);

test("several hundred processes run in one process of Node", async () => {
  const net = await startSimnet();
  try {
    // Keys of this kind sign instantly, so that the network is measured.
    const signer = itemSigner("11".repeat(32));
    const protocol = { "Data-Protocol": "ao", Variant: "ao.TN.1", Type: "Process", Module: net.module };
    const spawn = async (n: number): Promise<number> => {
      const tags = { ...protocol, Scheduler: net.endpoints.scheduler, "Deployment-Key": `k${n}` };
      const item = await signer.sign({
        data: " ",
        tags: Object.entries(tags).map(([name, value]) => ({ name, value })),
      });
      const response = await fetch(net.endpoints.muUrl, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: new Uint8Array(item.raw),
      });
      await response.text();
      return response.status;
    };
    const statuses = new Set<number>();
    for (let n = 0; n < 300; n += 25)
      for (const status of await Promise.all(Array.from({ length: 25 }, (_, k) => spawn(n + k))))
        statuses.add(status);
    await net.oracle.quiet();
    expect([...statuses]).toEqual([202]);
    expect(net.oracle.byDeploymentKey().size).toBe(300);
  } finally {
    await net.close();
  }
}, 60_000);
