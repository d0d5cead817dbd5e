import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Bytes per page: the unit in which two memories are compared. */
export const PAGE = 16_384;
const ZERO = Buffer.alloc(PAGE);
/** Pages that are compared at once where nothing is expected. */
const SPAN = 64;
const ZERO_SPAN = Buffer.alloc(SPAN * PAGE);

/** The pages of a memory that differ from another one: page number to content. */
export type Pages = Map<number, Uint8Array>;

/**
 * The pages that differ from `base`. An aos memory is 70 to 145 MB, nearly all of it zeros or equal to the new image,
 * so 1 to 3 MB remain.
 */
export function differingPages(memory: Uint8Array, base: Pages): number[] {
  const view = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
  const expected = new Set([...base.keys()].map((page) => Math.floor(page / SPAN)));
  const pages: number[] = [];
  for (let page = 0, start = 0; start < view.length; page++, start += PAGE) {
    const isSpan = page % SPAN === 0 && start + ZERO_SPAN.length <= view.length;
    if (isSpan && !expected.has(page / SPAN)) {
      const end = start + ZERO_SPAN.length;
      if (view.compare(ZERO_SPAN, 0, ZERO_SPAN.length, start, end) === 0) {
        page += SPAN - 1;
        start = end - PAGE;
        continue;
      }
    }
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

/** The part of a snapshot that stays for several evaluations: compressing it takes longer than most of them. */
export interface Settled {
  readonly pages: Pages;
  /** The pages, compressed. */
  readonly frame: Uint8Array;
}

/** More of a memory is not kept uncompressed between two evaluations. */
const MAX_SETTLED = 64 * 1024 * 1024;
/** Begins a snapshot of two frames; one of version 1 is a single one, and begins as zstd's frames do. */
const MAGIC = 0x3253_4f41;
const HEADER = 16;

/**
 * The snapshot of a memory: its byte length, the settled pages, and those that differ from them.
 *
 * @param dirty the pages that differ from the new image
 * @param before the settled pages of the snapshot before. They are replaced if half of the memory differs from them
 */
export function encodeSnapshot(
  memory: Uint8Array,
  dirty: readonly number[],
  before?: Settled,
): { snapshot: Uint8Array; settled: Settled | undefined } {
  const late = before === undefined ? [] : since(memory, dirty, before.pages);
  const isStill = before !== undefined && late.length * 2 <= dirty.length;
  const settled = isStill ? before : settledOf(copyPages(memory, dirty));
  const frame = isStill ? compressed(copyPages(memory, late)) : Buffer.alloc(0);
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(settled.frame.length, 4);
  header.writeDoubleLE(memory.length, 8);
  const isKept = settled.pages.size * PAGE <= MAX_SETTLED;
  return { snapshot: Buffer.concat([header, settled.frame, frame]), settled: isKept ? settled : undefined };
}

/** The pages whose content is not that of the settled ones, including those that are as in the new image again. */
function since(memory: Uint8Array, dirty: readonly number[], settled: Pages): number[] {
  const view = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
  const late = dirty.filter((page) => !settled.has(page));
  for (const [page, content] of settled) {
    const start = page * PAGE;
    if (view.compare(content, 0, content.length, start, start + content.length) !== 0) late.push(page);
  }
  return late;
}

const settledOf = (pages: Pages): Settled => ({ pages, frame: compressed(pages) });

/** Their number, the numbers, and the contents, as one compressed frame. */
function compressed(pages: Pages): Uint8Array {
  const size = [...pages.values()].reduce((sum, content) => sum + content.length, 0);
  const raw = Buffer.allocUnsafe(4 + pages.size * 4 + size);
  let offset = raw.writeUInt32LE(pages.size, 0);
  for (const page of pages.keys()) offset = raw.writeUInt32LE(page, offset);
  for (const content of pages.values()) {
    raw.set(content, offset);
    offset += content.length;
  }
  // In one piece: small ones take longer.
  const chunkSize = Math.max(64, raw.length);
  return zstdCompressSync(raw, { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

interface Decoded {
  readonly byteLength: number;
  readonly pages: Pages;
  /** Undefined in a snapshot of version 1. */
  readonly settled?: Settled;
}

export function decodeSnapshot(snapshot: Uint8Array): Decoded {
  const view = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
  if (view.readUInt32LE(0) !== MAGIC) return decodeFirst(snapshot);
  const end = HEADER + view.readUInt32LE(4);
  const byteLength = view.readDoubleLE(8);
  const frame = view.subarray(HEADER, end);
  const settled = { pages: decompressed(frame, byteLength), frame };
  const late = view.length === end ? [] : decompressed(view.subarray(end), byteLength);
  return { byteLength, pages: new Map([...settled.pages, ...late]), settled };
}

function decompressed(frame: Uint8Array, byteLength: number): Pages {
  const raw = zstdDecompressSync(frame, { chunkSize: CHUNK });
  return pagesIn(raw, 4, raw.readUInt32LE(0), byteLength);
}

/** Bytes that are decompressed at once: small pieces take longer. */
const CHUNK = 4 * 1024 * 1024;

function pagesIn(raw: Buffer, start: number, count: number, byteLength: number): Pages {
  const pages: Pages = new Map();
  let offset = start + count * 4;
  for (let index = 0; index < count; index++) {
    const page = raw.readUInt32LE(start + index * 4);
    const size = Math.min(PAGE, byteLength - page * PAGE);
    pages.set(page, raw.subarray(offset, offset + size));
    offset += size;
  }
  return pages;
}

/** Version 1: one compressed blob of version, count, byte length, page numbers and pages. */
function decodeFirst(snapshot: Uint8Array): Decoded {
  const raw = zstdDecompressSync(snapshot, { chunkSize: CHUNK });
  if (raw.readUInt32LE(0) !== 1) throw new Error("unknown format of a process memory");
  const byteLength = raw.readDoubleLE(8);
  return { byteLength, pages: pagesIn(raw, HEADER, raw.readUInt32LE(4), byteLength) };
}
