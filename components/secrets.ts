import * as pulumi from "@pulumi/pulumi";
import { type Problem, throwAll } from "../src/core/errors.ts";
import { Hidden } from "./hidden.ts";

/** Fields whose outputs are opened; below them, and nowhere else, a declaration has secrets. */
const FIELDS: readonly string[] = ["secrets", "secretOverrides"];

/**
 * A declaration with its secrets opened and hidden: every output under `secrets` and `secretOverrides` becomes a `Hidden`. Everywhere else a
 * plan needs plain values, so an output there is a problem, with what to write instead.
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
      what: `${at} is not known before something is deployed, so nothing can check it.`,
      at,
      got: "an output of a resource",
      expected: "a plain value, or a secret of the stack's config",
      remedy:
        'For the id of a member: SERVICES: { name: { member: "shop" } }. Anything else: pulumi config set, and read it.',
    });
    return undefined;
  }
  if (path.some((field) => FIELDS.includes(field))) return hide(known.value);
  problems.push({
    code: "SETTING_SECRET",
    what: `${at} is ${secret ? "a secret" : "an output"}, and would stand in the open there.`,
    at,
    got: secret ? "a secret" : "an output",
    expected: "a plain value",
    remedy:
      "An AO process has no private memory: everybody can read what it is sent and holds. Put a secret of a process under " +
      "`secrets`, with the public key in `sealTo` that it is sealed to; what is no secret is read with config.require.",
  });
  return undefined;
}

/** Texts, at any depth. */
function hide(value: unknown): unknown {
  if (typeof value === "string") return new Hidden(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return new Hidden(String(value));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, hide(member)]));
}
