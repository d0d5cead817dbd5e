import { spawn } from "node:child_process";
import { isAbsolute, resolve } from "node:path";
import { atExit } from "../core/at-exit.ts";
import { FleetError, type Problem } from "../core/errors.ts";

/** A program of the machine that has the key, or gives it: a keychain, a client of a key service. */
export interface WalletCommand {
  /** The program and its arguments. No shell reads them. */
  readonly command: readonly string[];
  /** Time limit of one call. */
  readonly timeoutSeconds: number;
  /** The folder in which it runs, and in which a program with a slash in its name is looked for. @default the working folder */
  readonly folder?: string;
  /** @default `process.env` */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The most bytes that a command may print: a JWK of 4,096 bits has about 3,200. */
const MAX_OUTPUT = 64 * 1024;

/**
 * Variables with which the stack's other secrets could be read, FLEET_ENV because it repeats the passphrase's path; the command gets the rest
 * of the environment.
 */
const WITHHELD = [
  ...["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_ACCESS_TOKEN"],
  "FLEET_ENV",
];

/**
 * Runs a command to its end and returns what it printed on stdout. Nothing that it printed, and none of its arguments, is in an error: both may
 * contain secrets.
 *
 * @param args are added to its own
 * @param input bytes for its stdin. @default none
 * @throws FleetError WALLET_COMMAND_MISSING, WALLET_COMMAND_FAILED, WALLET_COMMAND_TIMEOUT
 */
export function runWalletCommand(
  { command, timeoutSeconds, folder = process.cwd(), env = process.env }: WalletCommand,
  args: readonly string[] = [],
  input: Uint8Array = new Uint8Array(),
): Promise<Buffer> {
  const [given = "", ...words] = command;
  const program = given.includes("/") && !isAbsolute(given) ? resolve(folder, given) : given;
  const open = Object.fromEntries(Object.entries(env).filter(([name]) => !WITHHELD.includes(name)));
  return new Promise((done, failed) => {
    // A group of its own, so that a time-out also ends what the command started.
    const child = spawn(program, [...words, ...args], {
      ...{ cwd: folder, env: open, detached: process.platform !== "win32" },
      stdio: ["pipe", "pipe", "ignore"],
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const drop = atExit(() => end(child.pid));
    const timer = setTimeout(() => stop(slow(given, timeoutSeconds)), timeoutSeconds * 1000);
    const settle = (error?: FleetError) => {
      clearTimeout(timer);
      drop();
      if (error === undefined) done(Buffer.concat(chunks));
      else failed(error);
    };
    const stop = (error: FleetError) => {
      end(child.pid);
      child.stdout.destroy();
      settle(error);
    };
    // It may end without reading its input.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT) stop(failure(given, `more than ${MAX_OUTPUT} bytes on stdout`));
      else chunks.push(chunk);
    });
    child.on("error", (error: NodeJS.ErrnoException) => settle(missing(given, error.code ?? "unknown")));
    child.on("close", (code, signal) =>
      settle(code === 0 ? undefined : failure(given, code === null ? `${signal}` : `exit code ${code}`)),
    );
  });
}

function end(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

const missing = (program: string, got: string) =>
  commandError({
    code: "WALLET_COMMAND_MISSING",
    what: `Cannot start ${program}, the command that the stack's wallet is set to.`,
    got,
    expected: "a program on the PATH, or the path of an executable file, relative to the project",
    remedy: "Install the program, or fix the setting.",
  });

const failure = (program: string, got: string) =>
  commandError({
    code: "WALLET_COMMAND_FAILED",
    what: `${program}, the command that the stack's wallet is set to, failed.`,
    got,
    expected: "exit code 0",
    remedy: "Run it by hand to read its error message, which may contain secrets and is therefore not shown.",
  });

const slow = (program: string, seconds: number) =>
  commandError({
    code: "WALLET_COMMAND_TIMEOUT",
    what: `${program}, the command that the stack's wallet is set to, did not end and was stopped.`,
    got: `no result after ${seconds} s`,
    expected: "a result within timeoutSeconds",
    remedy: "Run it by hand to see what it waits for, or raise timeoutSeconds in the setting.",
  });

/** A failure of this machine: it says nothing about any process. */
const commandError = (problem: Problem): FleetError => new FleetError(problem, { isLocal: true });
