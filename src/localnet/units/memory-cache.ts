import type { Store } from "../store/store.ts";

/** A cache of compressed memories; the least recently used is dropped first. The store has all of them. */
export function memoryCache(store: Pick<Store, "memory">, limitBytes = 128 * 1024 * 1024) {
  const held = new Map<string, Uint8Array>();
  let bytes = 0;

  function keep(process: string, memory: Uint8Array): void {
    bytes += memory.length - (held.get(process)?.length ?? 0);
    held.delete(process);
    held.set(process, memory);
    for (const [oldest, { length }] of held) {
      if (bytes <= limitBytes || held.size === 1) return;
      held.delete(oldest);
      bytes -= length;
    }
  }

  return {
    get(process: string): Uint8Array | null {
      const memory = held.get(process) ?? store.memory(process);
      if (memory) keep(process, memory);
      return memory;
    },
    set: keep,
  };
}
