import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Bytes per page: the unit in which two memories are compared. */
export const PAGE = 16_384;
const ZERO = Buffer.alloc(PAGE);

/** The pages of a memory that differ from another one: page number to content. */
export type Pages = Map<number, Uint8Array>;

/**
 * The pages that differ from `base`. An aos memory is 70 to 145 MB, nearly all of it zeros or equal to the new image,
 * so 1 to 3 MB remain.
 */
export function differingPages(memory: Uint8Array, base: Pages): number[] {
  const view = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
  const pages: number[] = [];
  for (let page = 0, start = 0; start < view.length; page++, start += PAGE) {
    const end = Math.min(start + PAGE, view.length);
    if (view.compare(base.get(page) ?? ZERO, 0, end - start, start, end) !== 0) pages.push(page);
  }
  return pages;
}

export function copyPages(memory: Uint8Array, numbers: readonly number[]): Pages {
  return new Map(numbers.map((page) => [page, memory.slice(page * PAGE, (page + 1) * PAGE)]));
}

/** Makes `memory` equal to `base` overlaid with `pages`, given that it differs from `base` only in `dirty`. */
export function restore(memory: Uint8Array, base: Pages, dirty: Iterable<number>, pages: Pages): void {
  for (const page of dirty) {
    if (!pages.has(page))
      memory.set(base.get(page) ?? ZERO.subarray(0, memory.length - page * PAGE), page * PAGE);
  }
  for (const [page, content] of pages) memory.set(content, page * PAGE);
}

const HEADER = 16;

/** One compressed blob: byte length of the whole memory, page numbers, pages. */
export function encodeSnapshot(byteLength: number, pages: Pages): Uint8Array {
  const contents = [...pages.values()];
  const size = contents.reduce((sum, content) => sum + content.length, 0);
  const blob = Buffer.alloc(HEADER + pages.size * 4 + size);
  blob.writeUInt32LE(1, 0);
  blob.writeUInt32LE(pages.size, 4);
  blob.writeDoubleLE(byteLength, 8);
  let offset = HEADER;
  for (const page of pages.keys()) offset = blob.writeUInt32LE(page, offset);
  for (const content of contents) {
    blob.set(content, offset);
    offset += content.length;
  }
  return zstdCompressSync(blob, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

export function decodeSnapshot(snapshot: Uint8Array): { byteLength: number; pages: Pages } {
  const blob = zstdDecompressSync(snapshot);
  if (blob.readUInt32LE(0) !== 1) throw new Error("unknown format of a process memory");
  const count = blob.readUInt32LE(4);
  const byteLength = blob.readDoubleLE(8);
  const pages: Pages = new Map();
  let offset = HEADER + count * 4;
  for (let index = 0; index < count; index++) {
    const page = blob.readUInt32LE(HEADER + index * 4);
    const size = Math.min(PAGE, byteLength - page * PAGE);
    pages.set(page, blob.subarray(offset, offset + size));
    offset += size;
  }
  return { byteLength, pages };
}
