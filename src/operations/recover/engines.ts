/** Finds Pulumi's operating-system processes on this machine: engines, and what they started. */
import { realpathSync } from "node:fs";
import { connect } from "node:net";
import { sep } from "node:path";
import {
  allProcesses,
  ancestorNamed,
  argumentsOf,
  environmentOf,
  folderOf,
  parentOf,
  programOf,
} from "../../core/processes.ts";
import { backendFolder } from "../../toolchain/backend.ts";

/** Processes that an engine starts in a project's folder, by their command lines. */
const STARTED: readonly (readonly [what: string, path: RegExp])[] = [
  ["provider", /[\\/]cmd[\\/]dynamic-provider([\\/]|$)/],
  ["shell of a provider", /[\\/]pulumi-resource-pulumi-nodejs$/],
  ["language host", /[\\/]pulumi-language-nodejs$/],
  ["program", /[\\/]@pulumi[\\/]pulumi[\\/]cmd[\\/]run([\\/]|$)/],
];

/** A process that outlived the engine that started it. */
export interface Orphan {
  readonly pid: number;
  /** `provider`, `language host`, … */
  readonly what: string;
}

/**
 * The pid of a `pulumi` that works in a project's folder or on its backend; undefined if there is none.
 *
 * @param backend the folder of a file backend; if undefined, only the project's folder counts
 */
export function engineOf(projectDir: string, backend: string | undefined): number | undefined {
  const isOurs = (pid: number) =>
    isWithin(pid, projectDir) || (backend !== undefined && backendOf(pid) === backend);
  return allProcesses().find((pid) => programOf(pid) === "pulumi" && isOurs(pid));
}

/** The folder of the file backend in a process' environment. */
function backendOf(pid: number): string | undefined {
  const [, url] =
    environmentOf(pid)?.flatMap((entry) => /^PULUMI_BACKEND_URL=(.*)$/s.exec(entry) ?? []) ?? [];
  return backendFolder(url, folderOf(pid) ?? "/");
}

/** The engines among a process' descendants. */
export function enginesUnder(root: number): number[] {
  const isUnder = (pid: number) => {
    let at = parentOf(pid);
    while (at !== undefined && at > 1 && at !== root) at = parentOf(at);
    return at === root;
  };
  return allProcesses().filter((pid) => programOf(pid) === "pulumi" && isUnder(pid));
}

/**
 * Processes that outlived the engine of this project that started them: no `pulumi` is among their ancestors, and nothing listens at the
 * engine's address in their arguments. Needs no lock, so it also finds those of a preview.
 *
 * @param known pids to check on systems where processes cannot be listed
 */
export async function orphansOf(projectDir: string, known: readonly number[]): Promise<Orphan[]> {
  const pids = process.platform === "linux" ? allProcesses() : known;
  const found = await Promise.all(
    pids.map(async (pid): Promise<Orphan[]> => {
      const words = argumentsOf(pid)?.slice(0, 3) ?? [];
      const what = STARTED.find(([, path]) => words.some((word) => path.test(word)))?.[0];
      if (what === undefined || !isWithin(pid, projectDir)) return [];
      if (ancestorNamed(pid, "pulumi") !== undefined || (await hasEngine(pid))) return [];
      return [{ pid, what }];
    }),
  );
  return found.flat();
}

/** Whether a process works in the folder or below it. True if the system does not say. */
function isWithin(pid: number, folder: string): boolean {
  const at = folderOf(pid);
  if (at === undefined) return process.platform !== "linux";
  const real = realpathSync(folder);
  return at === real || at.startsWith(real + sep);
}

/** Whether the process' engine is alive. Its address is an argument of the process, so an engine with another name is found too. */
async function hasEngine(pid: number): Promise<boolean> {
  const ports = (argumentsOf(pid) ?? []).flatMap((word) => /^127\.0\.0\.1:(\d+)$/.exec(word)?.[1] ?? []);
  const answers = await Promise.all(ports.map((port) => isOpen(Number(port))));
  return answers.includes(true);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
    socket.setTimeout(1000, () => end(false));
  });
}
