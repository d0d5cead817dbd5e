import type { Expression, Statement } from "luaparse";
import { PARENT, SELF } from "./facts.ts";
import { stringValue } from "./parse.ts";
import type { Variable } from "./scope.ts";

/** Patterns that programs use to drop the last part of their own name and require a sibling. */
const PARENT_PATTERNS = new Set([
  "(.-)[^%.]+$",
  "(.-)[^%.]*$",
  "^(.-)[^%.]+$",
  "(.*%.)",
  "^(.*%.)",
  "(.+%.)",
]);

const LONGEST = 1_000;

/** A string that is known without running the program; see `RequireFact.name`. */
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
      // Repeated doubling must not exhaust the memory; no module's name is that long.
      return right === undefined || (left ?? "").length + right.length > LONGEST
        ? undefined
        : `${left}${right}`;
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

/** True for a handler pattern that matches every message: `function() return true end`, `{}` and the like. */
export function matchesEveryMessage(pattern: Expression): boolean {
  if (pattern.type === "TableConstructorExpression") return pattern.fields.length === 0;
  if (pattern.type !== "FunctionDeclaration" || pattern.body.length !== 1) return false;
  const [only] = pattern.body as [Statement];
  return only.type === "ReturnStatement" && only.arguments.length === 1 && only.arguments.every(isBreak);
}

/**
 * The action that a handler's pattern matches: `"Ping"`, `{ Action = "Ping" }`, `Handlers.utils.hasMatchingTag("Action", "Ping")`, or a
 * function that returns `msg.Action == "Ping"`. Undefined for any other pattern.
 */
export function actionOf(pattern: Expression): string | undefined {
  switch (pattern.type) {
    case "StringLiteral":
      return stringValue(pattern.raw);
    case "TableConstructorExpression": {
      const field = pattern.fields.find(
        (each) => each.type === "TableKeyString" && each.key.name === "Action",
      );
      return field?.value.type === "StringLiteral" ? stringValue(field.value.raw) : undefined;
    }
    case "CallExpression": {
      const [tag, value] = pattern.arguments;
      if (memberPath(pattern.base) !== "Handlers.utils.hasMatchingTag") return undefined;
      if (tag?.type !== "StringLiteral" || stringValue(tag.raw) !== "Action") return undefined;
      return value?.type === "StringLiteral" ? stringValue(value.raw) : undefined;
    }
    case "FunctionDeclaration": {
      const [only, ...more] = pattern.body as Statement[];
      if (only?.type !== "ReturnStatement" || more.length > 0) return undefined;
      const [value] = only.arguments;
      if (value?.type !== "BinaryExpression" || value.operator !== "==") return undefined;
      const [parameter] = pattern.parameters;
      const from = parameter?.type === "Identifier" ? parameter.name : undefined;
      const { left, right } = value;
      const path = memberPath(left);
      if (from === undefined || (path !== `${from}.Action` && path !== `${from}.Tags.Action`))
        return undefined;
      return right.type === "StringLiteral" ? stringValue(right.raw) : undefined;
    }
    default:
      return undefined;
  }
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

/** The leftmost operand of an expression, if it is itself an expression. */
export function leftOf(node: Expression): Expression | undefined {
  switch (node.type) {
    case "UnaryExpression":
      return node.argument;
    case "BinaryExpression":
    case "LogicalExpression":
      return node.left;
    case "MemberExpression":
    case "IndexExpression":
    case "CallExpression":
    case "StringCallExpression":
    case "TableCallExpression":
      return node.base;
    default:
      return undefined;
  }
}

/** `a.b.c` as a string, for chains of at most four plain names. */
export function memberPath(node: Expression, most = 4): string | undefined {
  if (node.type === "Identifier") return node.name;
  if (most === 1 || node.type !== "MemberExpression" || node.indexer !== ".") return undefined;
  const base = memberPath(node.base, most - 1);
  return base === undefined ? undefined : `${base}.${node.identifier.name}`;
}

/** The table of `package` (also via `_G`) that a field belongs to, and its key: the name, or the expression for it. */
export function packageEntryOf(
  node: Expression,
): { readonly table: string; readonly key: string | Expression } | undefined {
  if (node.type !== "IndexExpression" && node.type !== "MemberExpression") return undefined;
  const table = /^(?:_G\.)?package\.(loaded|preload)$/.exec(memberPath(node.base) ?? "")?.[1];
  if (table === undefined) return undefined;
  return { table, key: node.type === "IndexExpression" ? node.index : node.identifier.name };
}
