import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UsedModule } from "../../components/pinned-modules.ts";
import { isNewNode, pinNode } from "../../components/pinned-node.ts";
import { NetworkRefSchema } from "../../src/ao/network.ts";
import { problemsOf } from "../kit/failure.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { SIMULATED_WASM, type Simnet, startSimnet } from "../simnet/index.ts";

const root = temporaryFolder("pinned-node");
let net: Simnet;

beforeAll(async () => {
  net = await startSimnet();
});
afterAll(() => net.close());

const project = () => mkdtemp(join(root, "project-"));
const mainnet = (more: object = {}) =>
  NetworkRefSchema.parse({
    ...{ kind: "mainnet", nodeUrl: net.node.nodeUrl, gatewayUrl: net.endpoints.gatewayUrl },
    ...more,
  });
/** Where a stack is deployed. */
const at = (folder: string, stack = "dev") => ({ folder, stack });
const lockOf = async (folder: string) => JSON.parse(await readFile(join(folder, "fleet.lock.json"), "utf8"));
/** Changes what the lock file says of the node. */
async function edit(folder: string, more: object): Promise<void> {
  const lock = await lockOf(folder);
  const node = { ...lock.nodes[net.node.nodeUrl], ...more };
  const text = JSON.stringify({ ...lock, nodes: { [net.node.nodeUrl]: node } });
  await writeFile(join(folder, "fleet.lock.json"), text);
}
/** A run that finds its processes on the node. */
async function up(network: ReturnType<typeof mainnet>, place: ReturnType<typeof at>, used?: UsedModule[]) {
  const { pin, ...found } = await pinNode(network, false, place, used);
  await pin?.();
  return found;
}
const codesOf = ({ warnings }: Pick<Awaited<ReturnType<typeof pinNode>>, "warnings">) =>
  warnings.map(({ code }) => code);

describe("the node of a mainnet stack", () => {
  it("is pinned by the first up; previews write nothing, and the next one is silent", async () => {
    const folder = await project();
    const { nodeUrl, nodeAddress } = net.node;
    const preview = await pinNode(mainnet(), true, at(folder));
    expect(codesOf(preview)).toEqual(["NODE_NOT_PINNED"]);
    expect(existsSync(join(folder, "fleet.lock.json"))).toBe(false);
    const first = await up(mainnet(), at(folder));
    const addresses = { scheduler: nodeAddress, authority: nodeAddress };
    expect(first.network).toMatchObject({ kind: "mainnet", nodeUrl, nodeAddress, ...addresses });
    expect(first.network).toEqual(preview.network);
    expect(await lockOf(folder)).toEqual({
      version: 1,
      nodes: {
        [nodeUrl]: {
          ...{ address: nodeAddress, ...addresses, build: "HyperBEAM 0.9 (embedded)", stacks: ["dev"] },
        },
      },
    });
    expect(await pinNode(mainnet(), true, at(folder))).toEqual({ network: first.network, warnings: [] });
  });

  it("is not pinned by a run that fails before its processes are known to be there", async () => {
    const folder = await project();
    const { network, pin } = await pinNode(mainnet(), false, at(folder));
    expect([network, existsSync(join(folder, "fleet.lock.json"))]).toMatchObject([
      { nodeAddress: net.node.nodeAddress },
      false,
    ]);
    await pin?.();
    expect((await lockOf(folder)).nodes[net.node.nodeUrl].address).toBe(net.node.nodeAddress);
    // What would not change is not written.
    const { mtimeMs } = await stat(join(folder, "fleet.lock.json"));
    await up(mainnet(), at(folder));
    expect((await stat(join(folder, "fleet.lock.json"))).mtimeMs).toBe(mtimeMs);
  });

  it("is pinned with the modules that the fleet published itself, whose hash stays if this machine does not know it", async () => {
    const folder = await project();
    const [id, device, sha256] = ["p".repeat(43), "lua@5.3a", "a".repeat(64)];
    const modules = async () => (await lockOf(folder)).nodes[net.node.nodeUrl].modules;
    for (const published of [{ device, sha256 }, { device }]) {
      const { pin } = await pinNode(mainnet(), false, at(folder));
      await pin?.({ [id]: published });
      expect(await modules()).toEqual({ [id]: { device, sha256 } });
    }
    await up(mainnet(), at(folder));
    expect(await modules()).toEqual({ [id]: { device, sha256 } });
  });

  it("is pinned with the modules that it runs, and a module of other bytes is refused", async () => {
    const folder = await project();
    const device = "genesis-wasm@1.0";
    const used = [{ id: net.module, device }];
    const pinned = (more: object) => ({ [net.module]: { device, ...more } });
    const sha256 = createHash("sha256").update(SIMULATED_WASM).digest("hex");
    await up(mainnet(), at(folder));
    expect((await pinNode(mainnet(), true, at(folder), used)).warnings).toMatchObject([
      { code: "MODULE_NOT_PINNED", got: `sha-256 ${sha256}`, at: "fleet.lock.json" },
    ]);
    await up(mainnet(), at(folder), used);
    const lock = await lockOf(folder);
    expect(lock.nodes[net.node.nodeUrl].modules).toEqual(pinned({ sha256 }));
    expect(codesOf(await pinNode(mainnet(), true, at(folder), used))).toEqual([]);
    // Another stack on this node keeps what is pinned.
    await up(mainnet(), at(folder));
    expect(await lockOf(folder)).toEqual(lock);
    await edit(folder, { modules: pinned({ sha256: "0".repeat(64) }) });
    for (const isPreview of [true, false]) {
      expect(await problemsOf(pinNode(mainnet(), isPreview, at(folder), used))).toMatchObject([
        { code: "MODULE_CHANGED", got: `sha-256 ${sha256}`, expected: `sha-256 ${"0".repeat(64)}` },
      ]);
    }
  });

  it("is named with a module that runs on another device than last time, and with what cannot be pinned", async () => {
    const folder = await project();
    const id = "m".repeat(43);
    const before = [{ id, device: "genesis-wasm@1.0" }];
    expect(codesOf(await pinNode(mainnet(), true, at(folder), before))).toEqual([
      "NODE_NOT_PINNED",
      "MODULE_UNREAD",
    ]);
    await up(mainnet(), at(folder), before);
    expect((await lockOf(folder)).nodes[net.node.nodeUrl].modules).toEqual({
      [id]: { device: "genesis-wasm@1.0" },
    });
    const used = [{ id, device: "lua@5.3a" }];
    expect((await pinNode(mainnet(), true, at(folder), used)).warnings).toMatchObject([
      { code: "MODULE_UNREAD", what: expect.stringContaining("is not pinned") },
      { code: "DEVICE_CHANGED", got: "lua@5.3a", expected: "genesis-wasm@1.0" },
    ]);
    await edit(folder, { modules: { [id]: { device: "lua@5.3a", sha256: "0".repeat(64) } } });
    const lock = await lockOf(folder);
    expect((await pinNode(mainnet(), true, at(folder), used)).warnings).toMatchObject([
      { code: "MODULE_UNREAD", what: expect.stringContaining("is not compared") },
    ]);
    await up(mainnet(), at(folder), used);
    expect(await lockOf(folder)).toEqual(lock);
  });

  it("is new until it is pinned, however its URL is written", async () => {
    const folder = await project();
    const slash = mainnet({ nodeUrl: `${net.node.nodeUrl}/` });
    expect(await isNewNode(mainnet(), at(folder))).toBe(true);
    await up(mainnet(), at(folder));
    expect([await isNewNode(mainnet(), at(folder)), await isNewNode(slash, at(folder))]).toEqual([
      false,
      false,
    ]);
    expect(await isNewNode(mainnet({ nodeUrl: "http://127.0.0.1:9" }), at(folder))).toBe(true);
    await writeFile(join(folder, "fleet.lock.json"), "{}");
    expect(await isNewNode(mainnet(), at(folder))).toBe(false);
  });

  it("is new to each stack of a project, which the file notes; an earlier file does not say which it knows", async () => {
    const folder = await project();
    const isNew = (stack: string) => isNewNode(mainnet(), at(folder, stack));
    await up(mainnet(), at(folder, "staging"));
    expect([await isNew("staging"), await isNew("prod")]).toEqual([false, true]);
    await pinNode(mainnet(), true, at(folder, "prod"));
    expect(await isNew("prod")).toBe(true);
    await up(mainnet(), at(folder, "prod"));
    expect(await isNew("prod")).toBe(false);
    expect((await lockOf(folder)).nodes[net.node.nodeUrl].stacks).toEqual(["prod", "staging"]);
    await edit(folder, { stacks: undefined });
    expect([await isNew("staging"), await isNew("third")]).toEqual([false, false]);
    await up(mainnet(), at(folder, "third"));
    expect((await lockOf(folder)).nodes[net.node.nodeUrl]).not.toHaveProperty("stacks");
  });

  it("is read, and written, with what a later version added to the file", async () => {
    const folder = await project();
    const used = [{ id: net.module, device: "genesis-wasm@1.0" }];
    await up(mainnet(), at(folder), used);
    const { modules } = (await lockOf(folder)).nodes[net.node.nodeUrl];
    const later = { [net.module]: { ...modules[net.module], size: 3 } };
    await edit(folder, { region: "north", modules: later });
    const file = join(folder, "fleet.lock.json");
    await writeFile(file, JSON.stringify({ ...(await lockOf(folder)), comment: "ours" }));
    await up(mainnet(), at(folder, "prod"), used);
    expect(await lockOf(folder)).toMatchObject({
      comment: "ours",
      nodes: { [net.node.nodeUrl]: { region: "north", stacks: ["dev", "prod"], modules: later } },
    });
  });

  it("does not pin what a gateway answers in the place of a module", async () => {
    const lua = "l".repeat(43);
    const answers: Readonly<Record<string, readonly [string, string]>> = {
      [`/${net.module}`]: ["text/html", "<!doctype html><title>Please wait</title>"],
      [`/${lua}`]: ["Application/Lua; charset=utf-8", "function compute(base) return base end"],
    };
    const gateway = createServer(({ url = "" }, response) => {
      const [type, text] = answers[url] ?? ["application/octet-stream", ""];
      response.setHeader("content-type", type).end(text);
    });
    await new Promise<void>((listening) => gateway.listen(0, "127.0.0.1", listening));
    const gatewayUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
    const folder = await project();
    const used = [net.module, lua, "e".repeat(43)].map((id) => ({ id, device: "genesis-wasm@1.0" }));
    const { warnings } = await pinNode(mainnet({ gatewayUrl }), true, at(folder), used);
    await up(mainnet({ gatewayUrl }), at(folder), used);
    await new Promise((closed) => gateway.close(closed));
    expect(warnings).toMatchObject([
      { code: "NODE_NOT_PINNED" },
      { code: "MODULE_UNREAD", got: expect.stringMatching(/^200 text\/html, 41 bytes: Please wait/) },
      { code: "MODULE_UNREAD", got: expect.stringContaining("0 bytes") },
    ]);
    const { modules } = (await lockOf(folder)).nodes[net.node.nodeUrl];
    expect(Object.keys(modules).filter((id) => modules[id].sha256 !== undefined)).toEqual([lua]);
  });

  it("keeps a scheduler that the stack declares out of the lock file", async () => {
    const folder = await project();
    const scheduler = "s".repeat(43);
    const { network } = await up(mainnet({ scheduler }), at(folder));
    expect(network).toMatchObject({ scheduler, authority: net.node.nodeAddress });
    expect((await lockOf(folder)).nodes[net.node.nodeUrl].scheduler).toBe(net.node.nodeAddress);
  });

  it("is refused if it is another one than last time, and named if it runs another build", async () => {
    const folder = await project();
    await up(mainnet(), at(folder));
    const lock = await lockOf(folder);
    await edit(folder, { build: "HyperBEAM 0.8 (older)" });
    expect((await pinNode(mainnet(), true, at(folder))).warnings).toMatchObject([
      { code: "NODE_UPDATED", got: "HyperBEAM 0.9 (embedded)", expected: "HyperBEAM 0.8 (older)" },
    ]);
    await up(mainnet(), at(folder));
    expect(await lockOf(folder)).toEqual(lock);
    await edit(folder, { address: "n".repeat(43) });
    for (const isPreview of [true, false]) {
      expect(await problemsOf(pinNode(mainnet(), isPreview, at(folder)))).toMatchObject([
        { code: "NODE_CHANGED", got: net.node.nodeAddress, expected: "n".repeat(43) },
      ]);
    }
  });

  it("is refused if it is another one than the declaration names, before it is pinned", async () => {
    const folder = await project();
    const work = up(mainnet({ nodeAddress: "n".repeat(43) }), at(folder));
    expect(await problemsOf(work)).toMatchObject([{ code: "NODE_CHANGED", expected: "n".repeat(43) }]);
    expect(existsSync(join(folder, "fleet.lock.json"))).toBe(false);
  });

  it("is not asked for if the lock file is damaged, and a unit of another protocol is named", async () => {
    const folder = await project();
    const legacy = mainnet({ nodeUrl: net.endpoints.cuUrl });
    expect(await problemsOf(pinNode(legacy, true, at(folder)))).toMatchObject([
      { code: "UNIT_NOT_AO", expected: "its address as plain text at /~meta@1.0/info/address" },
    ]);
    for (const [text, code] of [
      ['{"version":2,"nodes":{}}', "LOCK_DAMAGED"],
      ['{"version":1,"no', "FILE_DAMAGED"],
    ] as const) {
      await writeFile(join(folder, "fleet.lock.json"), text);
      expect(await problemsOf(up(mainnet(), at(folder)))).toMatchObject([{ code }]);
      expect(await readFile(join(folder, "fleet.lock.json"), "utf8")).toBe(text);
    }
  });

  it("leaves other networks as they are", async () => {
    const folder = await project();
    const network = { kind: "local", dir: "x", protocol: "mainnet" } as const;
    expect(await up(network, at(folder))).toEqual({ network, warnings: [] });
    expect(existsSync(join(folder, "fleet.lock.json"))).toBe(false);
  });
});
