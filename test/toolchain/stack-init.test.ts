import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { initStack } from "../../src/toolchain/stack-init.ts";

/** A command that prints its arguments and `says`, and exits with `code`. */
function pulumiThat(says: string, code: number): string {
  const path = join(mkdtempSync(join(tmpdir(), "fleet-pulumi-")), "pulumi");
  writeFileSync(path, `#!/bin/sh\necho "$@"\necho "${says}" >&2\nexit ${code}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("a stack is created", () => {
  test("by pulumi stack init, without a terminal", async () => {
    const made = await initStack(pulumiThat("", 0), "dev", {}, ["--no-select"]);
    expect(made).toMatchObject({ code: 0, stdout: "stack init dev --no-select --non-interactive" });
  });

  test("once: one that another command created meanwhile is there", async () => {
    const made = await initStack(pulumiThat("error: stack 'dev' already exists", 255), "dev", {});
    expect(made.code).toBe(0);
  });

  test("or not, with what pulumi says", async () => {
    const made = await initStack(pulumiThat("error: no backend", 255), "dev", {});
    expect(made).toMatchObject({ code: 255, output: expect.stringContaining("error: no backend") });
  });
});
