import { dirname, relative, resolve } from "node:path";
import { brief } from "../core/brief.ts";
import { FleetError, type Problem } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { redactText } from "../core/redact.ts";
import { imagesWith } from "./aos-modules.ts";
import { offsetIn } from "./cache.ts";
import type { Facts, Found } from "./facts.ts";
import { labelOf, posix } from "./files.ts";
import type { GraphModule, ProgramRoots } from "./graph-module.ts";
import type { Meant, Resolution } from "./resolve.ts";
import { positionAt } from "./source.ts";
import { openerAt } from "./unclosed.ts";

/** `file:line:column` of something found in a module. */
export function placeOf(module: GraphModule, found: Found): string {
  return placeAt(module, offsetIn(module.text, module.hash, found.order));
}

function placeAt({ text, file }: GraphModule, offset: number): string {
  const { line, column } = positionAt(text, offset);
  return `${file}:${line}:${column}`;
}

/** The reasons why a module does not compile. */
export function compileProblems(module: GraphModule): Problem[] {
  const { facts, file } = module;
  const problems: Problem[] = facts.limits.map((limit) => ({
    code: "LUA_LIMIT",
    what: `Lua cannot compile ${file}: it has ${limit.what}.`,
    expected: "no more than Lua 5.3 allows",
    remedy: "Move part of the function into another one, or keep the values in a table.",
    at: placeOf(module, limit),
  }));
  if (facts.fault) problems.push(syntaxProblem(module, facts.fault));
  return problems;
}

/** A syntax error, with the line that opened an unclosed block. */
function syntaxProblem(module: GraphModule, { message, offset }: NonNullable<Facts["fault"]>): Problem {
  const { text, file } = module;
  const atEnd = text.slice(offset).trim() === "";
  const closer = /^'(end|until|\}|\)|\])' expected/.exec(message)?.[1];
  const opener = closer === undefined ? undefined : openerAt(text, offset);
  const opened = opener && positionAt(text, opener.offset).line;
  return {
    code: "LUA_SYNTAX",
    what: `${file} is not valid Lua 5.3: ${shown(message)}.`,
    got: atEnd ? "the end of the file" : lineAt(text, offset),
    ...(opener === undefined
      ? {}
      : {
          expected: `'${closer}' to close '${opener.word}' at ${file}:${opened}: ${lineAt(text, opener.offset)}`,
        }),
    remedy:
      opener === undefined
        ? "Fix the line, or the one before it if a bracket or an `end` is missing there."
        : `Close the '${opener.word}' in line ${opened}, or a block inside it that its \`${closer}\` closed instead.`,
    at: placeAt(module, offset),
  };
}

/** The source line of something found in a module, trimmed. */
export function lineOf(module: GraphModule, found: Found): string {
  return lineAt(module.text, offsetIn(module.text, module.hash, found.order));
}

function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  return shown(text.slice(start, end === -1 ? undefined : end));
}

/** The most characters of a source in a problem, and the most of a line that are read for it. */
const MOST = 80;
const MOST_READ = 64 * 1024;

/** A part of a source as a problem shows it: the file may be anything, such as a key. */
const shown = (source: string): string =>
  brief(printable(redactText(source.slice(0, MOST_READ).trim())), MOST);

/** A name that resolves to no module, or to a file outside the project. */
export function notFound(
  name: string,
  {
    searched,
    outside,
    meant,
  }: Extract<Resolution, { to: "nothing" }> & { readonly meant?: Meant | undefined },
  from: GraphModule | undefined,
  fact: Found | undefined,
  { root, image }: ProgramRoots,
): Problem {
  const at = from && fact ? placeOf(from, fact) : "include";
  const quoted = JSON.stringify(name);
  if (outside !== undefined) {
    return {
      code: "LUA_MODULE_OUTSIDE",
      what: from
        ? `${from.file} requires ${quoted}, which is outside the project.`
        : `The included module ${quoted} is outside the project.`,
      got: posix(relative(root, outside)),
      expected:
        "a file in the project, in a `search` folder or in a package; symbolic links must not leave them",
      remedy: "Move the file into the project, or add its folder to `search`.",
      at,
    };
  }
  const looked = searched.map((path) => labelOf(path, root, dirname(resolve(path))));
  const others = imagesWith(name);
  return {
    code: "LUA_MODULE_MISSING",
    what: from
      ? `${from.file} requires ${quoted}, which does not exist.`
      : `The included module ${quoted} does not exist.`,
    ...foundInstead(others, meant, { root, image }),
    expected: `one of: ${[...new Set(looked)].join(", ")}`,
    at,
  };
}

/** What there is instead of a missing module, and what to do. */
function foundInstead(
  others: readonly string[],
  meant: Meant | undefined,
  { root, image }: Pick<ProgramRoots, "root" | "image">,
): Pick<Problem, "got" | "remedy"> {
  if (others.length > 0)
    return {
      got: `the image ${image}, which does not contain it`,
      remedy: `Declare a \`module\` that contains it, such as ${others.join(" or ")}, or create the file.`,
    };
  if (meant === undefined)
    return {
      remedy:
        "Create the file, fix the name, add its folder to `search`, or list it in `externals` if the process provides it.",
    };
  if ("module" in meant)
    return {
      got: `${JSON.stringify(meant.module)}, a module of the image ${image}`,
      remedy: `Require ${JSON.stringify(meant.module)} if you mean that one; otherwise create the file, or add its folder to \`search\`.`,
    };
  return {
    got: `${posix(relative(root, meant.file))}, which differs in upper and lower case`,
    remedy: "Use the same case in the name and in the file's path.",
  };
}

/** The entry of a program does not exist. */
export function entryMissing(entry: string, looked: readonly string[]): FleetError {
  return new FleetError({
    code: "LUA_ENTRY_MISSING",
    what: `The Lua program ${JSON.stringify(entry)} does not exist.`,
    expected: `one of: ${looked.join(", ")}`,
    remedy: "Fix the path; it is relative to the project's folder.",
    at: "entry",
  });
}
