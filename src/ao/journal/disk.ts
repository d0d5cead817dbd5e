import { mkdir, open, readdir, readFile, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FleetError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { replaceFile, syncFolder } from "../../core/replace-file.ts";
import { reasonOf } from "../errors.ts";

/** Appends lines to one file; acknowledged lines survive a loss of power. */
export interface Appender {
  /**
   * Resolves when the text is on disk. Concurrent calls share one flush.
   *
   * @param written called as soon as the text is on disk, before any other change of the file
   */
  append(text: string, written?: () => void): Promise<void>;
  /**
   * Replaces the file's content atomically.
   *
   * @param content called when every earlier append is on disk and acknowledged, so its result can depend on them
   */
  replace(content: () => string): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param size valid bytes of the file: everything after them is truncated
 * @param assertMine called right before each change of the file; throws if another process may be writing it
 * @throws FleetError `JOURNAL_UNWRITABLE` here and in every call; what `assertMine` throws
 */
export async function openAppender(
  path: string,
  size: number,
  assertMine: () => void = () => {},
): Promise<Appender> {
  let file = await withFileErrorsExplained(path, () => open(path, "a", 0o600));
  let good = size;
  let waiting: { text: string; written: () => void; done: () => void; failed: (error: unknown) => void }[] =
    [];
  let turn: Promise<void> = Promise.resolve();

  /** Runs file operations one at a time. */
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const result = turn.then(task);
    turn = result.then(
      () => {},
      () => {},
    );
    return result;
  };

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    try {
      await withFileErrorsExplained(path, async () => {
        const bytes = Buffer.from(batch.map(({ text }) => text).join(""));
        assertMine();
        try {
          await file.appendFile(bytes);
          await file.datasync();
        } catch (error) {
          // A partial line must not remain: the next line would be appended to it.
          await file.truncate(good).catch(() => {});
          throw error;
        }
        good += bytes.length;
      });
      for (const { written } of batch) written();
      for (const { done } of batch) done();
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
  }

  await withFileErrorsExplained(path, async () => {
    await file.truncate(size);
    await file.sync();
    await syncFolder(dirname(path));
  });

  return {
    append(text, written = () => {}) {
      return new Promise<void>((done, failed) => {
        waiting.push({ text, written, done, failed });
        void inTurn(flush);
      });
    },
    replace(content) {
      return inTurn(() =>
        withFileErrorsExplained(path, async () => {
          const text = content();
          await replaceFile(path, text, { mayReplace: assertMine });
          await file.close();
          file = await open(path, "a", 0o600);
          good = Buffer.byteLength(text);
        }),
      );
    },
    close: () => inTurn(() => file.close()),
  };
}

/** Large bodies as files in one folder, each named by the sha256 of its bytes. */
export interface Blobs {
  /** @returns the name, once the bytes are on disk */
  put(bytes: Uint8Array): Promise<string>;
  /** @throws FleetError `JOURNAL_DAMAGED` if it is missing or its content does not match its name */
  get(name: string): Promise<Uint8Array>;
  /** Removes one, if it exists. */
  drop(name: string): Promise<void>;
  /** Removes all except these. */
  sweep(keep: ReadonlySet<string>): Promise<void>;
}

export function blobsIn(folder: string): Blobs {
  return {
    put: (bytes) =>
      withFileErrorsExplained(folder, async () => {
        const name = sha256(bytes);
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await replaceFile(join(folder, name), bytes);
        await syncFolder(dirname(folder));
        return name;
      }),
    async get(name) {
      const bytes = await readFile(join(folder, name)).catch(() => undefined);
      if (bytes && sha256(bytes) === name) return new Uint8Array(bytes);
      throw new FleetError({
        code: "JOURNAL_DAMAGED",
        what: "The journal has lost a signed message that is not settled yet.",
        got: bytes
          ? `the content of ${join(folder, name)} does not match its name`
          : `no ${join(folder, name)}`,
        expected: "the bytes that were signed",
        remedy: "Restore the file, or remove the journal: the next run finds the fleet on the network.",
      });
    },
    async drop(name) {
      await unlink(join(folder, name)).catch(() => {});
    },
    async sweep(keep) {
      const names = await readdir(folder).catch(() => []);
      await Promise.all(
        names.filter((name) => !keep.has(name)).map((name) => unlink(join(folder, name)).catch(() => {})),
      );
    },
  };
}

/** Turns file system errors into an error with a remedy. */
export async function withFileErrorsExplained<T>(path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof FleetError) throw error;
    const full = (error as NodeJS.ErrnoException).code === "ENOSPC";
    throw new FleetError(
      {
        code: "JOURNAL_UNWRITABLE",
        what: "The journal cannot be written, so nothing else is sent.",
        got: reasonOf(error),
        expected: `a writable folder with free space: ${dirname(path)}`,
        remedy: full
          ? "Free some space and run the command again."
          : "Make the folder writable and run the command again.",
      },
      { cause: error, isLocal: true },
    );
  }
}
