import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import { nearest } from "../src/fleet/nearest.ts";

/** Dependencies by member: name → names of the members that must be healthy first. */
type Graph = Readonly<Record<string, readonly string[]>>;

/**
 * Sorts the members into levels: a level depends on earlier levels only, so its members can be created in parallel. Pure.
 *
 * @throws FleetError UNKNOWN_DEPENDENCY (all of them), SELF_DEPENDENCY, DEPENDENCY_CYCLE (names the cycle)
 */
export function levelsOf(graph: Graph): string[][] {
  throwAll(unknownNames(graph, "dependsOn"));
  const levels: string[][] = [];
  const placed = new Set<string>();
  let rest = Object.keys(graph);
  while (rest.length > 0) {
    const level = rest.filter((name) => (graph[name] ?? []).every((dependency) => placed.has(dependency)));
    if (level.length === 0) throw cycleError(graph, rest);
    for (const name of level) placed.add(name);
    levels.push(level.sort());
    rest = rest.filter((name) => !placed.has(name));
  }
  return levels;
}

/** References to members that are not declared, each with the closest declared name. Pure. */
export function unknownNames(graph: Graph, field: "dependsOn" | "peers"): Problem[] {
  const names = Object.keys(graph);
  return Object.entries(graph).flatMap(([name, others]) =>
    others.flatMap((other, index) => {
      if (names.includes(other)) return [];
      const near = nearest(other, names);
      return [
        {
          code: field === "dependsOn" ? "UNKNOWN_DEPENDENCY" : "UNKNOWN_PEER",
          what: `${name} refers to "${other}", which is not in the fleet.`,
          at: `processes.${name}.${field}.${index}`,
          got: other,
          expected:
            near === undefined
              ? `one of ${names.join(", ")}`
              : `perhaps "${near}"; the fleet has ${names.join(", ")}`,
          remedy: "Declare it, or fix the name.",
        },
      ];
    }),
  );
}

function cycleError(graph: Graph, rest: readonly string[]): FleetError {
  const cycle = findCycle(graph, rest);
  return new FleetError({
    code: "DEPENDENCY_CYCLE",
    what: "Members depend on each other in a cycle, so none of them can be deployed first.",
    got: cycle.join(" → "),
    expected: "dependsOn without a cycle; peers may form one",
    remedy: `Remove one of these dependencies. If ${cycle[0]} only needs to call ${cycle[1]}, make it a peer.`,
  });
}

/** Follows dependencies among the members without a level until a name repeats. */
function findCycle(graph: Graph, rest: readonly string[]): string[] {
  const path: string[] = [];
  let at = rest[0] ?? "";
  while (!path.includes(at)) {
    path.push(at);
    at = (graph[at] ?? []).find((dependency) => rest.includes(dependency)) ?? at;
  }
  return [...path.slice(path.indexOf(at)), at];
}
