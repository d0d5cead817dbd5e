import { join } from "node:path";
import { z } from "zod";
import { nearest } from "../components/problems.ts";
import { FleetError } from "../core/errors.ts";
import { readJson } from "../providers/run/files.ts";
import { readManifest } from "../providers/run/manifest.ts";
import type { Scope } from "../providers/run/scope.ts";

/** One process of the fleet, as the last run left it. */
export interface Member {
  readonly name: string;
  readonly processId: string;
  /** Counts the AO processes that this member has had. */
  readonly generation: number;
  readonly version: string;
  /** sha256 of the deployed bundle; "" when none was ever loaded. */
  readonly sourceHash: string;
  /** As the manifest says: ACTIVE, INITIALIZING, UNHEALTHY, … */
  readonly status: string;
  /** False where nothing of the fleet's library is in the process, as it was deployed: none of the library's actions is answered. */
  readonly lib?: false;
  /** Of such a process: the code after its load, as an Eval of its owner reads it. */
  readonly code?: readonly string[];
}

/** What is known of a fleet from the files of its project. */
export interface KnownFleet {
  readonly members: readonly Member[];
  /** The member that keeps the ledger. */
  readonly ledger?: string;
}

const ProcessStateSchema = z.looseObject({
  name: z.string(),
  processId: z.string(),
  generation: z.number(),
  version: z.string(),
  revision: z.looseObject({ sourceHash: z.string(), code: z.array(z.string()).optional() }).optional(),
  lib: z.boolean().optional(),
  health: z.looseObject({ status: z.string() }).optional(),
});
const StateSchema = z.looseObject({
  deployment: z.looseObject({
    resources: z
      .array(z.looseObject({ type: z.string(), outputs: z.record(z.string(), z.unknown()).optional() }))
      .default([]),
  }),
});
const ReleaseFileSchema = z.looseObject({
  scope: z.looseObject({ ledger: z.string().optional() }),
  declaration: z
    .record(z.string(), z.looseObject({ lib: z.boolean().optional(), sourceHash: z.string().optional() }))
    .default({}),
});
type ReleaseFile = z.output<typeof ReleaseFileSchema>;

/**
 * The members of a stack: from the manifest; where that is gone or another stack's, from the stack's state.
 *
 * @param state reads the stack's state, as `pulumi stack export` prints it; undefined when there is no such stack
 */
export async function knownFleet(scope: Scope, state: () => Promise<unknown>): Promise<KnownFleet> {
  const manifest = await readManifest(scope);
  const release = await currentRelease(scope);
  const found = manifest ? fromManifest(manifest.processes) : fromState(await state());
  const members = found.map((member) => asDeclared(member, release));
  const ledger = release?.scope.ledger ?? scope.ledger ?? guideLedger(members);
  return ledger === undefined ? { members } : { members, ledger };
}

function fromManifest(
  processes: NonNullable<Awaited<ReturnType<typeof readManifest>>>["processes"],
): Member[] {
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
            ...bareOf(entry.lib, entry.code),
          },
        ],
  );
}

function fromState(raw: unknown): Member[] {
  const state = StateSchema.safeParse(raw);
  if (!state.success) return [];
  return state.data.deployment.resources.flatMap(({ type, outputs }) => {
    const found = type.endsWith("dynamic/ao:Process") ? ProcessStateSchema.safeParse(outputs) : undefined;
    if (!found?.success) return [];
    const { name, processId, generation, version, revision, health } = found.data;
    const up = health?.status === "HEALTHY" || health?.status === "DEGRADED";
    const status = up ? "ACTIVE" : (health?.status ?? "UNKNOWN");
    const bare = bareOf(found.data.lib, revision?.code);
    return [
      { name, processId, generation, version, sourceHash: revision?.sourceHash ?? "", status, ...bare },
    ];
  });
}

function bareOf(lib: boolean | undefined, code: readonly string[] | undefined): Pick<Member, "lib" | "code"> {
  return lib === false ? { lib, ...(code === undefined ? {} : { code }) } : {};
}

async function currentRelease(scope: Scope): Promise<ReleaseFile | undefined> {
  const path = join(scope.home, "releases", `${scope.project}.${scope.stack}`, "current.json");
  return ReleaseFileSchema.safeParse(await readJson(path)).data;
}

/** A manifest of an earlier version does not say who has no library; the release does, of the code that it declared. */
function asDeclared(member: Member, release: ReleaseFile | undefined): Member {
  const declared = release?.declaration[member.name];
  const isSame = declared?.sourceHash === member.sourceHash;
  return isSame && declared?.lib === false ? { ...member, lib: false } : member;
}

/** Before the first release is through, the guide's name tells. */
function guideLedger(members: readonly Member[]): string | undefined {
  return members.find(({ name }) => name === "deployment-coordinator")?.name;
}

/**
 * The member of that name or AO id. An id that is no member's is taken as it is: any process can be asked.
 *
 * @throws FleetError UNKNOWN_PROCESS, with the nearest name
 */
export function pickMember({ members }: KnownFleet, wanted: string): Member {
  const found = members.find(({ name, processId }) => name === wanted || processId === wanted);
  if (found) return found;
  if (/^[A-Za-z0-9_-]{43}$/.test(wanted)) {
    return { name: wanted, processId: wanted, generation: 1, version: "", sourceHash: "", status: "UNKNOWN" };
  }
  const names = members.map(({ name }) => name);
  const near = nearest(wanted, names);
  throw new FleetError({
    code: "UNKNOWN_PROCESS",
    what: `This stack has no process "${wanted}".`,
    got: wanted,
    expected: names.length > 0 ? `one of ${names.join(", ")}, or an AO id` : "a deployed fleet, or an AO id",
    remedy:
      names.length === 0 ? "Deploy it: npx fleet deploy" : `Mend the name${near ? `: "${near}"?` : "."}`,
  });
}
