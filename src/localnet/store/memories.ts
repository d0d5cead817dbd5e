import type { Sql } from "../../core/sql.ts";
import type { MemoryChange, Store } from "./store.ts";

/** Bytes per row. A message changes little of a memory that takes megabytes, and a row is written whole. */
const BLOCK = 64 * 1024;

/** The memories of processes, in blocks. */
export function memoriesOf({ run, row, rows }: Sql): Pick<Store, "memory"> & {
  save(process: string, change: MemoryChange): void;
} {
  return {
    save(process, { before, after }) {
      const isInBlocks =
        before !== null &&
        row("SELECT 1 AS found FROM memory_blocks WHERE process = ? LIMIT 1", process) !== undefined;
      const earlier = isInBlocks ? before : new Uint8Array();
      const count = Math.ceil(after.length / BLOCK);
      for (let block = 0; block < count; block++) {
        const [start, end] = [block * BLOCK, (block + 1) * BLOCK];
        const bytes = after.subarray(start, end);
        if (Buffer.compare(bytes, earlier.subarray(start, end)) !== 0)
          run(
            "INSERT OR REPLACE INTO memory_blocks (process, block, bytes) VALUES (?, ?, ?)",
            ...[process, block, bytes],
          );
      }
      run("DELETE FROM memory_blocks WHERE process = ? AND block >= ?", process, count);
      if (!isInBlocks) run("DELETE FROM memories WHERE process = ?", process);
    },
    memory(process) {
      const blocks = rows("SELECT bytes FROM memory_blocks WHERE process = ? ORDER BY block", process);
      if (blocks.length > 0) return Buffer.concat(blocks.map(({ bytes }) => bytes as Uint8Array));
      const whole = row("SELECT memory FROM memories WHERE process = ?", process);
      return (whole?.memory as Uint8Array | undefined) ?? null;
    },
  };
}
