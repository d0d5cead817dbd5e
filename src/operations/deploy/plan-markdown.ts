/** A plan as Markdown, for a comment on a pull request or a job's summary. Pure. */
import { kB } from "../../bundler/size.ts";
import { amount } from "../../core/amount.ts";
import type { Problem } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { redactText } from "../../core/redact.ts";
import { startOf } from "../../core/unicode.ts";
import type { PlanDetails, PlannedCode, PlannedSettings } from "./plan-details.ts";
import type { Plan } from "./preview.ts";

/** Longest value of a setting that is shown, in characters. */
const MAX_VALUE = 200;
/** GitHub refuses comments of more than 65,536 characters; the rest is for the sentence about what is left out. */
const MAX_TEXT = 64_000;

/** The first line of the text: by it, the comment is found again and updated. */
export const previewMarker = (project: string, stack: string): string =>
  `<!-- ao-fleet preview ${encodeURIComponent(project)}/${encodeURIComponent(stack)} -->`;

/** The plan of a stack. Names and values are code, so that nothing in them is a mention, a link or HTML. */
export function planMarkdown(
  { project, stack, network }: { readonly project: string; readonly stack: string; readonly network: string },
  plan: Plan,
  details: PlanDetails,
): string {
  const parts = [
    `${previewMarker(project, stack)}\n### ao-fleet: plan for ${code(`${project}/${stack}`)} on ${code(network)}`,
    summary(plan),
    ...plan.failures.flatMap(({ member, problems }) =>
      problems.map((problem) => problemText(member, problem)),
    ),
  ];
  if (plan.status === "succeeded" && plan.steps.length > 0) {
    parts.push(steps(plan), ...details.code.map(codeText), ...settingsText(details.settings));
    parts.push(costText(details, network));
  }
  parts.push(
    list("Reasons", plan.notes),
    list(
      "Warnings",
      plan.warnings.map(({ text }) => text),
    ),
  );
  return fitted(parts.filter((part) => part !== ""));
}

function summary({ status, steps: planned, changes }: Plan): string {
  if (status !== "succeeded") return `**The preview ${STOPPED[status]}.** Nothing was changed.`;
  if (planned.length === 0) return "No changes: everything runs as declared.";
  const count = (op: string, n: number) => `${n} ${op === "same" ? "unchanged" : `to ${op}`}`;
  return Object.entries(changes)
    .filter(([, n]) => n > 0)
    .map(([op, n]) => count(op, n))
    .join(", ");
}

const STOPPED: Readonly<Record<Exclude<Plan["status"], "succeeded">, string>> = {
  failed: "failed",
  locked: "did not run: another run is deploying this stack",
  timeout: "reached its time limit",
  interrupted: "was interrupted",
};

function problemText(
  member: string | undefined,
  { code: id, what, at, got, expected, remedy }: Problem,
): string {
  const lines = [
    `- ${member === undefined ? "" : `${code(member)}: `}${code(what)} [${id}]`,
    ...(at === undefined ? [] : [`  - at: ${code(at)}`]),
    ...(got === undefined ? [] : [`  - got: ${code(got)}`]),
    ...(expected === undefined ? [] : [`  - expected: ${code(expected)}`]),
    `  - fix: ${code(remedy)}`,
  ];
  return lines.join("\n");
}

const steps = ({ steps: planned }: Plan): string =>
  tableOf(
    ["step", "resource", "name", "differs"],
    planned.map(({ op, kind, name, differs }) => [op, kind, cell(name), differs.map(cell).join(", ")]),
  );

function codeText({ member, before, after, newProcess, modules }: PlannedCode): string {
  const version = ({ version, sourceHash }: { version: string; sourceHash: string }) =>
    `${code(version)} (${code(sourceHash.slice(0, 8))})`;
  const from = before === undefined ? "" : `${version(before)} → `;
  const how = newProcess ? "in a new process" : "loaded in place";
  const head = `**Code of ${code(member)}**: ${from}${version(after)}, ${kB(after.bytes)}, ${how}`;
  if (before === undefined) return `${head}, ${amount(modules.length, "module")}`;
  if (modules.length === 0) return head;
  return `${head}\n\n${tableOf(
    ["module", "change"],
    modules.map(({ name, change }) => [cell(name), change]),
  )}`;
}

function settingsText(settings: readonly PlannedSettings[]): string[] {
  if (settings.length === 0) return [];
  const rows = settings.flatMap(({ member, configType, fields }) =>
    fields.map(({ field, before, after }) => [
      cell(member),
      cell(`${configType}.${field}`),
      before === undefined ? "unset" : cell(shortened(before)),
      after === undefined ? "unset" : cell(shortened(after)),
    ]),
  );
  return [`**Settings**\n\n${tableOf(["process", "setting", "now", "after"], rows)}`];
}

function costText({ cost }: PlanDetails, network: string): string {
  const { spawns, loads, bytes, settings, wirings } = cost;
  const sent = [
    spawns > 0 ? amount(spawns, "process spawned", "processes spawned") : "",
    loads > 0 ? `${amount(loads, "load")} (${kB(bytes)})` : "",
    settings > 0 ? amount(settings, "message with settings", "messages with settings") : "",
    wirings > 0 ? amount(wirings, "wiring") : "",
  ].filter((part) => part !== "");
  if (sent.length === 0) return "";
  const kept = network === "local" ? "" : " They are permanent.";
  return `**Cost**, at least: ${sent.join(", ")}.${kept} The ledger, the router and health checks get further messages.`;
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  return [
    `<details><summary>${title}</summary>`,
    "",
    ...items.map((item) => `- ${code(item)}`),
    "",
    "</details>",
  ].join("\n");
}

/** Whole parts, as many as fit. */
function fitted(parts: readonly string[]): string {
  const kept: string[] = [];
  let length = 0;
  for (const part of parts) {
    length += part.length + 2;
    if (length > MAX_TEXT) {
      kept.push(
        `${amount(parts.length - kept.length, "part")} left out: the text is too long for a comment.`,
      );
      break;
    }
    kept.push(part);
  }
  return `${kept.join("\n\n")}\n`;
}

const shortened = (value: string): string =>
  value.length > MAX_VALUE ? `${startOf(value, MAX_VALUE)}… (${value.length} characters)` : value;

/** Text as inline code: a fence that is longer than every run of backticks in it. */
function code(text: string): string {
  const shown = printable(redactText(text).replace(/\s*\n\s*/g, " "));
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const space = /^`|`$|^$|^ | $/.test(shown) ? " " : "";
  return `${fence}${space}${shown}${space}${fence}`;
}

/** The same in a table, where a bar ends the cell even in code. */
const cell = (text: string): string => code(text).replaceAll("|", "\\|");

const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
