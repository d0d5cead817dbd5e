import { hashOf } from "../../core/hash.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";

/** The differences from one release to the next, a few words per member: `counter code, config`, `late joins`. Pure. */
export function describeChanges(
  before: ReleaseDocument | "unknown" | undefined,
  after: ReleaseDocument,
): string[] {
  if (before === "unknown") return [];
  const names = [
    ...new Set([...Object.keys(before?.declaration ?? {}), ...Object.keys(after.declaration)]),
  ].sort();
  return names.flatMap((name) => {
    const [old, now] = [before?.declaration[name], after.declaration[name]];
    if (!old) return now ? [`${name} joins`] : [];
    if (!now) return [`${name} leaves`];
    const parts = memberChanges(old, now);
    return parts.length > 0 ? [`${name} ${parts.join(", ")}`] : [];
  });
}

/** The differences in one member: code, version, config, peers, order, module. Pure. */
function memberChanges(before: DeclaredProcess, after: DeclaredProcess): string[] {
  const parts: string[] = [];
  if (before.sourceHash !== after.sourceHash) parts.push("code");
  if (before.version !== after.version) parts.push(`version ${before.version} → ${after.version}`);
  if (hashOf(before.config) !== hashOf(after.config)) parts.push("config");
  if (hashOf([...before.peers].sort()) !== hashOf([...after.peers].sort())) parts.push("peers");
  if (hashOf([...before.dependsOn].sort()) !== hashOf([...after.dependsOn].sort())) parts.push("order");
  if (before.module !== after.module) parts.push("module");
  return parts;
}
