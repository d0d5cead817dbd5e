import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readExplanation } from "../../components/explanation.ts";
import { knownFleet } from "../../src/fleet/members/known-fleet.ts";
import { readRelease } from "../../src/fleet/releases/document.ts";

/** Files that a full disk or a crash cut: an error with the file and the way out, not a bug. */

function project() {
  const home = mkdtempSync(join(tmpdir(), "fleet-damaged-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const scope = { project: "game", stack: "dev", home, build: join(home, "build") };
  const cut = (path: string) => {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(
      join(home, path),
      '{ "deploymentId": "deploy-1", "declaration": { "battle": { "version": "1.',
    );
  };
  return { scope, cut };
}

test.each([
  [
    "the fleet of a command",
    (scope: ReturnType<typeof project>["scope"]) => knownFleet(scope, async () => ({ members: [] })),
  ],
  ["the release of a run", (scope: ReturnType<typeof project>["scope"]) => readRelease(scope, "current")],
])("a cut release fails %s by name", async (_name, read) => {
  const { scope, cut } = project();
  cut("releases/game.dev/current.json");
  await expect(read(scope)).rejects.toMatchObject({
    code: "RELEASE_DAMAGED",
    message: expect.stringContaining("releases/game.dev/current.json"),
  });
});

test("a cut file of settings fails by name", async () => {
  const { scope, cut } = project();
  cut("config/game.dev.json");
  await expect(readExplanation(scope)).rejects.toMatchObject({
    code: "FILE_DAMAGED",
    message: expect.stringContaining("config/game.dev.json"),
  });
});
