import { setTimeout as sleep } from "node:timers/promises";
import type { FleetSession, OpenOptions } from "../fleet/fleet-session.ts";
import type { History } from "../fleet/history.ts";
import type * as Localnet from "../localnet/index.ts";
import type { Interrupts } from "../operations/context.ts";
import type { Engine } from "../operations/deploy/engine.ts";
import type { PulumiRunner, Workspace } from "../operations/workspace/workspace.ts";
import type { Env } from "../toolchain/paths.ts";
import { interruptsBySignal } from "./interrupts.ts";
import type { Streams } from "./output.ts";
import { tolerateClosedPipe } from "./pipes.ts";
import type { Choice } from "./questions.ts";
import { shownLine } from "./styled.ts";

/** The effects that commands need. `realHost` is this machine; tests provide fakes. */
export interface Host extends Streams, PulumiRunner {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Whether stdout still has a reader. A command that runs without end stops when it has none. */
  isRead(): boolean;
  readonly env: Env;
  /** The working directory of the call. */
  readonly cwd: string;
  workspace(projectDir: string, stack?: string): Promise<Workspace>;
  stackName(workspace: Workspace, named: string | undefined): Promise<string>;
  openFleet(workspace: Workspace, stack: string, options: OpenOptions): Promise<FleetSession>;
  history(fleet: FleetSession, seconds: number): Promise<History>;
  engine(workspace: Workspace, stack: string, note: (line: string) => void): Promise<Engine>;
  localnet(): Promise<typeof Localnet>;
  /** Asks a person to choose one of several values. @throws Unanswered at Ctrl-C and Ctrl-D */
  choose<T>(question: string, choices: readonly Choice<T>[]): Promise<T>;
  /** Asks a person a yes-or-no question. @throws Unanswered at Ctrl-C and Ctrl-D */
  confirm(question: string): Promise<boolean>;
  /** Requests to end a run. */
  readonly interrupts: Interrupts;
  /** Waits for a number of seconds. */
  pause(seconds: number): Promise<void>;
}

/** The same host, whose questions only show what is in them: names and reasons may come from the network. */
export function withPlainQuestions(host: Host): Host {
  const plain = (choice: Choice<unknown>) => ({
    ...choice,
    name: shownLine(choice.name),
    ...(choice.description === undefined ? {} : { description: shownLine(choice.description) }),
    ...(choice.disabled === undefined ? {} : { disabled: shownLine(choice.disabled) }),
  });
  return {
    ...host,
    choose: <T>(question: string, choices: readonly Choice<T>[]) =>
      host.choose(shownLine(question), choices.map(plain) as Choice<T>[]),
    confirm: (question) => host.confirm(shownLine(question)),
  };
}

/** The host of this machine. Heavy modules are loaded only by the commands that need them, so that the others start quickly. */
export function realHost(): Host {
  const { stdin, stdout, stderr, env } = process;
  const isRead = tolerateClosedPipe(stdout);
  tolerateClosedPipe(stderr);
  const runner = async (): Promise<PulumiRunner> =>
    (await import("../operations/workspace/workspace.ts")).pulumiRunner(
      (line) => void stderr.write(`${shownLine(line)}\n`),
    );
  return {
    stdin,
    isRead,
    stdout,
    stderr,
    env,
    cwd: process.cwd(),
    workspace: async (projectDir, stack) =>
      (await import("../operations/workspace/workspace.ts")).workspaceOf(projectDir, env, stack),
    stackName: async (workspace, named) =>
      (await import("../operations/workspace/workspace.ts")).stackName(await runner(), workspace, named),
    openFleet: async (...input) =>
      (await import("../operations/workspace/open-fleet.ts")).openFleet(...input),
    history: async (...input) => (await import("../fleet/history.ts")).historyOf(...input),
    async engine(workspace, stack, note) {
      const { ensureCli } = await import("../operations/workspace/workspace.ts");
      await ensureCli(workspace, note);
      return (await import("../operations/deploy/engine.ts")).pulumiEngine(workspace, stack);
    },
    localnet: () => import("../localnet/index.ts"),
    pulumi: async (...input) => (await runner()).pulumi(...input),
    choose: async (...input) => (await import("./questions.ts")).choose({ stdin, stderr }, ...input),
    confirm: async (question) => (await import("./questions.ts")).confirm({ stdin, stderr }, question),
    interrupts: interruptsBySignal(stdin.isTTY === true),
    pause: (seconds) => sleep(seconds * 1000),
  };
}
