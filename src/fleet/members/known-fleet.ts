import { join } from "node:path";
import { z } from "zod";
import { isAddress } from "../../core/address.ts";
import { FleetError } from "../../core/errors.ts";
import { readJson } from "../files.ts";
import { nearest } from "../nearest.ts";
import { releaseDamaged } from "../releases/document.ts";
import type { Scope } from "../session/scope.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import type { KnownFleet, Member } from "./member.ts";

/** Every process that gets requests: the members, and other revisions with a part of their traffic. Pure. */
export const servingIn = ({ members, sharing = [] }: Pick<KnownFleet, "members" | "sharing">): Member[] => [
  ...members,
  ...sharing,
];

const ReleaseFileSchema = z.looseObject({
  scope: z.looseObject({ ledger: z.string().optional() }),
  declaration: z
    .record(z.string(), z.looseObject({ lib: z.boolean().optional(), sourceHash: z.string().optional() }))
    .default({}),
  policies: z.record(z.string(), z.looseObject({ strategy: z.unknown() })).default({}),
});
type ReleaseFile = z.output<typeof ReleaseFileSchema>;

/**
 * The members of a stack after the last run: from its manifest, or, for members that are missing there (no manifest, or an unfinished
 * run in a new clone), from the stack's state. Commands use `servingFleet`, which also asks the router.
 *
 * @param readState reads the fleet from the stack's state; called only if the manifest is incomplete
 */
export async function knownFleet(scope: Scope, readState: () => Promise<KnownFleet>): Promise<KnownFleet> {
  const manifest = await readManifest(scope);
  const release = await currentRelease(scope);
  const named = fromManifest(manifest?.processes ?? {});
  const noted = Object.values(manifest?.processes ?? {}).flatMap((entry) => entry.router ?? [])[0];
  const found = isWhole(named, noted, release) ? undefined : await readState();
  const others = found?.members.filter(({ name }) => named.every((one) => one.name !== name)) ?? [];
  const members = [...named, ...others].map((member) => asDeclared(member, release));
  const ledger = release?.scope.ledger ?? scope.ledger ?? guideLedger(members);
  const router = noted ?? found?.router;
  return {
    members,
    ...(ledger === undefined ? {} : { ledger }),
    ...(router === undefined ? {} : { router }),
    ...(found?.revisions === undefined ? {} : { revisions: found.revisions }),
  };
}

/**
 * Whether the manifest is complete: it contains every member of the release and, if traffic is shifted, the router, which is missing in
 * manifests of earlier versions. Pure.
 */
function isWhole(
  named: readonly Member[],
  router: string | undefined,
  release: ReleaseFile | undefined,
): boolean {
  if (release === undefined) return false;
  const moves = Object.values(release.policies).some(({ strategy }) => strategy !== undefined);
  const names = new Set(named.map(({ name }) => name));
  return (
    Object.keys(release.declaration).every((name) => names.has(name)) && (router !== undefined || !moves)
  );
}

function fromManifest(processes: Manifest["processes"]): Member[] {
  return Object.entries(processes).flatMap(([name, entry]) =>
    entry.processId === undefined
      ? []
      : [
          {
            name,
            processId: entry.processId,
            generation: entry.generation ?? 1,
            version: entry.version ?? "",
            sourceHash: entry.sourceHash ?? "",
            status: entry.status,
            ...libraryFields(entry.lib, entry.code),
          },
        ],
  );
}

function libraryFields(
  lib: boolean | undefined,
  code: readonly string[] | undefined,
): Pick<Member, "lib" | "code"> {
  return lib === false ? { lib, ...(code === undefined ? {} : { code }) } : {};
}

async function currentRelease(scope: Scope): Promise<ReleaseFile | undefined> {
  const path = join(scope.home, "releases", `${scope.project}.${scope.stack}`, "current.json");
  const found = await readJson(path).catch((error: unknown) => {
    if (error instanceof FleetError && error.code === "FILE_DAMAGED") throw releaseDamaged(path, "current");
    throw error;
  });
  return ReleaseFileSchema.safeParse(found).data;
}

/** A manifest of an earlier version lacks `lib`; the release has it for the code that it declared. */
function asDeclared(member: Member, release: ReleaseFile | undefined): Member {
  const declared = release?.declaration[member.name];
  const isSame = declared?.sourceHash === member.sourceHash;
  return isSame && declared?.lib === false ? { ...member, lib: false } : member;
}

/** Before the first release is complete, the ledger is found by the guide's name. */
function guideLedger(members: readonly Member[]): string | undefined {
  return members.find(({ name }) => name === "deployment-coordinator")?.name;
}

/**
 * The member with that name or AO id. An id that does not belong to a member is used as is: any process can be asked.
 *
 * @throws FleetError UNKNOWN_PROCESS, with the nearest name
 */
export function pickMember({ members }: KnownFleet, wanted: string): Member {
  const found = members.find(({ name, processId }) => name === wanted || processId === wanted);
  if (found) return found;
  if (isAddress(wanted)) {
    return { name: wanted, processId: wanted, generation: 1, version: "", sourceHash: "", status: "UNKNOWN" };
  }
  const names = members.map(({ name }) => name);
  const near = nearest(wanted, names);
  throw new FleetError({
    code: "UNKNOWN_PROCESS",
    what: `This stack has no process "${wanted}".`,
    got: wanted,
    expected: names.length > 0 ? `one of ${names.join(", ")}, or an AO id` : "a deployed fleet, or an AO id",
    remedy: names.length === 0 ? "Deploy it: npx fleet deploy" : `Fix the name${near ? `: "${near}"?` : "."}`,
  });
}
