import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { templateNames } from "../../src/toolchain/templates.ts";
import { byPulumiNew, tellOfCreated } from "./created.ts";
import { installed, type PackedProject, pack } from "./packed.ts";
import { ownProject } from "./two-processes.ts";

const top = mkdtempSync(join(tmpdir(), "fleet-templates-"));
let project: PackedProject;

beforeAll(async () => {
  project = await installed(await pack(top), "two", ownProject);
}, 600_000);
afterAll(async () => {
  await project?.close();
  rmSync(top, { recursive: true, force: true });
});

/** `TEMPLATES=service,token` runs a part of it. */
const wanted = process.env.TEMPLATES?.split(",") ?? templateNames();

for (const template of templateNames().filter((name) => wanted.includes(name))) {
  for (const network of ["mainnet", "legacy"] as const)
    tellOfCreated(template, network, () => project, 600_000);

  describe(`the template ${template}`, () => {
    it("is one of pulumi new, from the installed package", async () => {
      const packed = join(project.top, "node_modules/ao-fleet/dist/templates", template);
      const folder = await byPulumiNew(project, packed, template);
      expect(parse(readFileSync(join(folder, "Pulumi.yaml"), "utf8"))).toMatchObject({ name: template });
      expect(existsSync(join(folder, "index.ts"))).toBe(true);
    });
  });
}
