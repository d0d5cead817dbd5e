import { hashOf } from "../../src/core/hash.ts";
import type { DeclaredProcess } from "../../src/fleet/releases/declared.ts";
import type { ReleaseDocument } from "../../src/fleet/releases/document.ts";

/** A member as a release records it. */
export const declaredProcess = (more: Partial<DeclaredProcess> = {}): DeclaredProcess => ({
  entry: "processes/x/process.lua",
  sourceHash: "a".repeat(64),
  version: "1.0.0",
  module: "aos",
  dependsOn: [],
  peers: [],
  config: {},
  modules: {},
  bytes: 1,
  ...more,
});

/** A release of this day in January 2026. */
export function releaseOf(
  deploymentId: string,
  day: number,
  declaration: Record<string, DeclaredProcess>,
  more: Partial<ReleaseDocument> = {},
): ReleaseDocument {
  return {
    deploymentId,
    releasedAt: new Date(Date.UTC(2026, 0, day)).toISOString(),
    releaseHash: hashOf(declaration),
    declaration,
    members: {},
    scope: {},
    ...more,
  };
}
