import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { replaceFile, replaceFileSync } from "../../src/core/replace-file.ts";
import { temporaryFolder } from "../kit/folder.ts";

const folder = temporaryFolder("replace");
const fresh = () => mkdtempSync(join(folder, "case-"));

test("replaces a file, with the mode that it is given", async () => {
  const path = join(fresh(), "file");
  await replaceFile(path, "one");
  await replaceFile(path, Buffer.from("two"));
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await replaceFile(path, "three", { mode: 0o644 });
  expect(statSync(path).mode & 0o777).toBe(0o644 & ~process.umask());
});

test("replaces a file at once, and leaves no draft", () => {
  const at = fresh();
  replaceFileSync(join(at, "file"), "one");
  replaceFileSync(join(at, "file"), "two");
  expect([readFileSync(join(at, "file"), "utf8"), readdirSync(at)]).toEqual(["two", ["file"]]);
});

test("leaves no draft if the file cannot be replaced at once", () => {
  const at = fresh();
  mkdirSync(join(at, "file", "full"), { recursive: true });
  expect(() => replaceFileSync(join(at, "file"), "one")).toThrow();
  expect(() => replaceFileSync(join(at, "none", "file"), "one")).toThrow("ENOENT");
  expect(readdirSync(at)).toEqual(["file"]);
});

test("keeps the old content, and leaves no draft, if the caller no longer wants it", async () => {
  const at = fresh();
  const path = join(at, "file");
  writeFileSync(path, "old");
  const mayReplace = () => {
    throw new Error("not mine");
  };
  await expect(replaceFile(path, "new", { mayReplace })).rejects.toThrow("not mine");
  expect([readFileSync(path, "utf8"), readdirSync(at)]).toEqual(["old", ["file"]]);
});

test("reports a file that may not grow, instead of ending the program by a signal", () => {
  const at = fresh();
  const path = join(at, "file");
  writeFileSync(path, "old");
  const module = pathToFileURL(join(import.meta.dirname, "../../src/core/replace-file.ts")).href;
  const program = `
    const { replaceFile } = await import(${JSON.stringify(module)});
    await replaceFile(${JSON.stringify(path)}, "x".repeat(100000)).then(
      () => console.log("written"),
      ({ code }) => console.log(code),
    );`;
  const limited = `ulimit -f 1; trap '' XFSZ; exec "$0" --no-warnings --input-type=module -e "$1"`;
  // The preload of `test/setup/file.ts` writes larger files.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { stdout, signal } = spawnSync("sh", ["-c", limited, process.execPath, program], {
    encoding: "utf8",
    env,
  });
  expect({ stdout: stdout.trim(), signal }).toEqual({ stdout: "EFBIG", signal: null });
  expect([readFileSync(path, "utf8"), readdirSync(at)]).toEqual(["old", ["file"]]);
});
