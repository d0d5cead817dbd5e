/** `fleet status` of a stack whose fleet is being moved, or was: the processes refuse requests, and a deployment would be refused. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fakeAo, fakeFleet, fleet, HASH, member, projectFolder } from "./fakes.ts";

const draining = () =>
  fakeFleet(
    fakeAo(({ action }) =>
      action === "Info"
        ? { reply: { success: true, name: "shop", status: "DRAINING", version: "1.0.0", sourceHash: HASH } }
        : {},
    ),
    [member("shop")],
  );

/** The reasons that a status shows with these settings of the stack. */
async function reasonsWith(settings: string): Promise<string> {
  const cwd = projectFolder();
  writeFileSync(join(cwd, "Pulumi.dev.yaml"), `config:\n  ao-fleet:network: local\n${settings}`);
  const ran = await fleet(["status", "--quick", "--json"], { fleet: draining(), cwd });
  expect(ran.code).toBe(1);
  const [row] = ran.json<{ processes: { reasons: string[] }[] }>().processes;
  return row?.reasons.join() ?? "";
}

test.each([
  ["  ao-fleet:movingTo: node\n", "npx fleet move --stack dev --to node"],
  ["  ao-fleet:movingFrom: old\n", "npx fleet move --stack old --to dev"],
  ["  ao-fleet:movedTo: node\n", "the fleet was moved to node"],
])("with %s it names the move, and no deployment", async (settings, expected) => {
  const reasons = await reasonsWith(settings);
  expect(reasons).toContain(expected);
  expect(reasons).not.toContain("fleet deploy");
});

test("without a move it names the deployment, also if the settings cannot be read", async () => {
  expect(await reasonsWith("")).toContain("npx fleet deploy completes or reverts it");
  const unread = await fleet(["status", "--quick", "--json"], { fleet: draining() });
  expect(unread.stdout).toContain("npx fleet deploy completes or reverts it");
});
