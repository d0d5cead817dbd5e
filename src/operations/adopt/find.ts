import type { FoundItem } from "../../ao/port.ts";
import type { Budget } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import { activeOf } from "../../delivery/index.ts";
import { findPublishedModule, moduleId } from "../../fleet/code/module.ts";
import { ownModuleHash } from "../../fleet/code/module-store.ts";
import type { ProcessRef } from "../../fleet/health/verdict.ts";
import { type Info, info } from "../../fleet/protocol/info.ts";
import { type Registry, registry } from "../../fleet/protocol/registry.ts";
import { traffic } from "../../fleet/protocol/traffic.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { releaseOnNetwork } from "../../fleet/releases/remote.ts";
import { deploymentKey } from "../../fleet/session/scope.ts";
import type { Session } from "../../fleet/session/session.ts";
import type { Declared, DeclaredMember } from "./declared.ts";

/** A process of this wallet that a member may adopt. */
export interface Candidate {
  readonly processId: string;
  readonly generation: number;
  /** The status that it reports; UNLOADED if it does not answer, as one that was only spawned. */
  readonly status: string;
  readonly version: string;
  /** sha256 of the code that it reports; "" for none. */
  readonly sourceHash: string;
  /** Whether it has the largest share of this member's traffic. */
  readonly active: boolean;
  /** Whether the ledger has it registered for this member. */
  readonly registered: boolean;
  /** Whether it is this member's process in the last release. */
  readonly released: boolean;
  /** The message that loaded its code, and roughly when (milliseconds since 1970), from the release or the ledger. */
  readonly evalId?: string;
  readonly loadedAt?: number;
  /** When it was spawned, ISO 8601, if the network says so. */
  readonly since?: string;
  /** Why it cannot be adopted: another module, another owner, or retired. */
  readonly unfit?: string;
}

/** The processes on the network for one member. */
export interface MemberCandidates {
  readonly member: DeclaredMember;
  /** Newest generation first; within one generation, lowest id first. */
  readonly candidates: readonly Candidate[];
  /** Processes with this member's key that belong to other wallets. */
  readonly others: readonly { readonly processId: string; readonly owner: string }[];
}

/** What a process reports about itself. */
type ReportedInfo = Pick<Info<"status">, "status" | "version" | "sourceHash" | "owner">;

/** The fleet's own records of its members. */
interface Known {
  readonly registry: Registry;
  /** Member → the process with the largest share of its traffic. */
  readonly active: Readonly<Record<string, string>>;
  readonly release: ReleaseDocument | undefined;
}

const NONE: ReportedInfo = { status: "UNLOADED", version: "", sourceHash: "", owner: undefined };

/** The most items of one query. */
const MAX_ITEMS = 1000;

/**
 * Searches for every member's process: by the key of its spawn, in the ledger, in the last release, and among the ids that a person named.
 * Asks each process for its Info. Changes nothing.
 *
 * @param named process ids by member, from the command line
 */
export async function findMembers(
  session: Session,
  { members, ledger, router }: Pick<Declared, "members" | "ledger" | "router">,
  named: Readonly<Record<string, string>>,
  budget: Budget,
): Promise<MemberCandidates[]> {
  const wanted = members.filter((member) => !member.named);
  const keys = new Map(wanted.map(({ name }) => [deploymentKey(session.scope, name), name]));
  const keepers = [ledger, router].flatMap((name) =>
    name === undefined ? [] : [deploymentKey(session.scope, name)],
  );
  const all = [...new Set([...keys.keys(), ...keepers])];
  if (all.length === 0) return [];
  const items = await session.ao.find(
    { tags: { Type: "Process", "Deployment-Key": all }, limit: MAX_ITEMS },
    budget,
  );
  const ours = items.filter(({ owner }) => owner === session.ao.address);
  const asked = new Map<string, Promise<ReportedInfo>>();
  const infoOf = (name: string, { id, tags }: FoundItem): Promise<ReportedInfo> => {
    const known = asked.get(id) ?? askedFor(session, name, id, generationOf(tags), budget);
    asked.set(id, known);
    return known;
  };
  const living = async <T>(name: string | undefined, use: (place: ProcessRef) => Promise<T>) => {
    const place = name === undefined ? undefined : await livingOf(session, name, ours, infoOf);
    return place && use(place);
  };
  const [registered = {}, active = {}, release] = await Promise.all([
    living(ledger, (place) => registry(session, place, budget)),
    living(router, (place) => activeIn(session, place, budget)),
    releaseOnNetwork({ ao: session.ao }, session.scope, undefined, budget),
  ]);
  const known = { registry: registered, active, release };
  const ids = new Set(ours.map(({ id }) => id));
  const elsewhere = [
    ...Object.values(named),
    ...Object.entries(registered).flatMap(([id, { metadata }]) =>
      wanted.some(({ name }) => name === metadata?.name) ? [id] : [],
    ),
    ...wanted.flatMap(({ name }) => release?.members[name]?.processId ?? []),
  ].filter((id) => !ids.has(id));
  const more =
    elsewhere.length === 0 ? [] : await session.ao.find({ ids: elsewhere, limit: MAX_ITEMS }, budget);
  const mine = [...ours, ...more.filter(({ owner, tags }) => isOurs(session, owner, tags))];
  const around = { seen: [...items, ...more], mine, named, known, infoOf };
  return Promise.all(wanted.map((member) => foundOf(session, member, around, budget)));
}

/** The processes of one member: candidates to adopt, and those of other wallets. */
async function foundOf(
  session: Session,
  member: DeclaredMember,
  {
    seen,
    mine,
    named,
    known,
    infoOf,
  }: {
    readonly seen: readonly FoundItem[];
    readonly mine: readonly FoundItem[];
    readonly named: Readonly<Record<string, string>>;
    readonly known: Known;
    readonly infoOf: (name: string, item: FoundItem) => Promise<ReportedInfo>;
  },
  budget: Budget,
): Promise<MemberCandidates> {
  const own = ownModuleHash(member.module);
  const module =
    own === undefined
      ? moduleId(session, member.module)
      : ((await findPublishedModule(session, own, budget)) ?? "a module that this wallet never published");
  const key = deploymentKey(session.scope, member.name);
  const belongs = ({ id, tags }: FoundItem) =>
    tags["Deployment-Key"] === key ||
    known.registry[id]?.metadata?.name === member.name ||
    known.release?.members[member.name]?.processId === id ||
    named[member.name] === id;
  const candidates = await Promise.all(
    mine
      .filter(belongs)
      .map(async (item) =>
        candidate(session, { ...member, module }, item, await infoOf(member.name, item), known),
      ),
  );
  return {
    member,
    candidates: candidates.sort(
      (a, b) => b.generation - a.generation || (a.processId < b.processId ? -1 : 1),
    ),
    others: seen
      .filter((item) => belongs(item) && item.owner !== session.ao.address)
      .map(({ id, owner }) => ({ processId: id, owner })),
  };
}

const isOurs = (session: Session, owner: string, tags: FoundItem["tags"]): boolean =>
  owner === session.ao.address && tags.Type === "Process";

function generationOf(tags: FoundItem["tags"]): number {
  const count = Number(tags.Generation);
  return Number.isInteger(count) && count > 0 ? count : 1;
}

function candidate(
  session: Session,
  member: DeclaredMember,
  { id, tags, block }: FoundItem,
  { status, version, sourceHash, owner = session.ao.address }: ReportedInfo,
  { registry, active, release }: Known,
): Candidate {
  const entry = registry[id];
  const last = release?.members[member.name];
  const released = last?.processId === id;
  const registered = entry?.metadata?.name === member.name;
  const isLast = released && release?.declaration[member.name]?.sourceHash === sourceHash;
  const isEntry = entry?.metadata?.sourceHash === sourceHash;
  const evalId = isLast ? last?.evalId : isEntry ? entry.metadata?.evalId : undefined;
  const loadedAt = isLast ? Date.parse(release?.releasedAt ?? "") : entry?.updatedAt;
  const { module } = member;
  const unfit =
    status === "RETIRED"
      ? "it was retired"
      : owner !== session.ao.address
        ? `it was given to ${owner}`
        : tags.Module === module
          ? undefined
          : `its module is ${tags.Module ?? "unknown"}, but ${module} is declared`;
  return {
    processId: id,
    generation: generationOf(tags),
    status,
    version,
    sourceHash,
    active: active[member.name] === id,
    registered,
    released,
    ...(evalId === undefined ? {} : { evalId }),
    ...(evalId === undefined || loadedAt === undefined ? {} : { loadedAt }),
    ...(block ? { since: new Date(block.timestamp * 1000).toISOString() } : {}),
    ...(unfit === undefined ? {} : { unfit }),
  };
}

const askedFor = (
  session: Session,
  name: string,
  processId: string,
  generation: number,
  budget: Budget,
): Promise<ReportedInfo> =>
  info(session, { name, generation, processId }, budget, "status", "version", "sourceHash", "owner").catch(
    tolerate(NONE, "NO_REPLY"),
  );

/** The newest process of a member that is alive and has code. */
async function livingOf(
  session: Session,
  name: string,
  ours: readonly FoundItem[],
  infoOf: (name: string, item: FoundItem) => Promise<ReportedInfo>,
): Promise<ProcessRef | undefined> {
  const key = deploymentKey(session.scope, name);
  const items = ours
    .filter(({ tags }) => tags["Deployment-Key"] === key)
    .sort((a, b) => generationOf(b.tags) - generationOf(a.tags) || (a.id < b.id ? -1 : 1));
  for (const item of items) {
    const { status } = await infoOf(name, item);
    if (status !== "RETIRED" && status !== NONE.status)
      return { name, generation: generationOf(item.tags), processId: item.id };
  }
  return undefined;
}

/** Member → the process with the largest share of its traffic; empty if there is no table, or the process has no router. */
const activeIn = (session: Session, place: ProcessRef, budget: Budget): Promise<Record<string, string>> =>
  traffic(session, place, budget).then(
    ({ table }) => activeOf(table),
    tolerate({}, "UNKNOWN_ACTION", "NO_REPLY"),
  );
