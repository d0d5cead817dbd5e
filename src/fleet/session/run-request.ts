/** The request for one run: what a command, or a user of plain `pulumi`, passes to the program and its providers. */
import { z } from "zod";
import { type Problem, throwAll } from "../../core/errors.ts";
import { PinSchema } from "../releases/pin.ts";

/** Names in a string, separated by spaces or commas. Pure. */
export const namesIn = (text: string): string[] => text.split(/[\s,]+/).filter((name) => name !== "");

/** An empty variable counts as unset. */
const text = (longest = Number.POSITIVE_INFINITY) =>
  z.codec(z.string(), z.string().optional(), {
    decode: (given) => given.trim().slice(0, longest) || undefined,
    encode: (value) => value ?? "",
  });
const names = z.codec(z.string(), z.array(z.string()), {
  decode: namesIn,
  encode: (value) => value.join(" "),
});
const flag = z.codec(z.enum(["1", "true", "0", "false", ""]), z.boolean(), {
  decode: (given) => given === "1" || given === "true",
  encode: (value) => (value ? "1" : "0"),
});
const number = (value: z.ZodNumber) =>
  z.codec(z.string(), value.optional(), {
    decode: (given) => (given.trim() === "" ? undefined : Number(given)),
    encode: (given) => (given === undefined ? "" : String(given)),
  });
/** Empty: no pin, whatever the stack's settings. */
const pin = z.codec(z.string(), PinSchema.nullable(), {
  decode: (given, context) => {
    if (given === "") return null;
    try {
      return JSON.parse(given);
    } catch (error) {
      context.issues.push({ code: "custom", message: String(error), input: given });
      return z.NEVER;
    }
  },
  encode: (value) => (value === null ? "" : JSON.stringify(value)),
});

/** The request for one run. It is not stored: the next run starts without it. */
const RunRequestSchema = z.object({
  only: names.optional(),
  replace: names.optional(),
  takeOver: flag.optional(),
  withoutBackup: flag.optional(),
  timeoutSeconds: number(z.number().positive()).optional(),
  wallet: text().optional(),
  operator: text(64).optional(),
  deploymentId: text().optional(),
  events: text().optional(),
  adopt: text().optional(),
  pin: pin.optional(),
  manualEpoch: number(z.int().positive()).optional(),
});

/** The request for one run: the parsed environment. */
export type RunRequest = z.output<typeof RunRequestSchema>;

interface Variable {
  readonly name: string;
  /** A valid value, for errors. */
  readonly expected: string;
  /** Its description, as in docs/how-to/configure.md. */
  readonly description: string;
  /** Set by a fleet command, not manually. @default false */
  readonly internal?: true;
  /** @default RUN_VARIABLE_INVALID */
  readonly code?: string;
}

/** The environment variable of each part of a request. */
export const RUN_VARIABLES: Readonly<Record<keyof RunRequest, Variable>> = {
  only: {
    name: "FLEET_ONLY",
    expected: "names of members, separated by spaces or commas",
    description:
      "Deploys these members only; the others stay as they run (`--only`). Wins over the setting `only`",
  },
  replace: {
    name: "FLEET_REPLACE",
    expected: "names of members, separated by spaces or commas",
    description: "Gives these members a new process if theirs is ruined; its state is lost (`--replace`)",
  },
  takeOver: {
    name: "FLEET_TAKE_OVER",
    expected: "1 or 0",
    description:
      "1: takes the fleet over from another operator's run that may still be alive (`--take-over`)",
  },
  withoutBackup: {
    name: "FLEET_WITHOUT_BACKUP",
    expected: "1 or 0",
    description:
      "1: changes code even if the state of a process could not be backed up (`--without-backup`, setting `withoutBackup`)",
  },
  timeoutSeconds: {
    name: "FLEET_TIMEOUT",
    expected: "a number of seconds above 0",
    description: "Seconds for the whole run (`--timeout`). Default: 3,600",
  },
  wallet: {
    name: "FLEET_WALLET",
    expected: "a file",
    description: "File of the deployer's wallet if no setting of the stack names one",
  },
  operator: {
    name: "FLEET_OPERATOR",
    expected: "a name",
    description: "Name of the operator in the public ledger, before a random id; up to 64 characters",
  },
  deploymentId: {
    name: "FLEET_DEPLOYMENT_ID",
    expected: "an id",
    description: "Id of the deployment. Default: a new id",
  },
  events: {
    name: "FLEET_EVENTS",
    expected: "a file",
    description: "File that gets every step and every failure of the run as a line of JSON",
  },
  adopt: {
    name: "FLEET_ADOPT",
    expected: "a file that fleet adopt wrote",
    description: "Processes that are taken over",
    internal: true,
  },
  pin: {
    name: "FLEET_PIN",
    expected: "what fleet rollback writes: a release, members and states as JSON",
    description: "The release that the fleet is built from",
    internal: true,
    code: "PIN_INVALID",
  },
  manualEpoch: {
    name: "FLEET_MANUAL_EPOCH",
    expected: "an integer above 0",
    description: "The epoch of a run that does not ask the coordinator",
    internal: true,
  },
};

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The request in an environment.
 *
 * @throws FleetError RUN_VARIABLE_INVALID, PIN_INVALID with every invalid variable
 */
export function readRunRequest(env: Env = process.env): RunRequest {
  const given = Object.entries(RUN_VARIABLES).flatMap(([part, { name }]) =>
    env[name] === undefined ? [] : [[part, env[name]] as const],
  );
  const parsed = RunRequestSchema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const bad = new Set(parsed.error.issues.map(({ path }) => path[0] as keyof RunRequest));
  throwAll([...bad].map((part) => problemWith(RUN_VARIABLES[part], env)));
  throw parsed.error;
}

/** The file of the run's events, also if another part of the request is invalid. */
export const eventsFile = (env: Env = process.env): string | undefined =>
  env[RUN_VARIABLES.events.name]?.trim() || undefined;

const problemWith = ({ name, expected, code = "RUN_VARIABLE_INVALID" }: Variable, env: Env): Problem => ({
  code,
  what: `Invalid value for the environment variable ${name}.`,
  at: name,
  got: JSON.stringify(env[name]?.slice(0, 120)),
  expected,
  remedy: `Fix it, or run \`unset ${name}\`.`,
});

/** The environment variables of a request, without unset parts. Pure. */
export function runVariables(request: RunRequest): Record<string, string> {
  const encoded: Readonly<Record<string, string | undefined>> = z.encode(RunRequestSchema, request);
  return Object.fromEntries(
    Object.entries(RUN_VARIABLES).flatMap(([part, { name }]) => {
      const value = encoded[part];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
