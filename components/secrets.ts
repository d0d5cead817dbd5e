import * as pulumi from "@pulumi/pulumi";
import { type Problem, throwAll } from "../src/core/errors.ts";
import { SecretValue } from "./secret-value.ts";

/** The only fields of a declaration that may contain secrets. Outputs below them are resolved. */
const FIELDS: readonly string[] = ["secrets", "secretOverrides"];

/**
 * Resolves a declaration's secrets: every output under `secrets` and `secretOverrides` becomes a `SecretValue`. A plan needs plain values
 * everywhere else, so an output there is a problem.
 *
 * @throws FleetError SETTING_UNKNOWN, SETTING_SECRET
 */
export async function openSecrets(raw: unknown): Promise<unknown> {
  const problems: Problem[] = [];
  const opened = await open(raw, [], problems);
  throwAll(problems);
  return opened;
}

async function open(value: unknown, path: readonly string[], problems: Problem[]): Promise<unknown> {
  if (pulumi.Output.isInstance(value)) return openOutput(value, path, problems);
  if (Array.isArray(value))
    return Promise.all(value.map((item, index) => open(item, [...path, String(index)], problems)));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  const members = await Promise.all(
    Object.entries(value).map(async ([key, member]) => [key, await open(member, [...path, key], problems)]),
  );
  return Object.fromEntries(members);
}

async function openOutput(
  output: pulumi.Output<unknown>,
  path: readonly string[],
  problems: Problem[],
): Promise<unknown> {
  const at = path.join(".");
  let known: { readonly value: unknown } | undefined;
  const looked = output.apply((value) => {
    known = { value };
  });
  const secret = await pulumi.isSecret(looked);
  if (known === undefined) {
    problems.push({
      code: "SETTING_UNKNOWN",
      what: `${at} is not known before the deployment, so the preview cannot check it.`,
      at,
      got: "an output of a resource",
      expected: "a plain value, or a secret of the stack's config",
      remedy:
        'For the id of a member, use SERVICES: { name: { member: "shop" } }. For anything else, run pulumi config set and read the value with config.require.',
    });
    return undefined;
  }
  if (path.some((field) => FIELDS.includes(field))) return hide(known.value);
  problems.push({
    code: "SETTING_SECRET",
    what: `${at} is ${secret ? "a secret" : "an output"}, but its value would be public.`,
    at,
    got: secret ? "a secret" : "an output",
    expected: "a plain value",
    remedy:
      "An AO process has no private memory: anybody can read its messages and its state. Put a secret of a process under " +
      "`secrets`, and the public key that it is sealed to in `sealTo`. Read a value that is not secret with config.require.",
  });
  return undefined;
}

/** Hides the strings in a value, at any depth. */
function hide(value: unknown): unknown {
  if (typeof value === "string") return new SecretValue(value);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return new SecretValue(String(value));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, hide(member)]));
}
