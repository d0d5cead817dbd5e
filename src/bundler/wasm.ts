/** Facts about a WebAssembly binary. */
interface WasmFacts {
  /** Whether its memory has 64-bit addresses. */
  readonly is64: boolean;
  /** Names that it exports. */
  readonly exports: readonly string[];
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const IMPORTS = 2;
const MEMORIES = 5;
const EXPORTS = 7;
/** In the limits of a memory (memory64 proposal). */
const HAS_MAXIMUM = 1;
const IS_64 = 4;

/**
 * Reads the sections with a module's memory and exports. Nothing is compiled, so any Node version can do it for any image.
 * (WebAssembly core specification, binary format; memory64 proposal.)
 *
 * @returns undefined if the bytes are not a WebAssembly module of version 1, or are truncated
 */
export function readWasm(bytes: Uint8Array): WasmFacts | undefined {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) return undefined;
  try {
    return factsIn(new Reader(bytes, MAGIC.length));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function factsIn(reader: Reader): WasmFacts {
  const exports: string[] = [];
  let is64 = false;
  while (!reader.atEnd) {
    const section = reader.byte();
    const part = reader.part(reader.number());
    if (section === IMPORTS) is64 ||= importsMemory64(part);
    if (section === MEMORIES)
      for (let count = part.number(); count > 0; count -= 1) is64 = isMemory64(part) || is64;
    if (section === EXPORTS) {
      for (let count = part.number(); count > 0; count -= 1) {
        exports.push(part.text());
        part.byte();
        part.number();
      }
    }
  }
  return { is64, exports };
}

function importsMemory64(part: Reader): boolean {
  let found = false;
  for (let count = part.number(); count > 0; count -= 1) {
    part.text();
    part.text();
    const kind = part.byte();
    if (kind === 0) part.number();
    else if (kind === 1) {
      part.byte();
      isMemory64(part);
    } else if (kind === 2) found = isMemory64(part) || found;
    else if (kind === 3) part.skip(2);
    else if (kind === 4) {
      part.byte();
      part.number();
    } else throw new RangeError(`an import of the unknown kind ${kind}`);
  }
  return found;
}

/** Reads limits; returns whether the memory has 64-bit addresses. */
function isMemory64(part: Reader): boolean {
  const flags = part.byte();
  part.number();
  if ((flags & HAS_MAXIMUM) !== 0) part.number();
  return (flags & IS_64) !== 0;
}

class Reader {
  private readonly bytes: Uint8Array;
  private at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw new RangeError("the bytes end too early");
    this.at += 1;
    return value;
  }

  /** An unsigned LEB128 number. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  skip(count: number): void {
    this.part(count);
  }

  part(length: number): Reader {
    if (this.at + length > this.bytes.length) throw new RangeError("the bytes end too early");
    const part = new Reader(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return part;
  }

  text(): string {
    const { bytes } = this.part(this.number());
    return new TextDecoder().decode(bytes);
  }
}
