import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { hashOf } from "../../core/hash.ts";
import { TimeSchema } from "../../delivery/time.ts";
import { withReplaceRemedy } from "../members/ruined.ts";
import type { Target } from "../members/target.ts";
import { ask, type Sender } from "../protocol/ask.ts";
import { luaMap } from "../protocol/lua.ts";

const version = z.union([z.number(), z.string()]);
const EntrySchema = z.looseObject({
  configData: luaMap(z.unknown()).optional(),
  version,
  hash: z.string(),
  /** Scheduler's time, milliseconds. */
  at: TimeSchema.optional().catch(undefined),
  by: z.string().optional(),
  requestedBy: z.string().optional(),
  notEnforceable: z.array(z.string()).optional(),
});
const MarkSchema = z.looseObject({ at: TimeSchema.catch(0), by: z.string() });
const HistoryEntrySchema = EntrySchema.extend({
  current: z.boolean().optional(),
  takenBack: MarkSchema.optional(),
  cleared: MarkSchema.optional(),
});
const HeldSchema = z.looseObject({
  configs: luaMap(EntrySchema),
  highest: luaMap(version).default({}),
  history: luaMap(z.array(HistoryEntrySchema)).optional(),
});

/** One version of a config, as reported by a process. */
export type HistoryEntry = z.infer<typeof HistoryEntrySchema>;

/** The config of one type that a process holds. */
export interface HeldConfig {
  readonly data: Readonly<Record<string, unknown>>;
  readonly version: number | string;
  /** Recomputed from the data. */
  readonly hash: string;
  readonly at?: number;
  readonly by?: string;
  /** The process on whose behalf `by` set it, if any. */
  readonly requestedBy?: string;
  readonly notEnforceable: readonly string[];
}

/** A process' configs, as reported. */
export interface ReportedConfigs {
  readonly held: Readonly<Record<string, HeldConfig>>;
  /** Highest version that a type ever had, as an integer. */
  readonly highest: Readonly<Record<string, number>>;
  /** The latest versions, oldest first; only if requested. */
  readonly history: Readonly<Record<string, readonly HistoryEntry[]>>;
}

/** Reads a process' configs by a signed message. */
export async function readConfigs(
  session: Sender,
  target: Target,
  data: { readonly configType?: string; readonly history?: boolean },
  budget: Budget,
): Promise<ReportedConfigs> {
  const request = { ...target, action: "GET_CONFIG", data };
  const reply = await ask(session, request, HeldSchema, budget).catch((error: unknown) => {
    throw withReplaceRemedy(target.name, error);
  });
  return {
    held: Object.fromEntries(Object.entries(reply.configs).map(([type, entry]) => [type, heldOf(entry)])),
    highest: Object.fromEntries(
      Object.entries(reply.highest).map(([type, highest]) => [type, integerVersion(highest)]),
    ),
    history: reply.history ?? {},
  };
}

/** Who set something, through whom and when, as far as the process reports it. */
export const authored = ({
  by,
  requestedBy,
  at,
}: {
  readonly by?: string | undefined;
  readonly requestedBy?: string | undefined;
  readonly at?: number | undefined;
}): Pick<HeldConfig, "by" | "requestedBy" | "at"> => ({
  ...(by === undefined ? {} : { by }),
  ...(requestedBy === undefined ? {} : { requestedBy }),
  ...(at === undefined ? {} : { at }),
});

function heldOf(entry: z.infer<typeof EntrySchema>): HeldConfig {
  const { configData: data = {}, version: held, notEnforceable = [] } = entry;
  return {
    data,
    version: held,
    hash: hashOf(data),
    notEnforceable,
    ...authored(entry),
  };
}

/** The integer part of a version: clients may send `"2.1.0"`. Pure. */
export function integerVersion(given: number | string): number {
  const value = Math.floor(typeof given === "number" ? given : Number.parseInt(given, 10));
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}
