/** A state in parts, each small enough for a message: `src/runtime/fleet/export-parts.lua` and `import-parts.lua` are the other side. Pure. */
import { byCodePoint, canonicalJson, sha256 } from "../../core/hash.ts";
import { isExactNumber, parseJson } from "../../core/json.ts";

/** Bytes after which a part ends, and bytes of a table that is not divided. */
const PART_BYTES = 192 * 1024;
const WHOLE_BYTES = 16 * 1024;

/** Names with a meaning in the plain JSON of states, and in lossless JSON (globals, and states with the schema 3): tables with such a key are written as pairs. */
const SPELLED = new Set(["__pairs", "__int", "__float"]);
const SPELLED_LOSSLESS = new Set([...SPELLED, "__bytes", "__bint", "__ref", "__nil"]);

/** `s`: states, `v`: lossless states that leave a process, `g`: globals, `t`: the list of shared tables. */
type Area = "s" | "v" | "g" | "t";
const AREAS: readonly unknown[] = ["s", "v", "g", "t"] satisfies Area[];
const isArea = (value: unknown): value is Area => AREAS.includes(value);

/** The schema of an export whose states are lossless, as globals are: they refer to the same list of shared tables. */
export const LOSSLESS = 3;
/** How a table is written in JSON: as an object, a list, or pairs. */
type Kind = "o" | "a" | "p";

/** The members of a whole export that are not in its parts. */
export interface PartsHeader {
  readonly schema: number;
  readonly stateVersion: string;
  readonly hasGlobals: boolean;
}

/** A part on its way into a process. */
interface Part {
  readonly n: number;
  readonly text: string;
  /** sha256 of the text. */
  readonly digest: string;
  readonly isLast: boolean;
}

/** The running digest after a part: it covers all parts up to it, in their order. */
export const runningDigest = (before: string, digest: string): string => sha256(before + digest);

class Table {
  readonly members: (readonly [key: unknown, value: unknown])[] = [];
}

/** Puts the parts of an export together. */
export class StateParts {
  readonly #tables = new Map<string, Table>();

  /** @throws SyntaxError if the text is no part */
  add(text: string): void {
    const runs = parseJson(text);
    if (!Array.isArray(runs)) throw new SyntaxError("a part is not a list");
    for (const run of runs as unknown[]) {
      const [area, path, put] = Array.isArray(run) ? (run as unknown[]) : [];
      if (!isArea(area) || !Array.isArray(path) || !Array.isArray(put))
        throw new SyntaxError("a part has an unknown run");
      const table = this.#at(area, path);
      for (const pair of put as unknown[]) {
        if (!Array.isArray(pair) || pair.length !== 2) throw new SyntaxError("a part has an unknown member");
        table.members.push([pair[0], pair[1]]);
      }
    }
  }

  #at(area: Area, path: readonly unknown[]): Table {
    const name = area + canonicalJson(path);
    const found = this.#tables.get(name);
    if (found) return found;
    const made = new Table();
    this.#tables.set(name, made);
    if (path.length > 0) this.#at(area, path.slice(0, -1)).members.push([path.at(-1), made]);
    return made;
  }

  /** The whole, as an export in one piece has it. */
  state({ schema, stateVersion, hasGlobals }: PartsHeader): Record<string, unknown> {
    const list = [...this.#at("t", []).members].sort(([a], [b]) => Number(a) - Number(b));
    const tables = list.map(([, value]) => written(value, SPELLED_LOSSLESS));
    const globals = objectOf(this.#at("g", []), SPELLED_LOSSLESS);
    if (schema === LOSSLESS) {
      const states = objectOf(this.#at("v", []), SPELLED_LOSSLESS);
      const packed = numbered(hasGlobals ? { states, globals } : { states }, tables);
      return { schema, stateVersion, ...packed };
    }
    const states = objectOf(this.#at("s", []), SPELLED);
    return { schema, stateVersion, states, ...(hasGlobals ? numbered({ globals }, tables) : {}) };
  }
}

const objectOf = ({ members }: Table, spelled: ReadonlySet<string>): Record<string, unknown> =>
  Object.fromEntries(members.map(([key, value]) => [String(key), written(value, spelled)]));

/** A table as the process' own library writes it in one piece. */
function written(value: unknown, spelled: ReadonlySet<string>): unknown {
  if (!(value instanceof Table)) return value;
  const { members } = value;
  const keys = new Set(members.map(([key]) => key));
  if (members.every((_, i) => keys.has(i + 1))) {
    const byKey = new Map(members);
    return members.map((_, i) => written(byKey.get(i + 1), spelled));
  }
  if (members.every(([key]) => typeof key === "string" && !spelled.has(key))) return objectOf(value, spelled);
  const pairs = members.map(([key, each]) => [key, written(each, spelled)] as const);
  const order = new Map(pairs.map((pair) => [pair, canonicalJson(pair[0])]));
  return { __pairs: pairs.sort((a, b) => byCodePoint(order.get(a) ?? "", order.get(b) ?? "")) };
}

/** The shared tables in the order in which states and globals refer to them, so that equal states have equal text. */
function numbered(roots: Readonly<Record<string, unknown>>, tables: readonly unknown[]) {
  const ids = new Map<number, number>();
  const queue: number[] = [];
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (!isObject(value)) return value;
    if (typeof value.__ref === "number") {
      const known = ids.get(value.__ref) ?? queue.push(value.__ref);
      ids.set(value.__ref, known);
      return { __ref: known };
    }
    if (Array.isArray(value.__pairs))
      return { __pairs: value.__pairs.map(([key, each]) => [key, visit(each)]) };
    const names = Object.keys(value).sort(byCodePoint);
    return Object.fromEntries(names.map((name) => [name, visit(value[name])]));
  };
  const packed = Object.fromEntries(Object.entries(roots).map(([name, value]) => [name, visit(value)]));
  const list: unknown[] = [];
  for (let at = 0; at < queue.length; at++) list.push(visit(tables[(queue[at] ?? 0) - 1]));
  return { ...packed, tables: list };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isExactNumber(value);

/** The members of a table in JSON, and how it is written; undefined for any other value. */
function membersOf(value: unknown): readonly [Kind, Iterable<readonly [unknown, unknown]>] | undefined {
  if (Array.isArray(value)) return ["a", value.map((each, i) => [i + 1, each] as const)];
  if (!isObject(value)) return undefined;
  if (Array.isArray(value.__pairs)) return ["p", value.__pairs as [unknown, unknown][]];
  return ["o", Object.entries(value)];
}

/** Divides a whole state into parts. */
export function* partsOf(state: Readonly<Record<string, unknown>>): Generator<Part> {
  let runs: string[] = [];
  let bytes = 0;
  let n = 0;
  const taken = (isLast: boolean): Part => {
    const text = `[${runs.join(",")}]`;
    n += 1;
    [runs, bytes] = [[], 0];
    return { n, text, digest: sha256(text), isLast };
  };
  function* table(area: Area, path: readonly unknown[], value: unknown): Generator<Part> {
    const [kind, members] = membersOf(value) ?? ["o", []];
    const head = `"${area}",${canonicalJson(path)}`;
    let put: string[] = [];
    const close = (): void => {
      runs.push(`[${head},[${put.join(",")}],"${kind}"]`);
      bytes += head.length;
      put = [];
    };
    if (path.length > 0) close();
    for (const [key, each] of members) {
      const text = canonicalJson(each);
      const size = Buffer.byteLength(text);
      if (size > WHOLE_BYTES && membersOf(each) !== undefined) {
        if (put.length > 0) close();
        yield* table(area, [...path, key], each);
        continue;
      }
      put.push(`[${canonicalJson(key)},${text}]`);
      bytes += size + 16;
      if (bytes < PART_BYTES) continue;
      close();
      yield taken(false);
    }
    if (put.length > 0) close();
  }
  yield* table("s", [], state.states);
  if (state.globals !== undefined) yield* table("g", [], state.globals);
  if (state.tables !== undefined) yield* table("t", [], state.tables);
  yield taken(true);
}
