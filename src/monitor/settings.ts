import { parse } from "yaml";
import { z } from "zod";
import { FleetError, type Problem } from "../core/errors.ts";
import { POLICY } from "./book.ts";
import { LimitsSchema } from "./limits.ts";
import { LEVELS, TYPE_NAMES } from "./types.ts";

const minutes = z.number().positive();
const type = z.enum(TYPE_NAMES);

const receiver = {
  /** Its name in notes, metrics and `fleet alerts test --receiver`. */
  name: z.string().regex(/^[\w.-]+$/, "letters, digits, dots, hyphens"),
  /** Tells it nothing milder. @default WARNING */
  minLevel: z.enum(LEVELS).default("WARNING"),
  /** Only these types. @default all */
  types: z.array(type).optional(),
  /** Also when an alert is over. @default true */
  resolved: z.boolean().default(true),
};
/** Addresses of webhooks are secrets: name the environment variable that holds one. */
const address = {
  url: z.url({ protocol: /^https?$/ }).optional(),
  urlEnv: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/, "the name of an environment variable")
    .optional(),
};
const headers = z.record(z.string(), z.string()).default({});

/** One place that alerts are sent to. */
export const ReceiverSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), ...receiver, ...address, headers }),
  z.strictObject({ kind: z.literal("slack"), ...receiver, ...address }),
  z.strictObject({ kind: z.literal("discord"), ...receiver, ...address }),
  z.strictObject({
    kind: z.literal("pagerduty"),
    ...receiver,
    ...address,
    /** Environment variable with the integration's routing key. */
    routingKeyEnv: z.string().regex(/^[A-Z_][A-Z0-9_]*$/, "the name of an environment variable"),
  }),
]);

export type Receiver = z.output<typeof ReceiverSchema>;

/** `monitoring.yaml`: everything has a default, unknown keys are errors. */
export const SettingsSchema = z.strictObject({
  /** What counts as what. */
  limits: LimitsSchema.prefault({}),
  alerts: z
    .strictObject({
      /** Nobody is told twice of one type and source within it. */
      cooldownMinutes: minutes.default(POLICY.cooldownMs / 60_000),
      /** What nobody acknowledged rises one level each time. */
      escalationMinutes: minutes.default(POLICY.escalationMs / 60_000),
      /** How long an alert is kept. */
      retentionHours: minutes.default(POLICY.retentionMs / 3_600_000),
      /** Types that are not judged at all. */
      off: z.array(type).default([]),
      /** Other levels than the types' own. */
      levels: z.partialRecord(type, z.enum(LEVELS)).default({}),
      /** Also raise in the fleet's ledger (RAISE_ALERT), and acknowledge and resolve there: one signed message for each change. */
      ledger: z.boolean().default(false),
    })
    .prefault({}),
  receivers: z.array(ReceiverSchema).default([]),
  /** Most reads of the compute unit in a minute. @default no bound on the embedded network, 6 elsewhere */
  readsPerMinute: z.number().positive().optional(),
  retention: z
    .strictObject({
      /** How long single readings are kept. */
      readingsHours: z.number().positive().default(168),
    })
    .prefault({}),
});

export type Settings = z.output<typeof SettingsSchema>;

/**
 * Reads and checks settings. Every problem at its path, all at once.
 *
 * @param text the YAML of `monitoring.yaml`; undefined for all defaults
 * @param env where the addresses of receivers are looked up
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
      { what: "It is no YAML.", at, got: error instanceof Error ? error.message.split("\n")[0] : undefined },
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
    problems.push({ what: `Two receivers are called ${name}.`, at: `${at}: receivers` });
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
        "Correct the file; docs/how-to/alerts.md describes every key. Check it with npx fleet alerts rules",
    }),
  );
  const [first, ...rest] = list;
  if (!first) throw new Error("no problem");
  return new FleetError([first, ...rest]);
}
