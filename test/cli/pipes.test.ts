import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

test("a command whose reader is gone ends quietly: fleet … | head", async () => {
  const script = "set -o pipefail; node $0 doctor | true; echo code $?";
  const text = await new Promise<string>((done) => {
    execFile("bash", ["-c", script, resolve("src/cli/fleet.mjs")], (_error, stdout, stderr) =>
      done(stdout + stderr),
    );
  });
  expect(text).not.toMatch(/EPIPE|Unhandled|at .*:\d+:\d+/);
  expect(text).toMatch(/code [01]\n/);
});
