import { parse } from "yaml";
import { z } from "zod";
import { FleetError, type Problem } from "../core/errors.ts";
import { POLICY } from "./alert-book.ts";
import { LimitsSchema } from "./limits.ts";
import { LEVELS, TYPE_NAMES } from "./types.ts";

const minutes = z.number().positive();
const type = z.enum(TYPE_NAMES);

const receiver = {
  /** Its name in output, metrics and `fleet alerts test --receiver`. */
  name: z.string().regex(/^[\w.-]+$/, "letters, digits, dots, hyphens"),
  /** The lowest level that it is notified of. @default WARNING */
  minLevel: z.enum(LEVELS).default("WARNING"),
  /** Only these types. @default all */
  types: z.array(type).optional(),
  /** Whether it is also notified when an alert is resolved. @default true */
  resolved: z.boolean().default(true),
};
/** Addresses of webhooks are secrets: set the name of the environment variable that contains one. */
const address = {
  url: z.url({ protocol: /^https?$/ }).optional(),
  urlEnv: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/, "the name of an environment variable")
    .optional(),
};
const headers = z.record(z.string(), z.string()).default({});

/** A receiver of alerts. */
export const ReceiverSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), ...receiver, ...address, headers }),
  z.strictObject({ kind: z.literal("slack"), ...receiver, ...address }),
  z.strictObject({ kind: z.literal("discord"), ...receiver, ...address }),
  z.strictObject({
    kind: z.literal("pagerduty"),
    ...receiver,
    ...address,
    /** The environment variable with the integration's routing key. */
    routingKeyEnv: z.string().regex(/^[A-Z_][A-Z0-9_]*$/, "the name of an environment variable"),
  }),
]);

export type Receiver = z.output<typeof ReceiverSchema>;

/** `monitoring.yaml`: everything has a default, unknown keys are errors. */
export const SettingsSchema = z.strictObject({
  /** Thresholds. */
  limits: LimitsSchema.prefault({}),
  alerts: z
    .strictObject({
      /** Minimum time between two notifications of one type and source. */
      cooldownMinutes: minutes.default(POLICY.cooldownMs / 60_000),
      /** An alert that is not acknowledged escalates by one level each time this has passed. */
      escalationMinutes: minutes.default(POLICY.escalationMs / 60_000),
      /** How long an alert is kept. */
      retentionHours: minutes.default(POLICY.retentionMs / 3_600_000),
      /** Types that are disabled. */
      off: z.array(type).default([]),
      /** Levels that override the types' own. */
      levels: z.partialRecord(type, z.enum(LEVELS)).default({}),
      /** Whether alerts are also raised in the fleet's ledger (RAISE_ALERT), and acknowledged and resolved there: one signed message per change. */
      ledger: z.boolean().default(false),
    })
    .prefault({}),
  receivers: z.array(ReceiverSchema).default([]),
  /** Maximum reads of the compute unit per minute. @default unlimited on the embedded network, 6 elsewhere */
  readsPerMinute: z.number().positive().optional(),
  retention: z
    .strictObject({
      /** How long readings are kept. */
      readingsHours: z.number().positive().default(168),
    })
    .prefault({}),
});

export type Settings = z.output<typeof SettingsSchema>;

/**
 * Reads and checks settings. Reports all problems, each at its path.
 *
 * @param text the YAML of `monitoring.yaml`; undefined for all defaults
 * @param env the environment that contains the receivers' addresses
 * @throws FleetError SETTINGS_INVALID
 */
export function readSettings(
  text: string | undefined,
  at: string,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  let raw: unknown = {};
  try {
    raw = text === undefined ? {} : (parse(text) ?? {});
  } catch (error) {
    throw invalid([
      {
        what: "The file is not valid YAML.",
        at,
        got: error instanceof Error ? error.message.split("\n")[0] : undefined,
      },
    ]);
  }
  const parsed = SettingsSchema.safeParse(raw);
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) => ({
        what: `${issue.path.join(".") || "The file"}: ${issue.message}`,
        at: `${at}: ${issue.path.join(".") || "(top)"}`,
      })),
    );
  }
  const problems = parsed.data.receivers.flatMap((each, index) => {
    const where = `${at}: receivers.${index}`;
    const missing: { what: string; at: string; expected?: string }[] = [];
    const need = (name: string | undefined) => {
      if (name !== undefined && !env[name])
        missing.push({
          what: `The receiver ${each.name} needs the environment variable ${name}, which is not set.`,
          at: where,
        });
    };
    need(each.urlEnv);
    if (each.kind === "pagerduty") need(each.routingKeyEnv);
    else if ((each.url === undefined) === (each.urlEnv === undefined))
      missing.push({
        what: `The receiver ${each.name} has ${each.url === undefined ? "no address" : "two addresses"}.`,
        at: where,
        expected: "either urlEnv or url",
      });
    return missing;
  });
  const names = parsed.data.receivers.map(({ name }) => name);
  for (const name of new Set(names.filter((each, index) => names.indexOf(each) !== index)))
    problems.push({ what: `Two receivers have the name ${name}.`, at: `${at}: receivers` });
  if (problems.length > 0) throw invalid(problems);
  return parsed.data;
}

function invalid(
  problems: readonly { what: string; at: string; got?: string | undefined; expected?: string }[],
): FleetError {
  const list = problems.map(
    ({ what, at, got, expected }): Problem => ({
      code: "SETTINGS_INVALID",
      what,
      at,
      ...(got === undefined ? {} : { got }),
      ...(expected === undefined ? {} : { expected }),
      remedy:
        "Fix the file; docs/how-to/alerts.md describes every key. Check it with npx fleet alerts rules.",
    }),
  );
  const [first, ...rest] = list;
  if (!first) throw new Error("no problem");
  return new FleetError([first, ...rest]);
}
