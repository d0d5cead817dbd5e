/** A pulumi that fails to read says nothing about a stack: it is neither empty nor another one. */
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { NetworkRefSchema } from "../../src/ao/network.ts";
import { openFleet } from "../../src/operations/workspace/open-fleet.ts";
import { pulumiRunner, stackName, type Workspace } from "../../src/operations/workspace/workspace.ts";
import { launcherVersion } from "../../src/toolchain/install.ts";
import { cliDir } from "../../src/toolchain/paths.ts";
import { problemsOf } from "../kit/failure.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { fakeCli, script } from "../toolchain/sandbox.ts";
import { fakeAo, fakeFleet, fleet, member, projectFolder } from "./fakes.ts";

const DOWN = 'echo "warning: slow" >&2; echo "error: could not open the backend: token=abc123" >&2; exit 1';
const NO_STACK = "echo \"error: no stack named 'dev' found\" >&2; exit 255";
const host = pulumiRunner(() => {});

let workspace: Workspace;
/** A workspace whose pulumi runs this script; undefined for one that cannot be started. */
const pulumiThat = (body: string | undefined): Workspace => {
  if (body === undefined) return { ...workspace, pulumi: join(workspace.projectDir, "none") };
  script(workspace.pulumi, body);
  return workspace;
};

beforeEach(() => {
  const projectDir = projectFolder();
  const home = temporaryFolder("home");
  const env = { HOME: home, PULUMI_HOME: home, PATH: process.env.PATH };
  const cli = cliDir(launcherVersion(), env);
  fakeCli(cli, launcherVersion());
  workspace = { projectDir, env, pulumi: join(cli, "bin", "pulumi") };
});

describe("the stack of a command", () => {
  test("is not guessed if pulumi does not say which one is selected", async () => {
    // The project has a dev stack, but prod may be selected.
    expect(await problemsOf(stackName(host, pulumiThat(DOWN), undefined))).toEqual([
      {
        code: "STACKS_UNREADABLE",
        what: "Cannot read which stacks this project has.",
        got: "error: could not open the backend: token=[redacted]",
        expected: "an answer from the project's backend, which pulumi asks",
        remedy: expect.stringContaining("npx pulumi stack ls"),
      },
    ]);
    expect(await problemsOf(stackName(host, pulumiThat("echo no JSON"), undefined))).toMatchObject([
      { code: "STACKS_UNREADABLE" },
    ]);
    expect(await problemsOf(stackName(host, pulumiThat(undefined), undefined))).toMatchObject([
      {
        code: "STACKS_UNREADABLE",
        expected: "the pulumi CLI",
        remedy: expect.stringContaining("npx fleet setup"),
      },
    ]);
  });

  test("is dev if there is no other, and the one that is named without asking pulumi", async () => {
    expect(await stackName(host, pulumiThat('echo "[]"'), undefined)).toBe("dev");
    expect(await stackName(host, pulumiThat(DOWN), "org/game/prod")).toBe("prod");
  });
});

describe("the fleet of a stack", () => {
  const at = "http://127.0.0.1:9";
  const units = { gatewayUrl: at, muUrl: at, cuUrl: at, suUrl: at };
  const network = NetworkRefSchema.parse({ kind: "legacy", ...units });
  const open = (body: string | undefined) =>
    openFleet(pulumiThat(body), "dev", {
      ...{ journal: "discard", wallet: false, asksRouter: false, network },
      note: () => {},
    } as const);

  test("is not empty if its state cannot be read", async () => {
    expect(await problemsOf(open(DOWN))).toMatchObject([
      {
        code: "STATE_UNREADABLE",
        what: "Cannot read the state of the stack dev.",
        got: "error: could not open the backend: token=[redacted]",
      },
    ]);
    expect(await problemsOf(open(undefined))).toMatchObject([
      { code: "STATE_UNREADABLE", remedy: expect.stringContaining("npx fleet setup") },
    ]);
  });

  test("is empty if there is no such stack yet", async () => {
    const opened = await open(NO_STACK);
    await opened.close();
    expect(opened.members).toEqual([]);
  });
});

describe("a command whose pulumi cannot read the stack", () => {
  const opened = fakeFleet(
    fakeAo(() => ({ reply: { success: true, status: "ACTIVE", capabilities: [] } })),
    [member("battle")],
  );
  const failing = (code: number) => async () => ({ code, stdout: "", output: "error: the backend is down" });

  test.each([1, 127])(
    "fleet history fails with code %d: it has not read that there are none",
    async (code) => {
      const ran = await fleet(["history", "--no-ledger", "--json"], {
        ...{ cwd: projectFolder(), fleet: opened, pulumi: failing(code) },
      });
      expect([ran.code, ran.json()]).toMatchObject([
        1,
        { success: false, error: { code: "STATE_UNREADABLE" } },
      ]);
    },
  );

  test("fleet history of a stack that does not exist yet is empty", async () => {
    const ran = await fleet(["history", "--no-ledger"], { cwd: projectFolder(), fleet: opened });
    expect(ran).toMatchObject({ code: 0, stdout: "The stack dev has no deployments yet.\n" });
  });

  test("fleet status asks the members themselves who carries the router", async () => {
    const ran = await fleet(["status", "--quick", "--json"], { fleet: opened, pulumi: failing(1) });
    expect(ran.json()).toMatchObject({ processes: [{ name: "battle" }] });
  });
});
