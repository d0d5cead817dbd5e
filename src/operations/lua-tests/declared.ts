/** The members that a project's program declares, read without a network and without pulumi. */
import { fork } from "node:child_process";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FleetError } from "../../core/errors.ts";
import { sibling } from "../../core/sibling.ts";
import { startOf } from "../../core/unicode.ts";
import { projectFileIn, settingsIn, stackFileIn, stackFolder } from "../../fleet/session/pulumi-files.ts";

/** A member as declared. */
export interface DeclaredMember {
  /** Of its bundle, which the plan has put into the store. */
  readonly hash: string;
  readonly version: string;
  readonly module: string;
  readonly lib: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** Config type → settings. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The environment variable by which the child process gets it. */
export const PROGRAM_RUN = "FLEET_PROGRAM_RUN";

/** What the child process runs. */
export interface ProgramRun {
  readonly main: string;
  readonly project: string;
  readonly stack: string;
  readonly config: Readonly<Record<string, string>>;
}

const ProjectSchema = z.looseObject({
  name: z.string(),
  main: z.string().default("index.ts"),
  stackConfigDir: z.unknown().optional(),
});
const StackSchema = z.looseObject({ config: z.record(z.string(), z.unknown()).default({}) });

/** Stands for a secret of the stack, which is not decrypted for tests. */
const NO_SECRET = "secret";

/**
 * Runs the project's program without pulumi and without a network, and returns what it declares. Its bundles are in `.fleet/bundles` then, as
 * after a preview.
 *
 * @param stack whose settings it reads; the network is always the embedded one
 * @throws FleetError PROJECT_MISSING, DECLARATION_FAILED
 */
export async function declaredMembers(
  projectDir: string,
  stack: string,
): Promise<ReadonlyMap<string, DeclaredMember>> {
  const file = projectFileIn(projectDir);
  const project = ProjectSchema.safeParse(settingsIn(file, "failsafe"));
  if (file === undefined || !project.success)
    throw new FleetError({
      code: "PROJECT_MISSING",
      what: "A test boots a member of the declaration, and there is no Pulumi project.",
      got: file ?? projectDir,
      expected: "a Pulumi.yaml with the project's name",
      remedy: 'Run the tests in the project, or boot a file: test.boot("counter.lua").',
    });
  const { name, main, stackConfigDir } = project.data;
  const own = settingsIn(stackFileIn(stackFolder(dirname(file), stackConfigDir), stack), "failsafe");
  const values = Object.entries(StackSchema.safeParse(own ?? {}).data?.config ?? {});
  const given = Object.fromEntries(values.map(([key, value]) => [key, textOf(value)]));
  const isOnNode = given[`${name}:network`] === "mainnet";
  const config = {
    ...given,
    [`${name}:network`]: "local",
    ...(isOnNode ? { [`${name}:localProtocol`]: "mainnet" } : {}),
  };
  const entry = /\.[cm]?[jt]s$/.test(main) ? main : join(main, "index.ts");
  return new Map(Object.entries(await runProgram(projectDir, { main: entry, project: name, stack, config })));
}

/** A setting as pulumi passes it to a program. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const isSecret = typeof value === "object" && value !== null && "secure" in value;
  return isSecret ? NO_SECRET : JSON.stringify(value);
}

async function runProgram(cwd: string, run: ProgramRun): Promise<Record<string, DeclaredMember>> {
  const child = fork(fileURLToPath(sibling(import.meta.url, "declared-child")), [], {
    cwd,
    env: { ...process.env, [PROGRAM_RUN]: JSON.stringify(run) },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  let said = "";
  const hear = (text: unknown) => {
    said += String(text);
  };
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", hear);
  const ended = new Promise((done) => child.once("exit", done));
  const answer = await new Promise<{ members?: Record<string, DeclaredMember>; failure?: string }>((done) => {
    child.once("message", (message) => done(message as { failure?: string }));
    child.once("exit", (code) => done({ failure: `it ended with code ${code}\n${said}`.trim() }));
  });
  child.kill("SIGKILL");
  await ended;
  if (answer.members) return answer.members;
  throw new FleetError({
    code: "DECLARATION_FAILED",
    what: `The program ${basename(run.main)} failed, so the members that it declares are not known.`,
    at: run.main,
    got: startOf(answer.failure ?? "", 4000),
    expected: `a program that declares its members with the settings of the stack ${run.stack}`,
    remedy:
      'Fix what it reports; --stack names another stack. Or boot a file, which needs no declaration: test.boot("counter.lua").',
  });
}
