import { z } from "zod";
import { jsonIn, valueAt } from "../core/json.ts";

/**
 * Marks replies as faults, for programs that do not answer like the fleet's library. A rule checks a tag of the reply or a member of
 * its JSON data; without `equals` and `matches` it holds if the value exists and is neither empty nor false.
 */
const FaultRuleSchema = z
  .strictObject({
    /** Name of a tag of the reply. */
    tag: z.string().min(1).max(64).optional(),
    /** A member of its JSON data; `a.b` for a nested one. */
    field: z.string().min(1).max(128).optional(),
    /** The exact value. */
    equals: z.union([z.string().max(256), z.number(), z.boolean()]).optional(),
    /** A pattern for the value, in which `*` matches any text: `*-Error`. */
    matches: z.string().min(1).max(128).optional(),
    /** `fault`: the program failed · `refusal`: it refused the sender, which says nothing about its own work. @default "fault" */
    as: z.enum(["fault", "refusal"]).optional(),
  })
  .refine(({ tag, field }) => (tag === undefined) !== (field === undefined), {
    error: "either `tag` or `field`",
  })
  .refine(({ equals, matches }) => equals === undefined || matches === undefined, {
    error: "`equals` or `matches`, not both",
  });
export type FaultRule = z.infer<typeof FaultRuleSchema>;

export const FaultRulesSchema = z.array(FaultRuleSchema).max(20);

/** Actions of a service that a router forwards for anyone. */
export const RoutedActionsSchema = z.array(z.string().min(1).max(64)).max(200);

/**
 * Codes of the fleet's library that are faults of a revision; any other code is a refusal because of the sender. `npm run docs` writes
 * them for the router.
 */
export const FAULT_CODES = [
  "INTERNAL",
  "TIMEOUT",
  "BAD_REPLY",
  "SERVICE_FAULT",
  "CANCELLED",
  "GONE",
  "BUSY",
  "MEMORY_LIMIT",
] as const;

/** Codes that say how much a process has to do, or that its state is being moved, and not how it answers a request. */
export const LOAD_CODES: readonly string[] = ["BUSY", "MEMORY_LIMIT", "RATE_LIMITED", "DRAINING"];

/** aos' own conventions, if a service declares no rules: a tag `Error`, an action `Error` or `…-Error`, `success: false`. */
const DEFAULT_FAULTS: readonly FaultRule[] = [
  { tag: "Error" },
  { tag: "Action", equals: "Error" },
  { tag: "Action", equals: "Error-Response" },
  { tag: "Action", matches: "*-Error" },
  { field: "success", equals: false },
];

/** A received reply. */
interface Answered {
  readonly tags: Readonly<Record<string, string>>;
  readonly data: string;
}

/**
 * Classifies a reply by the first rule that holds; `src/runtime/fleet/faults.lua` does the same in Lua. Pure.
 *
 * @returns undefined for a reply that is neither
 */
export function faultOf(
  { tags, data }: Answered,
  rules: readonly FaultRule[] = DEFAULT_FAULTS,
): "fault" | "refusal" | undefined {
  const json = jsonIn(data);
  const found = rules.find((rule) => {
    const value = rule.tag !== undefined ? tags[rule.tag] : valueAt(json, (rule.field ?? "").split("."));
    if (rule.equals !== undefined) return value === rule.equals;
    if (rule.matches !== undefined) return typeof value === "string" && matchesGlob(rule.matches, value);
    return value !== undefined && value !== null && value !== false && value !== "";
  });
  return found && (found.as ?? "fault");
}

/** Whether a string matches a pattern in which `*` matches any text. Pure. */
export function matchesGlob(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}
