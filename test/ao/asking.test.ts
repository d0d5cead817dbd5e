/** What is left of calls that are over: nothing that keeps a program running, or that happens later. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";

// It closes no connection by itself.
const server = createServer((_request, response) => response.end("{}"));
server.keepAliveTimeout = 600_000;
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

test("a program that has asked units and nodes ends, whatever their time limits", async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const script = fileURLToPath(new URL("asking-child.ts", import.meta.url));
  const child = spawn(process.execPath, ["--no-warnings", script, url, "http://127.0.0.1:9"], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 30_000,
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const end = await new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal })));
  expect(JSON.parse(output)).toEqual({
    answered: [200, 200, 200, 200],
    failed: Array(4).fill("rejected"),
    timers: [],
  });
  expect(end).toEqual({ code: 0, signal: null });
}, 60_000);
