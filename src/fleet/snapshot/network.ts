/** Snapshots in the results of export messages that any machine sent. */
import type { Ao, FoundItem } from "../../ao/port.ts";
import { type Budget, type GrowingBudget, growing, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import { parseJson } from "../../core/json.ts";
import type { ProcessRef } from "../health/verdict.ts";
import type { Session } from "../session/session.ts";
import { ExportedSchema, type PartReply, PartReplySchema, StateSchema } from "./contents.ts";
import { runningDigest, StateParts } from "./parts.ts";

/** Messages of the first look, newest first, and the most that are read: a large state has one for each part. */
const [FIRST_LOOK, MOST_MESSAGES] = [20, 20 * 4 ** 4];
/** Seconds for each answer of the network. */
const SECONDS = 20;

/** Something that may be a snapshot and cannot be read. */
export interface Unread {
  /** For display, with the reason. */
  readonly what: string;
  /** Its slot in the order of that process, and its time as ISO 8601, as far as they are known. */
  readonly processId?: string;
  readonly slot?: number;
  readonly at?: string;
}

/** A state that was exported, verified by its digest or by the running digest of its parts. */
export interface ExportedState {
  readonly text: string;
  readonly digest: string;
  readonly slot: number;
  /** Its message, of the first part. */
  readonly item: FoundItem;
}

/** The exports that are looked for. */
export interface Search {
  /** Tags of their messages, in addition to the action. Other exports, such as those of a part of the states, have none. */
  readonly tags: NonNullable<Parameters<Ao["find"]>[0]["tags"]>;
  /** Exports that are not later than this slot need not be read. @default 0 */
  readonly knownSlot?: number;
  /** Whether an export is one of them: the search goes on until one is. @default each */
  fits?(exported: ExportedState): boolean;
  /** The number of exports after which the search ends. @default none */
  readonly mostExports?: number;
  /** Receives the number of exports that were read, each time that the search goes further back. */
  note?(read: number): void;
}

type Result =
  | { readonly kind: "whole"; readonly exported: ExportedState }
  | { readonly kind: "part"; readonly reply: PartReply; readonly item: FoundItem }
  /** It was evaluated, and exported nothing. */
  | { readonly kind: "none" }
  | { readonly kind: "unread"; readonly unread: Unread };

/** What was found on the network. */
interface Exports {
  /** Those that fit. */
  readonly exports: readonly ExportedState[];
  readonly unread: readonly Unread[];
  /** Whether earlier messages were not read. */
  readonly hasEarlier: boolean;
}

/**
 * The exports of a process that serve as snapshots, and what cannot be read. Reads from the newest on, until it has one that is complete and
 * fits, or one that is not later than the known slot.
 *
 * @throws FleetError if the network cannot be asked for the messages
 */
export async function exportsOnNetwork(
  session: Session,
  place: ProcessRef,
  { tags, knownSlot = 0, fits = () => true, mostExports = Number.POSITIVE_INFINITY, note }: Search,
  budget: Budget,
): Promise<Exports> {
  const { processId } = place;
  const whole = growing(budget, SECONDS);
  const results = new Map<string, Result>();
  for (let limit = FIRST_LOOK; ; limit *= 4) {
    const query = {
      owners: [session.ao.address],
      recipients: [processId],
      tags: { Action: "EXPORT_STATE", ...tags },
      limit,
    };
    const found = await session.ao.find(query, within(whole, SECONDS));
    const isEnough = await readResults(session, place, found, results, knownSlot, whole);
    const { exports: all, unread, lacksEarlier } = together([...results.values()]);
    const exports = all.filter(fits);
    const hasEarlier = found.length >= limit;
    const hasAll = !hasEarlier || isEnough || (exports.length > 0 && !lacksEarlier);
    const isOver = limit >= MOST_MESSAGES || all.length >= mostExports;
    if (hasAll || isOver) {
      const notSearched = hasAll ? [] : [{ what: notSearchedText(all.length) }];
      return {
        exports,
        unread: [...unread.map((each) => ({ ...each, processId })), ...notSearched],
        hasEarlier,
      };
    }
    note?.(all.length);
  }
}

const notSearchedText = (read: number): string =>
  `the exports on the network before the latest ${read}: the search ended there`;

/** @returns whether a result is not later than the known slot, so that those of earlier blocks are not either */
async function readResults(
  session: Session,
  place: ProcessRef,
  found: readonly FoundItem[],
  results: Map<string, Result>,
  knownSlot: number,
  budget: GrowingBudget,
): Promise<boolean> {
  let last: FoundItem | undefined;
  for (const item of found) {
    // The order within a block is not that of the slots.
    if (last !== undefined && item.block?.height !== last.block?.height) return true;
    const result = results.get(item.id) ?? (await resultOf(session, place, item, within(budget, SECONDS)));
    if (!results.has(item.id) && result.kind !== "unread") budget.grow();
    results.set(item.id, result);
    const slot =
      result.kind === "whole" ? result.exported.slot : result.kind === "part" ? result.reply.slot : 0;
    if (slot && slot <= knownSlot) last = item;
  }
  return last !== undefined;
}

/** When the gateway saw a message, as ISO 8601; undefined while it is in no block. */
export const timeOf = ({ block }: FoundItem): string | undefined =>
  block === undefined ? undefined : new Date(block.timestamp * 1000).toISOString();

async function resultOf(
  session: Session,
  { processId }: ProcessRef,
  item: FoundItem,
  budget: Budget,
): Promise<Result> {
  const at = timeOf(item);
  const unread = (why: string): Result => {
    const what = `the export by message ${item.id}: ${why}`;
    return { kind: "unread", unread: { what, ...(at === undefined ? {} : { at }) } };
  };
  try {
    const { messages } = await session.ao.evaluation({ processId, messageId: item.id }, budget);
    const reply = messages.find(({ tags }) => tags.Action === "EXPORT_STATE-Response");
    if (reply === undefined) return { kind: "none" };
    const data = parseJson(reply.data);
    const part = PartReplySchema.safeParse(data);
    if (part.success) return { kind: "part", reply: part.data, item };
    const given = ExportedSchema.safeParse(data);
    if (!given.success) return unread("its result is not an export that this version knows");
    const { state, digest, slot } = given.data;
    const text = canonicalJson(state);
    if (sha256(text) !== digest) return unread("its result does not match its digest");
    return { kind: "whole", exported: { text, digest, slot: slot ?? 0, item } };
  } catch (error) {
    if (error instanceof FleetError) return unread(`${error.problems[0].what} [${error.code}]`);
    if (error instanceof SyntaxError) return unread("its result is not JSON");
    throw error;
  }
}

type Parts = Extract<Result, { kind: "part" }>[];

/** Puts the parts together. `lacksEarlier`: parts before those that are known are missing. Pure. */
function together(results: readonly Result[]) {
  const exports: ExportedState[] = [];
  const unread: Unread[] = [];
  const byExport = new Map<string, Parts>();
  for (const result of results) {
    if (result.kind === "whole") exports.push(result.exported);
    if (result.kind === "unread") unread.push(result.unread);
    if (result.kind === "part")
      byExport.set(result.reply.part.id, [...(byExport.get(result.reply.part.id) ?? []), result]);
  }
  let lacksEarlier = false;
  for (const parts of byExport.values()) {
    parts.sort((a, b) => a.reply.part.n - b.reply.part.n);
    const exported = stateOf(parts);
    if (exported !== undefined) {
      exports.push(exported);
      continue;
    }
    const slot = parts[0]?.reply.slot ?? 0;
    lacksEarlier ||= parts.some(({ reply }, i) => reply.part.n !== i + 1);
    unread.push({ what: `the export in parts of slot ${slot}: it is not complete`, slot });
  }
  return { exports, unread, lacksEarlier };
}

/** The state of all parts of an export; undefined if one is missing or modified. Pure. */
function stateOf(parts: Parts): ExportedState | undefined {
  const [first] = parts;
  const header = first?.reply.part.header;
  if (first === undefined || header === undefined || parts.at(-1)?.reply.part.isLast !== true)
    return undefined;
  const all = new StateParts();
  let chain = "";
  for (const [i, { reply }] of parts.entries()) {
    const digest = sha256(reply.part.text);
    chain = runningDigest(chain, digest);
    if (reply.part.n !== i + 1 || digest !== reply.part.digest || chain !== reply.part.chain)
      return undefined;
    all.add(reply.part.text);
  }
  const text = canonicalJson(StateSchema.parse(all.state(header)));
  return { text, digest: sha256(text), slot: first.reply.slot ?? 0, item: first.item };
}
