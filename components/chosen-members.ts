import { isAddress } from "../src/core/address.ts";
import { type Problem, throwAll } from "../src/core/errors.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import { readRunRequest } from "../src/fleet/session/run-request.ts";
import type { FleetDeclaration, ProcessDeclaration } from "./declaration.ts";
import { dependencyNotRunning, unknownProcess } from "./problems.ts";
import type { Running } from "./running-release.ts";

/** A member that this run declares. */
interface Chosen {
  readonly name: string;
  readonly process: ProcessDeclaration;
  /** How it runs now, for a member that this run does not deploy. */
  readonly kept?: DeclaredProcess;
}

/**
 * The members to deploy. With `only`, the others are declared as they run now, so that the release records what really runs; members that
 * never ran are left out.
 */
export function chooseMembers(declaration: FleetDeclaration, running: Running): Chosen[] {
  const { only, processes } = declaration;
  const all = Object.entries(processes).map(([name, process]) => ({ name, process }));
  const known = Object.keys(processes);
  const unknown = (option: string, names: readonly string[]): Problem[] =>
    names
      .filter((name) => !known.includes(name))
      .map((name) =>
        unknownProcess(name, known, "some", {
          what: `${option} refers to "${name}", which is not in the fleet.`,
        }),
      );
  const problems = [
    ...unknown("--only", only ?? []),
    ...unknown("--replace", readRunRequest().replace ?? []),
  ];
  if (only === undefined || only.length === 0) {
    throwAll(problems);
    return all;
  }
  const chosen = all.flatMap(({ name, process }): Chosen[] => {
    if (only.includes(name)) return [{ name, process }];
    const kept = running(name);
    return kept
      ? [{ name, process: { ...process, dependsOn: kept.dependsOn, peers: kept.peers }, kept }]
      : [];
  });
  const present = new Set(chosen.map(({ name }) => name));
  for (const { name, process } of chosen) {
    for (const missing of process.dependsOn.filter((other) => !present.has(other))) {
      problems.push(
        dependencyNotRunning(missing, only, {
          what: `${name} depends on ${missing}, which neither runs nor is in --only.`,
          expected: `${missing} in --only too, or deployed before`,
        }),
      );
    }
  }
  throwAll(problems);
  return chosen.map((member) => ({
    ...member,
    process: {
      ...member.process,
      peers: member.process.peers.filter((peer) => present.has(peer)),
      allowed: member.process.allowed.filter((one) => present.has(one) || isAddress(one)),
    },
  }));
}

/** Removes members from `allowed` that this run leaves out and that never ran: they have no id yet. */
export function dropAllowedWithoutId(
  declaration: FleetDeclaration,
  chosen: readonly Chosen[],
): FleetDeclaration {
  if (declaration.allowed === undefined) return declaration;
  const present = new Set(chosen.map(({ name }) => name));
  const allowed = declaration.allowed.filter((one) => present.has(one) || isAddress(one));
  return { ...declaration, allowed };
}
