import { isAddress } from "../src/core/address.ts";
import { DEVICE_TAG, LUA_DEVICE } from "../src/core/devices.ts";
import { type Problem, throwAll } from "../src/core/errors.ts";
import { nearest, withSuggestion } from "../src/fleet/nearest.ts";
import type { Configuration } from "./configuration.ts";
import { type FleetDeclaration, FleetDeclarationSchema, type ProcessDeclaration } from "./declaration.ts";
import { deviceProblems } from "./device.ts";
import { unknownNames } from "./graph.ts";
import { networkProblems } from "./network-problems.ts";
import { problemsOf } from "./problems.ts";
import { rolloutProblems } from "./strategy.ts";

/**
 * Parses a declaration and checks every name in it.
 *
 * @throws FleetError with every problem at once
 */
export function parseDeclaration(raw: unknown, configuration: Configuration): FleetDeclaration {
  const parsed = FleetDeclarationSchema.safeParse(raw);
  if (!parsed.success) {
    throwAll([...problemsOf(parsed.error, raw, FleetDeclarationSchema), ...configuration.problems]);
    throw parsed.error;
  }
  const { processes, ledger } = parsed.data;
  const problems = [
    ...unknownNames(graphOf(processes, "peers"), "peers"),
    ...unknownAllowed(parsed.data),
    ...configuration.problems,
    ...rolloutProblems(parsed.data),
    ...deviceProblems(parsed.data),
  ];
  if (ledger !== undefined && processes[ledger] === undefined) {
    problems.push({
      code: "UNKNOWN_LEDGER",
      what: `"${ledger}" is declared as the ledger but is not in the fleet.`,
      at: "ledger",
      got: ledger,
      expected: `one of ${Object.keys(processes).join(", ")}`,
      remedy: "Declare it, or fix the name.",
    });
  }
  problems.unshift(...unknownNames(graphOf(processes, "dependsOn"), "dependsOn"));
  // The plan checks what the network cannot carry; a declaration that fails before is to name that, too.
  if (problems.length > 0) problems.push(...networkProblems(parsed.data, Object.keys(processes)));
  throwAll(problems);
  for (const [name, process] of Object.entries(processes)) {
    if (process.device === LUA_DEVICE) process.tags = { ...process.tags, [DEVICE_TAG]: LUA_DEVICE };
    // A member that a setting refers to becomes a peer, so that the process can call it.
    const named = configuration.members[name]?.named ?? [];
    process.peers = [...new Set([...process.peers, ...named.filter((other) => other !== name)])];
  }
  return parsed.data;
}

function unknownAllowed({ allowed = [], processes }: FleetDeclaration): Problem[] {
  const names = Object.keys(processes);
  const lists = [
    ["allowed", allowed] as const,
    ...Object.entries(processes).map(([name, own]) => [`processes.${name}.allowed`, own.allowed] as const),
  ];
  return lists.flatMap(([path, list]) =>
    list.flatMap((one, index) => {
      if (names.includes(one) || isAddress(one)) return [];
      const near = nearest(one, names);
      return [
        {
          code: "UNKNOWN_MEMBER",
          what: `"${one}" is in \`allowed\` but not in the fleet.`,
          at: `${path}.${index}`,
          got: one,
          expected: withSuggestion(near, `one of ${names.join(", ")}, or an address`),
          remedy: "Declare it, or fix the name.",
        },
      ];
    }),
  );
}

function graphOf(
  processes: Record<string, ProcessDeclaration>,
  field: "dependsOn" | "peers",
): Record<string, string[]> {
  return Object.fromEntries(Object.entries(processes).map(([name, process]) => [name, process[field]]));
}
