import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type LocalNetworkInfo, logs, reset, start, status, stop } from "../../src/localnet/index.ts";
import { output, until } from "../contract/client.ts";
import { asContract, clientOf, gone, networkFolder } from "./network.ts";

const clientAt = (info: LocalNetworkInfo) => clientOf(asContract(info));

test("concurrent starts of several callers make one daemon, and a later start finds it", async () => {
  const dir = networkFolder();
  const infos = await Promise.all([start(dir), start(dir), start(dir)]);
  expect(new Set(infos.map(({ pid }) => pid)).size).toBe(1);
  expect(await start(dir)).toEqual(infos[0]);
  expect(await status(dir)).toEqual({ running: true, info: infos[0] });
  expect(await logs(dir)).toContain("ready");
});

test("only a reader of the descriptor can stop a network: it does not tell its secret", async () => {
  const dir = networkFolder();
  const { gatewayUrl } = await start(dir);
  const { instance } = JSON.parse(readFileSync(join(dir, "network.json"), "utf8"));
  const told = await (await fetch(`${gatewayUrl}/~localnet`)).text();
  expect(told).not.toContain(instance);
  const { instanceHash } = JSON.parse(told);
  const stopping = (name: string) =>
    fetch(`${gatewayUrl}/~localnet/stop/${name}`, { method: "POST" }).then((response) => response.status);
  expect(await stopping(instanceHash)).toBe(409);
  expect((await status(dir)).running).toBe(true);
  expect(await stop(dir)).toBe(true);
});

test("a daemon of an earlier version, which tells its instance, is recognized", async () => {
  const dir = networkFolder();
  const server = createServer((_, response) => response.end(JSON.stringify({ instance: "old" })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const gatewayUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const descriptor = (instance: string) =>
    writeFileSync(join(dir, "network.json"), JSON.stringify({ instance, gatewayUrl, pid: process.pid }));
  descriptor("old");
  expect((await status(dir)).running).toBe(true);
  descriptor("another");
  expect((await status(dir)).running).toBe(false);
});

test("two folders are two networks with their own ports", async () => {
  const [a, b] = await Promise.all([start(networkFolder()), start(networkFolder())]);
  const ports = [a, b].flatMap(({ gatewayUrl, muUrl, cuUrl, suUrl }) => [gatewayUrl, muUrl, cuUrl, suUrl]);
  expect(new Set(ports).size).toBe(8);
  expect(ports.every((url) => url.startsWith("http://127.0.0.1:"))).toBe(true);
  expect(a.authority).not.toBe(b.authority);
});

test("ids, state, ports and addresses survive a stop and a start", async () => {
  const dir = networkFolder();
  const before = await start(dir);
  const client = clientAt(before);
  const id = await client.spawn();
  await client.eval(id, 'X = "kept"');
  expect(await stop(dir)).toBe(true);
  expect(await status(dir)).toEqual({ running: false });
  expect(await stop(dir)).toBe(false);

  const after = await start(dir);
  expect({ ...after, pid: 0, startedAt: "" }).toEqual({ ...before, pid: 0, startedAt: "" });
  expect(output(await clientAt(after).eval(id, "return X"))).toBe("kept");
});

test("kill -9 during work loses nothing that was accepted and repeats nothing", async () => {
  const dir = networkFolder();
  const first = await start(dir);
  const client = clientAt(first);
  const [sink, source] = [await client.spawn(), await client.spawn()];
  await client.eval(
    sink,
    'N = 0 SEEN = {} Handlers.add("Count", "Count", function(m) N = N + 1 SEEN[m.Data] = (SEEN[m.Data] or 0) + 1 end)',
  );
  const sent: string[] = [];
  for (let n = 0; n < 12; n++) {
    const code = `Send({ Target = "${sink}", Action = "Count", Data = "${n}" }) return "${n}"`;
    sent.push(await client.message(source, { Action: "Eval" }, code));
    if (n === 5) process.kill(first.pid, "SIGKILL");
    if (n === 5) await gone(first.pid);
    if (n === 5) expect((await status(dir)).running).toBe(false);
    if (n === 5) expect((await start(dir)).pid).not.toBe(first.pid);
  }
  const outputs = await Promise.all(
    sent.map(async (message) => output(await client.evaluated(source, message))),
  );
  expect(outputs).toEqual(Array.from({ length: 12 }, (_, n) => String(n)));
  const count = async () => output(await client.eval(sink, "return N"));
  await until("the last push", async () => ((await count()) === "12" ? true : undefined));
  const once = "for n = 0, 11 do assert(SEEN[tostring(n)] == 1) end return N";
  expect(output(await client.eval(sink, once))).toBe("12");
});

test("a descriptor with another program's process and port is not a running network", async () => {
  const dir = networkFolder();
  const info = await start(dir);
  const descriptor = JSON.parse(readFileSync(join(dir, "network.json"), "utf8"));
  await stop(dir);
  const other = createServer((_, response) => response.end(JSON.stringify({ instance: "another" })));
  const port = Number(new URL(info.gatewayUrl).port);
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => void other.close());
  writeFileSync(join(dir, "network.json"), JSON.stringify({ ...descriptor, pid: process.pid }));

  expect((await status(dir)).running).toBe(false);
  expect(await stop(dir)).toBe(false);
  // The remembered port is in use: another one is used, and the scheduler's location is published again.
  const again = await start(dir);
  expect(again.gatewayUrl).not.toBe(info.gatewayUrl);
  expect(again.muUrl).toBe(info.muUrl);
  expect(again.scheduler).toBe(info.scheduler);
});

test("reset forgets processes and addresses", async () => {
  const dir = networkFolder();
  const before = await start(dir);
  const id = await clientAt(before).spawn();
  await reset(dir);
  expect(existsSync(join(dir, "network.sqlite"))).toBe(false);
  const after = await start(dir);
  expect(after.authority).not.toBe(before.authority);
  expect((await fetch(`${after.gatewayUrl}/${id}`)).status).toBe(404);
});

test("a folder that cannot be used is an error with a remedy", async () => {
  const dir = networkFolder();
  writeFileSync(
    join(dir, "network.sqlite"),
    "this is no database, but it is long enough to look like one".repeat(20),
  );
  await expect(start(dir, { timeoutSeconds: 20 })).rejects.toMatchObject({
    name: "FleetError",
    code: "LOCALNET_START",
    problems: [{ remedy: expect.stringContaining("reset") }],
  });
});
