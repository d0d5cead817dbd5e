import { resolve } from "node:path";
import { z } from "zod";
import type { WalletSource } from "../../ao/wallet.ts";
import { FleetError } from "../../core/errors.ts";
import { jsonIn } from "../../core/json.ts";
import { readRunRequest } from "./run-request.ts";
import type { StackSettings } from "./session.ts";

export type { WalletSource };

/** Where the settings are read. */
interface Place {
  /** @default `process.env` */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The project's folder, which paths are relative to. @default the working folder of every program and provider */
  readonly folder?: string;
  /** The stack's name, for errors. @default the one that the run is about */
  readonly stack?: string;
}

const timeoutSeconds = z.int().min(1).max(600).default(30);
const command = z.array(z.string().min(1)).min(1);

const SignerSchema = z.strictObject({
  command,
  timeoutSeconds,
  address: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/)
    .optional(),
});
const FromSchema = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ environment: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
  z.strictObject({ command, timeoutSeconds }),
]);

const EXPECTED = {
  signer: '{"command": ["program", "argument", …]}, and if needed "address" and "timeoutSeconds" (1 to 600)',
  walletFrom:
    'one of {"file": "…"}, {"environment": "NAME"} and {"command": ["program", "argument", …], "timeoutSeconds": 30}',
} as const;

/** Settings that name a wallet. One is set; only `wallet` and `walletPath` may be set together. */
export const WALLET_KEYS = ["signer", "walletFrom", "wallet", "walletPath"] as const;

/**
 * The source of the stack's wallet: the signer, else what `walletFrom` names, else the secret `wallet`, else the file of `walletPath` or of
 * the run's request.
 *
 * @throws FleetError WALLET_MISSING if none is configured, WALLET_AMBIGUOUS if several are, WALLET_SETTING_INVALID, RUN_VARIABLE_INVALID
 */
export function walletSource(config: StackSettings, place: Place = {}): WalletSource {
  const { env = process.env, folder = process.cwd(), stack } = place;
  const given = WALLET_KEYS.filter((key) => config.get(key) !== undefined);
  assertOne(given, stack);
  const runs = { folder, env };
  if (given[0] === "signer") return { signer: { ...parsed(config, "signer", SignerSchema, stack), ...runs } };
  if (given[0] === "walletFrom") {
    const from = parsed(config, "walletFrom", FromSchema, stack);
    if ("file" in from) return { path: resolve(folder, from.file) };
    return "command" in from ? { printedBy: { ...from, ...runs } } : inEnvironment(from.environment, env);
  }
  const jwk = config.get("wallet");
  if (jwk !== undefined) return { jwk };
  const path = config.get("walletPath") ?? readRunRequest(env).wallet;
  if (path !== undefined) return { path: place.folder === undefined ? path : resolve(folder, path) };
  const option = onStack(stack);
  throw new FleetError({
    code: "WALLET_MISSING",
    what: `No wallet is configured for ${stack === undefined ? "this stack" : `the stack ${stack}`}.`,
    expected: "the path of an Arweave JWK file that only you can read",
    remedy: `Run pulumi config set walletPath <file>${option} (or: pulumi config set --secret wallet${option} < jwk.json).`,
  });
}

const onStack = (stack: string | undefined): string => (stack === undefined ? "" : ` --stack ${stack}`);

/** A signer and a key at once: which of the two would sign must not depend on an order that nobody knows. */
function assertOne(given: readonly string[], stack: string | undefined): void {
  const chosen = given.filter((key) => key !== "wallet" && key !== "walletPath");
  if (chosen.length === 0 || given.length === 1) return;
  throw new FleetError({
    code: "WALLET_AMBIGUOUS",
    what: "Several settings name the stack's wallet.",
    got: given.join(", "),
    expected: "one of them",
    remedy: `Remove the others: pulumi config rm <key>${onStack(stack)}`,
  });
}

/** Pulumi passes an object as JSON. */
function parsed<T>(
  config: StackSettings,
  key: "signer" | "walletFrom",
  schema: z.ZodType<T>,
  stack: string | undefined,
): T {
  const value: unknown = config.get(key);
  const found = schema.safeParse(typeof value === "string" ? jsonIn(value) : value);
  if (found.success) return found.data;
  throw new FleetError({
    code: "WALLET_SETTING_INVALID",
    what: `Invalid value for the setting "${key}".`,
    at: key,
    got: [...new Set(found.error.issues.map(({ path }) => [key, ...path].join(".")))].join(", "),
    expected: EXPECTED[key],
    remedy: `Fix it: pulumi config set ${key} '<JSON>'${onStack(stack)}`,
  });
}

function inEnvironment(name: string, env: NonNullable<Place["env"]>): WalletSource {
  const jwk = env[name]?.trim();
  if (jwk) return { jwk, from: `The environment variable ${name}` };
  throw new FleetError({
    code: "WALLET_MISSING",
    what: `The environment variable ${name}, which the setting walletFrom names, is not set.`,
    at: "walletFrom.environment",
    expected: "the content of an Arweave key file (JWK, JSON)",
    remedy: `Set it for this run, for example from the secrets of your CI.`,
  });
}
