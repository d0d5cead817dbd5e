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
  /** True for a failure of this machine, such as a full disk: it says nothing about a process. */
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

/** Throws one error with all problems, if there are any. */
export function throwAll(problems: readonly Problem[]): void {
  const [first, ...rest] = problems;
  if (first) throw new FleetError([first, ...rest]);
}

/** Several lines, readable in a terminal and in a CI log. */
export function formatProblem(problem: Problem): string {
  const lines = [`${problem.what} [${problem.code}]`];
  if (problem.at !== undefined) lines.push(`  at:       ${problem.at}`);
  if (problem.got !== undefined) lines.push(`  got:      ${problem.got}`);
  if (problem.expected !== undefined) lines.push(`  expected: ${problem.expected}`);
  lines.push(`  fix:      ${problem.remedy}`);
  return lines.join("\n");
}

/** Several problems as one text, which is also the message of their FleetError. */
export const formatProblems = (problems: readonly Problem[]): string =>
  problems.map(formatProblem).join("\n");
