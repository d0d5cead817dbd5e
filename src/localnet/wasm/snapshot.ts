import { hash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Bytes per page: the unit in which two memories are compared. A WebAssembly memory has no partial page. */
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
  /** Of the frame, by which a thread recognizes pages that it has already decompressed. */
  readonly id: string;
}

/** More of a memory is not kept uncompressed between two evaluations. */
const MAX_SETTLED = 64 * 1024 * 1024;
/**
 * Begins a snapshot of two frames, whose second one is the difference from the first. Version 1 is a single frame, and begins as zstd's
 * frames do.
 */
const MAGIC = 0x3353_4f41;
/** Magic number, length of the first frame, length of the memory; then the id of what is settled. */
const ID_AT = 16;
const ID_BYTES = 16;
const HEADER = ID_AT + ID_BYTES;
/** The memory is settled again when the difference takes more than this part of what is settled. */
const MAX_LATE = 0.25;

/**
 * The snapshot of a memory: its byte length, the settled pages, and the difference from them. Lua's garbage collector marks each object after
 * each message, so most pages differ from those before, but in few bytes.
 *
 * @param dirty the pages that differ from the new image
 * @param before the settled pages of the snapshot before. They are replaced if much of the memory differs from them
 */
export function encodeSnapshot(
  memory: Uint8Array,
  dirty: readonly number[],
  before?: Settled,
): { snapshot: Uint8Array; settled: Settled | undefined } {
  const late = before && mayBeClose(dirty, before) ? difference(memory, dirty, before.pages) : undefined;
  const isStill = before !== undefined && late !== undefined && late.length < before.frame.length * MAX_LATE;
  const settled = isStill ? before : settledOf(copyPages(memory, dirty));
  const frame = isStill ? late : Buffer.alloc(0);
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(settled.frame.length, 4);
  header.writeDoubleLE(memory.length, 8);
  header.write(settled.id, ID_AT, "hex");
  const snapshot = Buffer.concat([header, settled.frame, frame]);
  return { snapshot, settled: isKept(settled) ? settled : undefined };
}

const isKept = ({ pages }: Settled): boolean => pages.size * PAGE <= MAX_SETTLED;

/** Whether comparing is worth it: after a load, there are many more pages. */
const mayBeClose = (dirty: readonly number[], { pages }: Settled): boolean =>
  dirty.filter((page) => !pages.has(page)).length <= pages.size * MAX_LATE;

/**
 * Each page that differs from the settled one, including those that are as in the new image again, combined with it by exclusive or: nearly
 * all zeros, as one compressed frame.
 */
function difference(memory: Uint8Array, dirty: readonly number[], settled: Pages): Uint8Array {
  const view = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
  const numbers = dirty.filter((page) => !settled.has(page));
  for (const [page, content] of settled) {
    const start = page * PAGE;
    if (view.compare(content, 0, content.length, start, start + content.length) !== 0) numbers.push(page);
  }
  const { raw, start } = frameOf(numbers, numbers.length * PAGE);
  let offset = start;
  for (const page of numbers) {
    const content = memory.subarray(page * PAGE, (page + 1) * PAGE);
    raw.set(content, offset);
    const other = settled.get(page);
    if (other !== undefined) combine(raw.subarray(offset, offset + content.length), other);
    offset += content.length;
  }
  return compress(raw.subarray(0, offset), SMALL_CHUNK);
}

/** Combines a piece with another one of its length by exclusive or, in place: four bytes at once where both begin at such a place. */
function combine(piece: Uint8Array, other: Uint8Array): void {
  const isAligned = piece.byteOffset % 4 === 0 && other.byteOffset % 4 === 0;
  const count = isAligned ? Math.floor(piece.length / 4) : 0;
  if (isAligned) {
    const words = new Uint32Array(piece.buffer, piece.byteOffset, count);
    const others = new Uint32Array(other.buffer, other.byteOffset, count);
    for (let i = 0; i < count; i++) words[i] = (words[i] as number) ^ (others[i] as number);
  }
  for (let i = count * 4; i < piece.length; i++) piece[i] = (piece[i] as number) ^ (other[i] as number);
}

function settledOf(pages: Pages): Settled {
  // Copied, as it is kept: the compressor returns a part of a buffer that is as large as its input.
  const frame = Buffer.from(compressed(pages));
  return remembered({ pages, frame, id: idOf(frame) });
}

const idOf = (frame: Uint8Array): string => hash("sha256", frame).slice(0, ID_BYTES * 2);

/** What this thread has decompressed or settled lately, most recent last: a process' pages stay the same for many messages. */
const recent = new Map<string, Settled>();
const MAX_RECENT = 96 * 1024 * 1024;

function remembered(settled: Settled): Settled {
  recent.delete(settled.id);
  if (!isKept(settled)) return settled;
  recent.set(settled.id, settled);
  let bytes = 0;
  for (const { id, pages, frame } of [...recent.values()].reverse()) {
    bytes += pages.size * PAGE + frame.length;
    if (bytes > MAX_RECENT) recent.delete(id);
  }
  return settled;
}

/** Their number, the numbers, and the contents, as one compressed frame. */
function compressed(pages: Pages): Uint8Array {
  const size = [...pages.values()].reduce((sum, content) => sum + content.length, 0);
  const { raw, start } = frameOf([...pages.keys()], size);
  let offset = start;
  for (const content of pages.values()) {
    raw.set(content, offset);
    offset += content.length;
  }
  return compress(raw.subarray(0, offset), Math.max(64, offset));
}

/** Reused: new memory of some megabytes costs as much as compressing it. A larger one is not kept. */
let scratch = Buffer.alloc(0);
const MAX_SCRATCH = 32 * 1024 * 1024;

/** A buffer for a frame, which begins with the numbers of its pages; valid until the next one. */
function frameOf(numbers: readonly number[], size: number): { raw: Buffer; start: number } {
  const start = 4 + numbers.length * 4;
  // Some more: a memory that grows by a page with each message needs no new one each time.
  const wanted = Math.ceil((start + size) * 1.25);
  const raw = scratch.length >= start + size ? scratch : Buffer.alloc(wanted);
  if (raw.length <= MAX_SCRATCH) scratch = raw;
  let offset = raw.writeUInt32LE(numbers.length, 0);
  for (const number of numbers) offset = raw.writeUInt32LE(number, offset);
  return { raw, start };
}

/** What is expected of a difference. */
const SMALL_CHUNK = 256 * 1024;

/** @param chunkSize bytes of output that are expected: many small pieces take longer. */
const compress = (raw: Uint8Array, chunkSize: number): Uint8Array =>
  zstdCompressSync(raw, { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: 1 } });

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
  const id = view.toString("hex", ID_AT, HEADER);
  const settled = recent.get(id) ?? settledIn(view.subarray(HEADER, end), byteLength, id);
  remembered(settled);
  const pages = new Map(settled.pages);
  const late: Pages = view.length === end ? new Map() : decompressed(view.subarray(end), byteLength);
  for (const [page, content] of late) {
    const before = settled.pages.get(page);
    if (before !== undefined) combine(content, before);
    pages.set(page, content);
  }
  return { byteLength, pages, settled };
}

/** Copies what is kept, so that it does not keep larger buffers. */
const settledIn = (frame: Uint8Array, byteLength: number, id: string): Settled => ({
  pages: decompressed(frame, byteLength, true),
  frame: Buffer.from(frame),
  id,
});

function decompressed(frame: Uint8Array, byteLength: number, isKept = false): Pages {
  const found = zstdDecompressSync(frame, { chunkSize: CHUNK });
  const raw = isKept && found.length < CHUNK ? Buffer.from(found) : found;
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
  return { byteLength, pages: pagesIn(raw, ID_AT, raw.readUInt32LE(4), byteLength) };
}
