import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stop } from "../../src/localnet/index.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { addTypescript, type PackedProject, runIn } from "./packed.ts";

/** How a template's fleet is used: a call, what it answers in the first release and in the second, and the edit between them. */
interface Use {
  readonly call: readonly string[];
  readonly first: RegExp;
  readonly second: RegExp;
  readonly file: string;
  readonly edit: readonly [string, string];
  /** What the second deployment says about how the new code got its callers, or its place. */
  readonly released: RegExp;
  /** Done once before the first call. */
  readonly before?: readonly string[];
}

const QUOTE = ["router", "QUOTE", "--tag", "Service=quotes", "--tag", "Customer=ada", "--data"];
const BALANCE = ["router", "Balance", "--tag", "Service=token", "--json"];

const USES: Readonly<Record<string, Use>> = {
  minimal: {
    call: ["hello", "Greet"],
    first: /hello, visitor \d/,
    second: /good evening, visitor \d/,
    file: "processes/hello/process.lua",
    edit: ['"hello"', '"good evening"'],
    released: /hello +loaded/,
  },
  service: {
    call: [...QUOTE, '{"item":"tea","amount":2}'],
    first: /"edition": "first"[\s\S]*"total": 6/,
    second: /"edition": "second"[\s\S]*"total": 6/,
    file: "processes/quotes/process.lua",
    edit: ['"first"', '"second"'],
    released: /TRAFFIC_SWITCHING step 1 of 2, 5 %/,
  },
  token: {
    before: ["router", "Mint", "--tag", "Service=token", "--tag", "Quantity=1000"],
    call: BALANCE,
    // Minted once: every revision has the same balance.
    first: /"text": "1000"/,
    second: /"text": "1000"/,
    file: "processes/token/process.lua",
    edit: ['Ticker = "TKN"', 'Ticker = "NEW"'],
    released: /token +handed over state .* 2 globals \(Balances, TotalSupply\)/,
  },
  game: {
    call: ["shop", "LIST_ITEMS"],
    first: /"success": true/,
    second: /"success": true/,
    file: "processes/shop/process.lua",
    edit: ["\n", "\n-- Edited.\n"],
    released: /shop +loaded/,
  },
};

/** A share of the callers, then all; steps follow each other at once, with as few probes as a verdict needs. */
const IN_STEPS =
  '{ "kind": "blue-green", "steps": [{ "weightBp": 500 }, { "weightBp": 10000 }], "intervalSeconds": 1, "probes": 3, ' +
  '"checks": [{ "kind": "health" }, { "kind": "errorRate", "minSamples": 3, "max": 0.2, "tolerance": 0.2 }] }';
/** A state that is owned cannot be split. */
const WHOLE =
  '{ "kind": "blue-green", "trafficStrategy": "INSTANT", "intervalSeconds": 1, "probes": 3, "checks": [{ "kind": "health" }] }';
const AT_ONCE: Readonly<Record<string, string>> = { service: IN_STEPS, token: WHOLE };

/** A project of a template, from an empty folder to a rollback, with the packed packages. One story, in order. */
export function tellOfCreated(
  template: string,
  network: "mainnet" | "legacy",
  beside: () => PackedProject,
  timeout = 300_000,
): void {
  const use = USES[template];
  if (use === undefined) throw new Error(`the template ${template} has no story`);
  const { call, first, second, file, edit, released, before } = use;
  let project: PackedProject;
  const called = async () => (await project.fleet(["call", ...call])).text;

  describe(`a project of the template ${template} on ${network}`, { timeout }, () => {
    // The workspace has other projects: only this one ends.
    afterAll(async () => {
      await stop(join(project.dir, ".fleet/localnet"));
    });

    it("is written by npm create into an empty folder, and its own test and types pass", async () => {
      project = await beside().neighbour(`${template}-${network}`, {});
      mkdirSync(project.dir, { recursive: true });
      addTypescript(project);
      const bin = join(project.top, "node_modules/.bin");
      const flags = [
        "--name",
        template,
        "--template",
        template,
        "--network",
        network,
        "--package-manager",
        "npm",
      ];
      const made = await runIn(project.dir, join(bin, "create-ao-fleet"), [...flags, "--yes"]);
      expect(made.text).toContain(`Created the project ${template} in ${project.dir}: template ${template}`);
      expect(made.code).toBe(0);
      expect((await runIn(project.dir, join(bin, "node"), ["--test"])).text).toMatch(/# pass 2\n# fail 0/);
      const tsc = join(packageDir, "node_modules/typescript/bin/tsc");
      const roots = ["--typeRoots", join(packageDir, "node_modules/@types")];
      const types = await runIn(project.dir, process.execPath, [tsc, "-p", project.dir, ...roots]);
      expect([types.code, types.text]).toEqual([0, ""]);
    });

    it("gets its stack, passphrase and wallet by one command, which prints no secret", async () => {
      const made = await project.fleet(["stack", "init", "dev"]);
      expect(made.text).toContain(`Created the stack dev of ${template}`);
      expect(made.text).toContain("passphrase: .fleet/dev-passphrase (created, mode 600, ignored by git)");
      expect(made.code).toBe(0);
      const { d = "" } = project.json<Record<string, string>>(".fleet/dev-wallet.json");
      for (const secret of [d, project.text(".fleet/dev-passphrase")]) {
        expect(secret.length).toBeGreaterThan(40);
        expect(made.text).not.toContain(secret);
      }
      const doctor = await project.fleet(["doctor", "--json"]);
      expect(doctor.code).toBe(0);
      expect(JSON.parse(doctor.text).findings).toContainEqual({
        name: "project",
        ok: true,
        detail: `${template} in ${project.dir}`,
      });
      const strategy = AT_ONCE[template];
      if (strategy !== undefined)
        project.edit("Pulumi.dev.yaml", "config:\n", `config:\n  ${template}:strategy: '${strategy}'\n`);
    });

    it("is deployed and answers", async () => {
      const ran = await project.fleet(["deploy", "--yes"]);
      expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
      if (before) expect((await project.fleet(["call", ...before])).code).toBe(0);
      expect(await called()).toMatch(first);
    });

    it("releases a change, and returns to the release before", async () => {
      project.edit(file, ...edit);
      const ran = await project.fleet(["deploy", "--yes"]);
      expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
      expect(ran.text).toMatch(released);
      expect(await called()).toMatch(second);
      const back = await project.fleet(["rollback", "--to", "1", "--yes"]);
      expect([back.code, back.code === 0 ? "" : back.text]).toEqual([0, ""]);
      expect(await called()).toMatch(first);
    });
  });
}

/** `pulumi new` writes the same project from a template's folder. @returns the files that it wrote */
export async function byPulumiNew(project: PackedProject, folder: string, name: string): Promise<string> {
  const dir = join(project.top, "projects", `new ${name}`);
  mkdirSync(dir, { recursive: true });
  const flags = ["--generate-only", "--yes", "--force", "--name", name, "--description", "A fleet"];
  const bin = join(project.top, "node_modules/.bin/pulumi");
  const env = {
    ...process.env,
    PULUMI_BACKEND_URL: `file://${dir}`,
    PULUMI_CONFIG_PASSPHRASE: "only a test",
  };
  const ran = await runIn(dir, bin, ["new", folder, ...flags], env);
  if (ran.code !== 0) throw new Error(ran.text);
  return dir;
}
