import type { Chunk, Node } from "luaparse";
import luaparse from "luaparse";
import { LUA } from "./parse.ts";

/** A statement of a source: the line that it starts on, and the lines on which Lua reports that it runs. */
interface StatementLines {
  /** 1-based. */
  readonly line: number;
  readonly runs: readonly number[];
}

/**
 * The statements of a Lua source, by line. A statement over several lines runs on each of them, but for those of functions and blocks in it, which
 * have statements of their own; Lua reports a function's definition at its `end`. Empty for a source with a syntax error.
 */
export function statementLines(source: string): StatementLines[] {
  let chunk: Chunk;
  try {
    chunk = luaparse.parse(source, { ...LUA, locations: true });
  } catch {
    return [];
  }
  const found: StatementLines[] = [];
  visit(chunk, found);
  return found;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";

/** Nodes whose `body` is a list of statements. */
const children = (node: Node): Node[] =>
  Object.entries(node).flatMap(([key, value]) => (key === "loc" ? [] : [value].flat().filter(isNode)));

const span = ({ loc }: Node): [number, number] => [loc?.start.line ?? 0, loc?.end.line ?? 0];

/** Statements that are no code: a label, and a local variable without a value. */
const isSilent = (node: Node): boolean =>
  node.type === "LabelStatement" ||
  (node.type === "LocalStatement" && node.init.length === 0) ||
  node.type === "DoStatement";

function visit(node: Node, found: StatementLines[]): void {
  const body = "body" in node && Array.isArray(node.body) ? (node.body as Node[]) : [];
  for (const statement of body) {
    if (isSilent(statement)) continue;
    const [line, end] = span(statement);
    const inner = innerLines(statement);
    const runs = Array.from({ length: end - line + 1 }, (_, at) => line + at).filter((at) => !inner.has(at));
    found.push({ line, runs });
  }
  for (const child of children(node)) visit(child, found);
}

/** The lines of statements in functions and blocks of a statement. */
function innerLines(statement: Node): Set<number> {
  const lines = new Set<number>();
  const add = (node: Node): void => {
    const body = "body" in node && Array.isArray(node.body) ? (node.body as Node[]) : [];
    for (const each of body) {
      const [start, end] = span(each);
      for (let at = start; at <= end; at++) lines.add(at);
    }
    for (const child of children(node)) add(child);
  };
  add(statement);
  // The first line is the statement's own, also if a function on it has all its statements there.
  lines.delete(span(statement)[0]);
  return lines;
}
