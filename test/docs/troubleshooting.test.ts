import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the page has a command for every one in the guide's troubleshooting section", () => {
  const page = readFileSync("docs/how-to/troubleshoot.md", "utf8");
  for (const needed of [
    ...["fleet validate --types health", "fleet deploy --timeout 900", "fleet validate --types integration"],
    ...["fleet discover", "ADMIN_HEALTH_CHECK", "fleet call battle Info", "fleet rollback --manual"],
    ...["jq '.processes' build/deployment-manifest.json", "fleet statistics", "fleet query", "SYSTEM_HEALTH"],
    ...["deployment phase completed", "health check failed", "integration test failed"],
    ...["--action STARTUP", "--action Error", "--performance-duration 300", "--performance-duration 180"],
  ])
    expect(page).toContain(needed);
});
