import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { FleetError, tolerate } from "../../core/errors.ts";
import { hashOf } from "../../core/hash.ts";
import { ApprovalSchema } from "../../delivery/approval.ts";
import { readJson, writeAtomically } from "../files.ts";
import type { Manifest } from "../members/manifest.ts";
import type { Scope, StackFiles } from "../session/scope.ts";
import { DeclaredProcessSchema, MemberPolicySchema, MemberSchema, PinnedSchema } from "./declared.ts";

/**
 * A complete release, from which alone the fleet can be rebuilt. Stored in `.fleet/releases`, in the state of the stack, and in the
 * data of the message that recorded it in the ledger. `releaseHash` is the hash of `declaration`, which readers verify.
 */
const ReleaseDocumentSchema = z.looseObject({
  deploymentId: z.string().min(1),
  releaseHash: z.string(),
  releasedAt: z.string(),
  declaration: z.record(z.string(), DeclaredProcessSchema),
  members: z.record(z.string(), MemberSchema),
  policies: z.record(z.string(), MemberPolicySchema).optional(),
  warm: z.record(z.string(), DeclaredProcessSchema).optional(),
  pinned: PinnedSchema.optional(),
  approval: ApprovalSchema.optional(),
  scope: z.looseObject({ ledger: z.string().optional() }),
});

export type ReleaseDocument = z.infer<typeof ReleaseDocumentSchema>;

/** Manifest size in bytes that the ledger certainly accepts; it refuses more than 512 kB. */
const MAX_MANIFEST = 400_000;

/** The parts of a release, as in the resource's outputs. */
interface Released {
  readonly deploymentId: string;
  readonly releaseHash: string;
  readonly releasedAt: string;
  readonly declaration: ReleaseDocument["declaration"];
  readonly members: ReleaseDocument["members"];
  readonly policies?: ReleaseDocument["policies"];
  readonly warm?: ReleaseDocument["warm"];
  readonly pinned?: ReleaseDocument["pinned"];
  readonly approval?: ReleaseDocument["approval"];
  readonly scope: Pick<Scope, "project" | "stack" | "ledger">;
}

/** The release document from the resource's outputs. Pure. */
export function documentOf(outputs: Released): ReleaseDocument {
  const { deploymentId, releaseHash, releasedAt, declaration, members, policies, warm, pinned, approval } =
    outputs;
  const { project, stack, ledger } = outputs.scope;
  return {
    deploymentId,
    releaseHash,
    releasedAt,
    declaration,
    members,
    ...(policies === undefined ? {} : { policies }),
    ...(warm === undefined ? {} : { warm }),
    ...(pinned === undefined ? {} : { pinned }),
    ...(approval === undefined ? {} : { approval }),
    scope: { project, stack, ...(ledger === undefined ? {} : { ledger }) },
  };
}

/** Drops the release from the manifest if both are too large for one message: the stack's state still contains it. Pure. */
export function withoutOversizedRelease(
  manifest: Manifest & { readonly release: ReleaseDocument },
): Manifest {
  if (Buffer.byteLength(JSON.stringify(manifest)) <= MAX_MANIFEST) return manifest;
  const { release: _, ...rest } = manifest;
  return rest;
}

/** Parses a value as a release; undefined if it is not one, or does not match its hash. Pure. */
export function verifiedRelease(value: unknown): ReleaseDocument | undefined {
  const parsed = ReleaseDocumentSchema.safeParse(value);
  if (!parsed.success || hashOf(parsed.data.declaration) !== parsed.data.releaseHash) return undefined;
  return parsed.data;
}

/** The folder of a stack's releases on this machine. */
const releasesDir = (scope: StackFiles): string =>
  join(scope.home, "releases", `${scope.project}.${scope.stack}`);

/** Ids of the releases of a stack on this machine. @throws Error ENOENT if there never was one */
export async function releaseIds(scope: StackFiles): Promise<string[]> {
  const names = await readdir(releasesDir(scope));
  return names.flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []).filter((id) => id !== "current");
}

/** `.fleet/releases/<project>.<stack>/<deployment id>.json`; `current.json` is the last one that succeeded. */
export function releasePath(scope: StackFiles, id: string): string {
  return join(releasesDir(scope), `${id}.json`);
}

/**
 * A release on this machine; undefined if it is not here.
 *
 * @param id its deployment id, or `current`
 * @throws FleetError RELEASE_DAMAGED if the file does not match its hash
 */
export async function readRelease(scope: StackFiles, id: string): Promise<ReleaseDocument | undefined> {
  if (!/^[\w.-]{1,128}$/.test(id)) return undefined;
  const path = releasePath(scope, id);
  const found = await readJson(path).catch(tolerate({}, "FILE_DAMAGED"));
  if (found === undefined) return undefined;
  const release = verifiedRelease(found);
  if (release) return release;
  throw releaseDamaged(path, id);
}

/** Writes a release on this machine, and as the stack's current one if it is. */
export async function writeRelease(
  scope: StackFiles,
  release: { readonly deploymentId: string; readonly [field: string]: unknown },
  isCurrent: boolean,
): Promise<void> {
  const text = `${JSON.stringify(release, null, 2)}\n`;
  await writeAtomically(releasePath(scope, release.deploymentId), text);
  if (isCurrent) await writeAtomically(releasePath(scope, "current"), text);
}

/** The error of a release's file that is cut, or was changed. */
export const releaseDamaged = (path: string, id: string): FleetError =>
  new FleetError({
    code: "RELEASE_DAMAGED",
    what: `The file of the release ${id} is damaged.`,
    at: path,
    got: "a declaration that does not match its hash",
    expected: "the release as it was written",
    remedy: "Remove the file: the release is then read from the ledger or the network.",
  });
