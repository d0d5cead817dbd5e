import type { DifferenceView } from "../../dashboard/view.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";

/** The differences between the declarations of two releases, by member and field. Pure. */
export function differenceOf(before: ReleaseDocument, after: ReleaseDocument): DifferenceView[] {
  const names = new Set([...Object.keys(before.declaration), ...Object.keys(after.declaration)]);
  return [...names].sort().flatMap((name) => {
    const [old, now] = [fieldsOf(before.declaration[name]), fieldsOf(after.declaration[name])];
    const fields = [...new Set([...old.keys(), ...now.keys()])].sort();
    const changes = fields
      .map((field) => ({ field, before: old.get(field) ?? "", after: now.get(field) ?? "" }))
      .filter((change) => change.before !== change.after);
    return changes.length === 0 ? [] : [{ name, changes }];
  });
}

/** Every declared value by its path. A release contains only the names of secrets. */
function fieldsOf(declared: DeclaredProcess | undefined): Map<string, string> {
  if (!declared) return new Map();
  const { version, module, dependsOn, peers, config, modules, sourceHash } = declared;
  return new Map([
    ["version", version],
    ["AO module", module],
    ["code", sourceHash.slice(0, 12)],
    ["depends on", [...dependsOn].sort().join(", ")],
    ["peers", [...peers].sort().join(", ")],
    ...Object.entries(modules).map(([path, hash]): [string, string] => [`Lua ${path}`, hash.slice(0, 12)]),
    ...Object.entries(config).flatMap(([type, values]) =>
      Object.entries(values).map(([key, value]): [string, string] => [
        `${type}.${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ),
  ]);
}
