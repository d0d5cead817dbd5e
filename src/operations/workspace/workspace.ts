import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { FleetError } from "../../core/errors.ts";
import { jsonIn } from "../../core/json.ts";
import { startOf } from "../../core/unicode.ts";
import { environment } from "../../toolchain/env.ts";
import { isInstalled, launcherVersion } from "../../toolchain/install.ts";
import { cliDir, type Env } from "../../toolchain/paths.ts";
import { type RunResult, run } from "../../toolchain/run.ts";
import { initStack } from "../../toolchain/stack-init.ts";
import { unreadable } from "./unreadable.ts";

/** A Pulumi project on this machine, and how to run `pulumi` in it. */
export interface Workspace {
  readonly projectDir: string;
  /** The complete environment for `pulumi`. */
  readonly env: Env;
  /** Path of the CLI itself, not of its launcher, so that signals reach it directly. */
  readonly pulumi: string;
}

/** Runs pulumi. */
export interface PulumiRunner {
  /** Runs pulumi once in the project and waits for it to exit. */
  pulumi(workspace: Workspace, args: readonly string[]): Promise<RunResult>;
}

/** @param stack the stack whose passphrase is used. @default dev */
export function workspaceOf(projectDir: string, env: Env, stack?: string): Workspace {
  return {
    projectDir,
    env: { ...env, ...environment(projectDir, env, stack) },
    pulumi: join(cliDir(launcherVersion(), env), "bin", "pulumi"),
  };
}

/** Installs the CLI if it is missing, as `npm start` does. */
export async function ensureCli(workspace: Workspace, log: (line: string) => void): Promise<void> {
  if (isInstalled(launcherVersion(), workspace.env)) return;
  const { setUp } = await import("../../toolchain/setup.ts");
  await setUp(workspace.projectDir, log);
}

/** Runs the pulumi of a workspace. */
export const runPulumi = (
  { projectDir: cwd, env, pulumi }: Workspace,
  args: readonly string[],
): Promise<RunResult> => run(pulumi, [...args, "--non-interactive"], { cwd, env });

/** Runs the pulumi of a workspace, and installs it first if it is missing. @param log receives what the installation does */
export const pulumiRunner = (log: (line: string) => void): PulumiRunner => ({
  async pulumi(workspace, args) {
    await ensureCli(workspace, log);
    return runPulumi(workspace, args);
  },
});

/** The stack's own name, without organization and project. */
const shortName = (name: string): string => name.split("/").at(-1) ?? name;

/**
 * The stack that a command works on: the one named, the one in PULUMI_STACK, the selected one, the only one, or `dev`.
 *
 * @throws FleetError STACK_UNCLEAR, STACKS_UNREADABLE: nothing is guessed if pulumi does not say which stack is selected
 */
export async function stackName(
  host: PulumiRunner,
  workspace: Workspace,
  named: string | undefined,
): Promise<string> {
  const given = named ?? workspace.env.PULUMI_STACK;
  if (given) return shortName(given);
  const stacks = await listStacks(host, workspace);
  const current =
    stacks.find((stack) => stack.current === true) ?? (stacks.length === 1 ? stacks[0] : undefined);
  if (current) return shortName(current.name);
  if (existsSync(join(workspace.projectDir, "Pulumi.dev.yaml"))) return "dev";
  throw new FleetError({
    code: "STACK_UNCLEAR",
    what: "No stack is selected.",
    got: stacks.length > 0 ? `stacks ${stacks.map(({ name }) => name).join(", ")}` : "no stacks",
    expected: "a stack to work on",
    remedy: "Name it: --stack <name>; or select it: npx pulumi stack select <name>",
  });
}

const StacksSchema = z.array(z.looseObject({ name: z.string(), current: z.boolean().optional() }));

/** The stacks of the project in its backend. @throws FleetError STACKS_UNREADABLE */
async function listStacks(host: PulumiRunner, workspace: Workspace): Promise<z.infer<typeof StacksSchema>> {
  const answer = await host.pulumi(workspace, ["stack", "ls", "--json"]);
  const stacks = StacksSchema.safeParse(answer.code === 0 ? jsonIn(answer.stdout) : undefined);
  if (stacks.success) return stacks.data;
  throw unreadable("STACKS_UNREADABLE", "Cannot read which stacks this project has.", answer);
}

/** A secret of the stack's config, decrypted by pulumi; undefined if that fails. */
export async function secretOf(
  workspace: Workspace,
  stack: string,
  key: string,
): Promise<string | undefined> {
  const answer = await runPulumi(workspace, ["config", "get", key, "--stack", stack]);
  return answer.code === 0 ? answer.stdout : undefined;
}

/**
 * The stack for Pulumi's Automation API. Creates it if only its settings file exists, and does *not* select it:
 * a `fleet deploy --stack prod` must not make prod the stack of the next bare `pulumi up`.
 *
 * @throws FleetError STACK_UNKNOWN, STACK_NOT_MADE, STACKS_UNREADABLE
 */
export async function openStack(workspace: Workspace, name: string): Promise<Stack> {
  const { LocalWorkspace, PulumiCommand, Stack } = await import("@pulumi/pulumi/automation/index.js");
  const root = cliDir(launcherVersion(), workspace.env);
  const envVars = definedOnly(workspace.env);
  const [pulumiCommand] = await Promise.all([PulumiCommand.get({ root }), ensureStack(workspace, name)]);
  const local = await LocalWorkspace.create({ workDir: workspace.projectDir, envVars, pulumiCommand });
  local.selectStack = async () => {};
  return Stack.select(name, local);
}

async function ensureStack(workspace: Workspace, name: string): Promise<void> {
  const stacks = await listStacks(
    pulumiRunner(() => {}),
    workspace,
  );
  if (stacks.some((stack) => shortName(stack.name) === name)) return;
  if (!existsSync(join(workspace.projectDir, `Pulumi.${name}.yaml`))) {
    throw new FleetError({
      code: "STACK_UNKNOWN",
      what: `There is no stack "${name}" and no Pulumi.${name}.yaml.`,
      got: name,
      expected:
        stacks.length > 0 ? `one of ${stacks.map((stack) => shortName(stack.name)).join(", ")}` : "a stack",
      remedy: `Fix the name, or create the stack: npx pulumi stack init ${name}`,
    });
  }
  const options = { cwd: workspace.projectDir, env: workspace.env };
  const made = await initStack(workspace.pulumi, name, options, ["--no-select"]);
  if (made.code === 0) return;
  throw new FleetError({
    code: "STACK_NOT_MADE",
    what: `Cannot create the stack ${name}.`,
    got: startOf(made.output, 500),
    expected: "a new stack in the project's backend",
    remedy: "Read pulumi's output; npx fleet doctor checks this machine.",
  });
}

/** The environment without variables that are undefined. */
export function definedOnly(env: Env): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
