import { printableLines } from "./printable.ts";
import { redactText } from "./redact.ts";

/** One thing that a person can fix: what went wrong in the user's terms, what was found, what was expected and what to do. */
export interface Problem {
  /** Stable, greppable, upper snake case: `WALLET_MISSING`. Never renamed once released. */
  readonly code: string;
  /** One sentence in the user's terms that names the object. */
  readonly what: string;
  /** The offending value as found. Never a secret. */
  readonly got?: string;
  /** What would have been accepted. */
  readonly expected?: string;
  /** The next step, imperative. */
  readonly remedy: string;
  /** Where: a path in a declaration (`processes.battle.health.timeoutSeconds`) or `file:line:column`. */
  readonly at?: string;
}

/**
 * The one error class for what a person can fix, with all problems at once. Anything else that is thrown is a bug and keeps its stack.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { FleetError } from "ao-fleet";
 *
 * const price = new pulumi.Config().getNumber("price") ?? 0;
 * if (price <= 0)
 *   throw new FleetError({
 *     code: "PRICE_INVALID",
 *     what: "Invalid price for the shop.",
 *     got: `${price}`,
 *     expected: "a number above 0",
 *     remedy: "pulumi config set price <number>",
 *   });
 * ```
 */
export class FleetError extends Error {
  readonly problems: readonly [Problem, ...Problem[]];
  /** True when a retry can succeed without any change. */
  readonly transient: boolean;
  /** True for a failure of this machine, such as a full disk, or of what it was set to ask: it says nothing about a process. */
  readonly isLocal: boolean;

  constructor(
    problems: Problem | readonly [Problem, ...Problem[]],
    options: { cause?: unknown; transient?: boolean; isLocal?: boolean } = {},
  ) {
    const list = (Array.isArray(problems) ? problems : [problems]) as readonly [Problem, ...Problem[]];
    super(formatProblems(list), options.cause === undefined ? {} : { cause: options.cause });
    this.name = "FleetError";
    // A stack trace does not help the person who can fix the problem, and Pulumi prints the stack of whatever a provider throws.
    this.stack = "";
    this.problems = list;
    this.transient = options.transient ?? false;
    this.isLocal = options.isLocal ?? false;
  }

  get code(): string {
    return this.problems[0].code;
  }
}

/** For `catch`: a value in the place of a FleetError, if codes are named only of these. Any other error is thrown. */
export const tolerate =
  <T>(value: T, ...codes: readonly string[]) =>
  (error: unknown): T => {
    if (error instanceof FleetError && (codes.length === 0 || codes.includes(error.code))) return value;
    throw error;
  };

/** Throws one error with all problems, if there are any. */
export function throwAll(problems: readonly Problem[]): void {
  const [first, ...rest] = problems;
  if (first) throw new FleetError([first, ...rest]);
}

/** Where the value of a field begins, and so the further lines of a field: text from a process cannot look like a field or a problem. */
const INDENT = " ".repeat(12);

/**
 * The lines of a problem, readable in a terminal and in a CI log, without control characters and without what looks like a secret: the
 * values may come from the network.
 */
export function problemLines({ what, code, at, got, expected, remedy }: Problem): string[] {
  const [first = "", ...more] = linesOf(what);
  const field = (label: string, value: string | undefined): string[] => {
    if (value === undefined) return [];
    const [head = "", ...rest] = linesOf(value);
    return [`  ${`${label}:`.padEnd(10)}${head}`, ...rest.map(indented)];
  };
  return [
    `${first} [${code}]`,
    ...more.map(indented),
    ...field("at", at),
    ...field("got", got),
    ...field("expected", expected),
    ...field("fix", remedy),
  ];
}

const linesOf = (text: string): string[] => printableLines(redactText(text));
const indented = (line: string): string => (line.startsWith(INDENT) ? line : `${INDENT}${line}`);

/** The lines of a problem as one text. */
export const formatProblem = (problem: Problem): string => problemLines(problem).join("\n");

/** Several problems as one text, which is also the message of their FleetError. */
export const formatProblems = (problems: readonly Problem[]): string =>
  problems.map(formatProblem).join("\n");

/** Stands in a remedy for the name of a process' member, where only the process is known. */
export const MEMBER = "<member>";
