/**
 * What a program changes outside of its memory: the loader keeps files, descriptors and a clock in JavaScript. A compute unit loads each memory
 * into a new instance, so that none of it is left for the next message or seen by another process.
 */

/** System calls that change nothing there. */
const READS: ReadonlySet<string> = new Set([
  "__syscall_faccessat",
  "__syscall_fstat64",
  "__syscall_getcwd",
  "__syscall_ioctl",
  "__syscall_lstat64",
  "__syscall_newfstatat",
  "__syscall_readlinkat",
  "__syscall_stat64",
]);

type Call = (...parameters: unknown[]) => unknown;

/**
 * The imports of an image, watched.
 *
 * @param changed called when files or descriptors are no longer those of a new instance
 */
export function watched(imports: WebAssembly.Imports, changed: () => void): WebAssembly.Imports {
  return Object.fromEntries(
    Object.entries(imports).map(([room, members]) => [
      room,
      Object.fromEntries(
        Object.entries(members).map(([name, member]) => [name, watch(name, member, changed)]),
      ),
    ]),
  );
}

/** Calls of the images' `FILE` functions on descriptors, by which a compute unit serves Arweave's data. Opening fails without them. */
const WEAVE_DRIVE = /^__asyncjs__weavedrive_(?:read|close)$/;

function watch(name: string, member: unknown, changed: () => void): unknown {
  // The loader would reject a promise that nobody awaits, which ends the thread.
  if (WEAVE_DRIVE.test(name)) return noWeaveDrive;
  // The loader's own would continue to count from evaluation to evaluation, whatever `Date.now` is.
  if (name === "emscripten_get_now") return () => Date.now();
  const isSystemCall = name.startsWith("__syscall_") && !READS.has(name);
  if (typeof member !== "function" || !(isSystemCall || name === "fd_close")) return member;
  return (...parameters: unknown[]) => {
    const result = (member as Call)(...parameters);
    // A system call fails with a negative number, a call of WASI with a positive one.
    const hasFailed = name === "fd_close" ? result !== 0 : Number(result) < 0;
    if (!hasFailed) changed();
    return result;
  };
}

function noWeaveDrive(): never {
  throw new Error("The program used a file through WeaveDrive, which the embedded network does not have");
}

/** A clock that counts calls, as the loader's does, and begins again for each evaluation as in a new instance. */
export class CountingClock {
  readonly #start: number;

  /** Takes over the loader's clock, which counts for the newest instance of the thread. */
  constructor() {
    this.#start = Date.now();
  }

  restart(): void {
    let time = this.#start;
    Date.now = () => time++;
  }
}
