import type { Expression, Statement } from "luaparse";
import { PARENT, SELF } from "./facts.ts";
import { stringValue } from "./parse.ts";
import type { Variable } from "./scope.ts";

/** Ways in which programs cut the last part from their own name to require a sibling. */
const PARENT_PATTERNS = new Set([
  "(.-)[^%.]+$",
  "(.-)[^%.]*$",
  "^(.-)[^%.]+$",
  "(.*%.)",
  "^(.*%.)",
  "(.+%.)",
]);

/** A text that is known without running the program; see `RequireFact.name`. */
export function foldName(
  node: Expression,
  find: (name: string) => Variable | undefined,
  depth = 0,
): string | undefined {
  if (depth > 50) return undefined;
  switch (node.type) {
    case "StringLiteral":
      return stringValue(node.raw);
    case "VarargLiteral":
      return SELF;
    case "Identifier": {
      const kind = find(node.name)?.kind;
      return kind?.is === "text" ? kind.text : undefined;
    }
    case "BinaryExpression": {
      if (node.operator !== "..") return undefined;
      const left = foldName(node.left, find, depth + 1);
      const right = left === undefined ? undefined : foldName(node.right, find, depth + 1);
      return right === undefined ? undefined : `${left}${right}`;
    }
    case "CallExpression": {
      if (node.base.type !== "MemberExpression" || node.base.identifier.name !== "match") return undefined;
      const [pattern] = node.arguments;
      if (node.base.indexer !== ":" || pattern?.type !== "StringLiteral" || node.arguments.length !== 1) {
        return undefined;
      }
      const subject = foldName(node.base.base, find, depth + 1);
      return subject === SELF && PARENT_PATTERNS.has(stringValue(pattern.raw) ?? "") ? PARENT : undefined;
    }
    default:
      return undefined;
  }
}

/** True for a handler pattern that takes every message for itself: `function() return true end`, `{}` and their kin. */
export function isAlways(pattern: Expression): boolean {
  if (pattern.type === "TableConstructorExpression") return pattern.fields.length === 0;
  if (pattern.type !== "FunctionDeclaration" || pattern.body.length !== 1) return false;
  const [only] = pattern.body as [Statement];
  return only.type === "ReturnStatement" && only.arguments.length === 1 && only.arguments.every(isBreak);
}

function isBreak(value: Expression): boolean {
  switch (value.type) {
    case "BooleanLiteral":
      return value.value;
    case "StringLiteral":
      return stringValue(value.raw) === "break";
    case "UnaryExpression":
      return value.operator === "-" && value.argument.type === "NumericLiteral" && value.argument.value > 0;
    default:
      return false;
  }
}
