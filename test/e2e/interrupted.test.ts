/** A call that is ended after its message was signed is finished by the command that it printed, and takes effect once. */
import { spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../contract/client.ts";
import { commandOf, fleet, printed } from "../rollback/fleet.ts";
import { newProject, type Project } from "./project.ts";

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("halted", { ...settings(new pulumi.Config()), processes: { counter: {} } });
export const processes = fleet.processes;
`;
/** A plain program, which takes each message for another one. */
const COUNTER = `N = N or 0
Handlers.add("Add", "Add", function(msg)
  N = N + 1
  msg.reply({ Data = tostring(N) })
end)
`;
/** The post of the call gets no answer, by `fetch` or by `http`; the network gets it if only the answer is held. */
const HOLD = `import { writeFileSync } from "node:fs";
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";
const { HOLD, HELD } = process.env;
const isCall = (body) => body instanceof Uint8Array && Buffer.from(body).includes("Add");
const hold = () => {
  writeFileSync(HELD, "");
  return new Promise(() => setInterval(() => {}, 1000));
};
const [fetch, request] = [globalThis.fetch, http.request];
if (HOLD !== undefined) {
  globalThis.fetch = async (input, init) => {
    if (!isCall(init?.body)) return fetch(input, init);
    if (HOLD === "answer") await (await fetch(input, init)).arrayBuffer();
    return hold();
  };
  http.request = (...input) => {
    const call = request(...input);
    const [once, end] = [call.once, call.end];
    call.end = (body) => {
      if (!isCall(body)) return end.call(call, body);
      if (HOLD === "request") return hold();
      call.removeAllListeners("response");
      once.call(call, "response", (response) => response.resume().on("end", hold));
      return end.call(call, body);
    };
    return call;
  };
  syncBuiltinESMExports();
}
`;

const STACKS = ["dev", "node"] as const;
let project: Project;
beforeAll(async () => {
  project = await newProject("halted", {
    "index.ts": INDEX,
    "processes/counter/process.lua": COUNTER,
    "hold.mjs": HOLD,
  });
  const dev = project.text("Pulumi.dev.yaml").replace(/^encryptionsalt: .*\n/m, "");
  project.write("Pulumi.node.yaml", dev.replace("config:\n", "config:\n  halted:localProtocol: mainnet\n"));
  expect(await project.pulumi(["stack", "init", "node"])).toMatchObject({ code: 0 });
  for (const stack of STACKS)
    expect(await project.pulumi(["up", "--yes", "--skip-preview", "--stack", stack])).toMatchObject({
      code: 0,
    });
}, 300_000);
afterAll(() => project.close());

/** Calls until the post is held, then ends the command by the signal. */
async function ended(
  stack: string,
  hold: "request" | "answer",
  signal: NodeJS.Signals,
  more: readonly string[],
) {
  const held = join(project.dir, "held");
  rmSync(held, { force: true });
  const [program, words, options] = commandOf(project, ["call", "counter", "Add", "--stack", stack, ...more]);
  const preload = { NODE_OPTIONS: `--import ${pathToFileURL(join(project.dir, "hold.mjs"))}` };
  const child = spawn(program, words, {
    ...options,
    env: { ...options.env, ...preload, HOLD: hold, HELD: held },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part: Buffer) => (stdout += part));
  child.stderr.on("data", (part: Buffer) => (stderr += part));
  const closed = new Promise<number | null>((done) => child.on("close", done));
  await until("the post", async () => existsSync(held) || undefined);
  const began = performance.now();
  child.kill(signal);
  return { code: await closed, stdout, stderr, ms: performance.now() - began };
}

/** Messages that took effect. */
const counts = { dev: 0, node: 0 };
test.each([
  ["dev", "SIGINT", "request", []],
  ["dev", "SIGHUP", "answer", ["--quiet"]],
  ["dev", "SIGKILL", "answer", []],
  ["node", "SIGINT", "request", []],
  ["node", "SIGTERM", "answer", ["--json"]],
  ["node", "SIGKILL", "answer", ["--json"]],
] as const)(
  "on %s, %s while a call waits for the answer to its post (held: its %s)",
  async (stack, signal, hold, more) => {
    const ran = await ended(stack, hold, signal, more);
    expect(ran.code).toBe(signal === "SIGKILL" ? null : 130);
    expect(ran.ms).toBeLessThan(5000);
    const [command = ""] = /npx fleet call \S+ \S+ --continue .*$/m.exec(ran.stderr) ?? [];
    if (more[0] === "--json" && signal !== "SIGKILL")
      expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "CALL_INTERRUPTED" } });
    const finished = await printed(project, command);
    counts[stack] += 1;
    expect([finished.code, finished.stdout.trim()]).toEqual([0, String(counts[stack])]);
    // The next message gets the next number, so that one took effect once.
    const next = await fleet(project, ["call", "counter", "Add", "--stack", stack]);
    counts[stack] += 1;
    expect(next.stdout.trim()).toBe(String(counts[stack]));
  },
  120_000,
);
