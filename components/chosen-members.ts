import { type Problem, throwAll } from "../src/core/errors.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import { readRunRequest } from "../src/fleet/session/run-request.ts";
import type { FleetDeclaration, ProcessDeclaration } from "./declaration.ts";
import { ADDRESS } from "./parse-declaration.ts";
import type { Running } from "./running.ts";

/** A member that this run declares. */
export interface Chosen {
  readonly name: string;
  readonly process: ProcessDeclaration;
  /** What runs now, for a member that this run leaves alone. */
  readonly kept?: DeclaredProcess;
}

/** With `only`, the others are declared as they run now, so the release records what really runs; what never ran is left out. */
export function chooseMembers(declaration: FleetDeclaration, running: Running): Chosen[] {
  const { only, processes } = declaration;
  const all = Object.entries(processes).map(([name, process]) => ({ name, process }));
  const known = Object.keys(processes);
  const unknown = (option: string, names: readonly string[]): Problem[] =>
    names
      .filter((name) => !known.includes(name))
      .map((name) => ({
        code: "UNKNOWN_PROCESS",
        what: `${option} names "${name}", which is not in the fleet.`,
        got: name,
        expected: `some of ${known.join(", ")}`,
        remedy: "Correct the name.",
      }));
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
      problems.push({
        code: "DEPENDENCY_NOT_RUNNING",
        what: `${name} depends on ${missing}, which neither runs nor is named by --only.`,
        got: `--only "${only.join(" ")}"`,
        expected: `${missing} among them, or deployed before`,
        remedy: `--only "${[missing, ...only].join(" ")}"`,
      });
    }
  }
  throwAll(problems);
  return chosen.map((member) => ({
    ...member,
    process: {
      ...member.process,
      peers: member.process.peers.filter((peer) => present.has(peer)),
      allowed: member.process.allowed.filter((one) => present.has(one) || ADDRESS.test(one)),
    },
  }));
}

/** Of a member that this run leaves out and that never ran there is no id, so nobody can be told to obey it. */
export function withIds(declaration: FleetDeclaration, chosen: readonly Chosen[]): FleetDeclaration {
  if (declaration.allowed === undefined) return declaration;
  const present = new Set(chosen.map(({ name }) => name));
  const allowed = declaration.allowed.filter((one) => present.has(one) || ADDRESS.test(one));
  return { ...declaration, allowed };
}
