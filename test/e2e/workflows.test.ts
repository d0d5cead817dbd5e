import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Block, blocksOf, FakeJob } from "../kit/workflows.ts";
import { newProject, type Project } from "./project.ts";

const program = (greeting: string) => `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";

const fleet = await Fleet.create("ci", {
  ...settings(new pulumi.Config()),
  processes: { greeter: { source: "greeter.lua", version: "${greeting.length}.0.0", lib: false } },
});
export const processes = fleet.processes;
`;

let project: Project;
let job: FakeJob;
const temp = mkdtempSync(join(tmpdir(), "fleet-runner-"));
const blocks = (name: string) => blocksOf(`ci/github/${name}.yml`);
const [deploys, drift, rollback] = ["fleet-deploy", "fleet-drift", "fleet-rollback"].map((name) =>
  blocks(`workflows/${name}`),
);
const block = (of: ReturnType<typeof blocks> | undefined, part: string) => {
  const found = of?.find(({ run }) => run.includes(part));
  if (!found) throw new Error(`no step with ${part}`);
  return found;
};

/** Runs a step; returns what it printed. */
async function ran(step: Block, code = 0): Promise<string> {
  const { text, ...ended } = await job.run(step);
  expect([ended.code, text]).toEqual([code, expect.any(String)]);
  return text;
}

beforeAll(async () => {
  const lua = 'Handlers.add("Greet", function(msg) ao.send({ Target = msg.From, Data = "hello" }) end)\n';
  project = await newProject("workflows", { "index.ts": program("hi"), "greeter.lua": lua });
  const wallet = project.text(".fleet/dev-wallet.json");
  // A clone has neither the dev stack's files nor a wallet.
  for (const file of ["Pulumi.dev.yaml", ".fleet/dev-wallet.json"]) rmSync(join(project.dir, file));
  const made = await project.pulumi(["stack", "init", "staging"]);
  if (made.code !== 0) throw new Error(made.text);
  job = new FakeJob(
    project.dir,
    temp,
    // Neither a wallet nor a passphrase: the action provides both.
    { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", NO_COLOR: "1", CI: "true" },
    {
      "inputs.stack": "staging",
      "inputs.wallet": wallet,
      "inputs.passphrase": "only a test",
      "secrets.PULUMI_BACKEND_URL": project.backend,
    },
  );
}, 120_000);
afterAll(async () => {
  await project?.close();
  rmSync(temp, { recursive: true, force: true });
});

/** One story, in order. */
test("the action installs the packages, and gives the steps the stack, its passphrase and its wallet", async () => {
  project.write(
    "package-lock.json",
    JSON.stringify({ name: "workflows", lockfileVersion: 3, packages: { "": { name: "workflows" } } }),
  );
  for (const each of blocks("actions/fleet/action")) {
    await ran(each);
    // The project of this test has the repository itself as its package, which npm ci removes.
    if (each.run === "npm ci") link(project.dir);
  }
  const env = readFileSync(join(temp, "env"), "utf8");
  expect(env).toContain("PULUMI_STACK=staging");
  expect(env).not.toContain("only a test");
}, 120_000);

test("the steps of the deployment deploy the stack and validate it", async () => {
  const [doctor, up, validate] = ["fleet doctor", "fleet deploy", "fleet validate"].map((part) =>
    block(deploys, part),
  );
  if (!doctor || !up || !validate) throw new Error("a step is missing");
  await ran(doctor);
  expect(await ran(up)).toContain("Deployed in");
  await ran(validate);
}, 240_000);

test("the watch for drift passes, and names a change with exit code 3 in the job's summary", async () => {
  const watch = block(drift, "fleet preview");
  await ran(watch);
  expect(readFileSync(join(temp, "summary"), "utf8")).toContain("No changes");
  project.write("index.ts", program("hello"));
  await ran(watch, 3);
  expect(readFileSync(join(temp, "summary"), "utf8")).toContain("**Code of `greeter`**: `2.0.0`");
}, 240_000);

test("the preview of a pull request writes the plan into the file that the comment is made from", async () => {
  await ran(block(blocks("workflows/fleet-preview"), "fleet preview"));
  const plan = readFileSync(join(temp, "plan.md"), "utf8");
  expect(plan.split("\n")[0]).toBe("<!-- ao-fleet preview workflows/staging -->");
  expect(plan).toContain("**Cost**, at least: 1 load");
}, 120_000);

test("the button shows the history and asks for the rollback that its inputs name; they are no part of the script", async () => {
  await ran(block(rollback, "fleet history"));
  Object.assign(job.values, {
    "inputs.to": "1",
    "inputs.reason": `"; touch ${join(temp, "injected")}; echo "`,
    "inputs.dry-run && '--dry-run' || '--yes'": "--dry-run",
  });
  // The stack has one release, to which there is nothing to return; that answer shows that the command got its inputs.
  expect(await ran(block(rollback, "fleet rollback"), 1)).toContain("[ALREADY_RUNNING]");
  expect(existsSync(join(temp, "injected"))).toBe(false);
}, 240_000);

function link(dir: string): void {
  const repository = resolve(".");
  rmSync(join(dir, "node_modules"), { recursive: true, force: true });
  mkdirSync(join(dir, "node_modules"));
  symlinkSync(repository, join(dir, "node_modules", "ao-fleet"));
  for (const entry of ["@pulumi", ".bin"])
    symlinkSync(join(repository, "node_modules", entry), join(dir, "node_modules", entry));
}
