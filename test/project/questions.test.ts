/** The questions of `fleet init`, on a terminal. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { init } from "../../src/cli/init.ts";
import { Output } from "../../src/cli/output.ts";
import { Unanswered } from "../../src/cli/unanswered.ts";
import { failureOf } from "../kit/failure.ts";
import { temporaryFolder } from "../kit/folder.ts";

/** A terminal on which a person answers each question that ends in a colon. */
function terminal(answers: readonly string[]) {
  const left = [...answers];
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const stdout = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { isTTY: true });
  let shown = "";
  stderr.on("data", (chunk: Buffer) => {
    shown += chunk;
    if (!/: $/.test(String(chunk))) return;
    const next = left.shift();
    setImmediate(() => (next === undefined ? stdin.end() : stdin.write(`${next}\r`)));
  });
  const host = { stdin, stdout, stderr, env: { PATH: process.env.PATH }, cwd: temporaryFolder("asked") };
  return { host, out: new Output(host), shown: () => shown, left };
}

test("what is not given is asked for, with a default, until the answer is known", async () => {
  const { host, out, shown, left } = terminal(["shop", "tokn", "token", ""]);
  await init(host, out, { packageManager: "npm" });
  expect(shown()).toMatch(
    /Folder \[\.\]: [\s\S]*Template \[minimal\]: [\s\S]*Did you mean token\?[\s\S]*Network/,
  );
  expect(left).toEqual([]);
  expect(existsSync(join(host.cwd, "shop/processes/token/process.lua"))).toBe(true);
  expect(readFileSync(join(host.cwd, "shop/Pulumi.yaml"), "utf8")).toContain("default: mainnet");
});

test("--yes asks nothing", async () => {
  const { host, out, shown } = terminal([]);
  await init(host, out, { folder: "shop", packageManager: "npm", yes: true });
  expect(shown()).toBe("");
  expect(existsSync(join(host.cwd, "shop/processes/hello/process.lua"))).toBe(true);
});

test("the end of the input at a question writes nothing", async () => {
  const { host, out } = terminal(["shop"]);
  expect(await failureOf(init(host, out, { packageManager: "npm" }))).toBeInstanceOf(Unanswered);
  expect(existsSync(join(host.cwd, "shop"))).toBe(false);
});
