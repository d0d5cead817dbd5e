import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { luaList } from "../protocol/lua.ts";
import { OldWaitsSchema } from "./old-waits.ts";

/** The states and globals of an export; unknown members are kept, because the digest covers everything. */
export const StateSchema = z.looseObject({
  /** Shape of the states. */
  stateVersion: z.string(),
  /** Tables that the program registers with `fleet.state`, by name. */
  states: z.record(z.string(), z.unknown()).optional(),
  /** Globals of the program, by name. */
  globals: z.record(z.string(), z.unknown()).optional(),
});

/** State that messages keep in the program's code, which no export contains. */
const InCodeSchema = z.looseObject({
  /** At most 200. `kind`: MODULE, FUNCTION or HANDLER. */
  items: luaList(z.looseObject({ kind: z.string(), name: z.string() })),
  /** Number of all items. */
  count: z.number(),
  /** Names of modules that are too large to be compared. */
  notCompared: luaList(z.string()),
});

export type InCode = z.infer<typeof InCodeSchema>;

/** The reply to EXPORT_STATE. */
export const ExportedSchema = z.looseObject({
  digest: z.string(),
  slot: z.number().int().nullish(),
  state: StateSchema,
  /** The program's globals; absent with earlier libraries, which do not export globals. */
  globals: z
    .looseObject({
      /** Names of the exported globals. */
      carried: luaList(z.string()),
      /** Names of other globals that messages changed and that the declaration does not list. */
      left: luaList(z.string()),
      /** Names of exported globals that are too large to know whether messages changed them; none with earlier libraries. */
      unknown: luaList(z.string()),
      /** Number of handlers that wait for a message, with the old ones. */
      waiting: z.number(),
      /** Those of them that a hand-over does not wait for; absent if there are none, and with earlier libraries, which know no age. */
      old: OldWaitsSchema.optional(),
    })
    .optional(),
  /** Names of the states that an import can give their default again; absent with earlier libraries, which cannot. */
  resettable: luaList(z.string()).optional(),
  /** Absent with earlier libraries, which do not detect it. */
  code: InCodeSchema.optional(),
});

export type Exported = z.infer<typeof ExportedSchema>;

/** One part of a state that is too large for one message: see `parts.ts`. */
const ExportedPartSchema = z.looseObject({
  /** Of the export; the same in all parts. */
  id: z.string(),
  /** From 1. */
  n: z.number().int(),
  text: z.string(),
  /** sha256 of the text. */
  digest: z.string(),
  /** The running digest of all parts so far. */
  chain: z.string(),
  isLast: z.boolean(),
  /** Whether the process refuses requests to declared actions until the next part. */
  isHeld: z.boolean().optional(),
  /** With the first part: the members of the state that are not in the parts. */
  header: z.looseObject({ schema: z.number(), stateVersion: z.string(), hasGlobals: z.boolean() }).optional(),
});

/** The reply to EXPORT_STATE with a part; its other members are those of the whole. */
export const PartReplySchema = ExportedSchema.omit({ digest: true, state: true }).extend({
  part: ExportedPartSchema,
});

export type PartReply = z.infer<typeof PartReplySchema>;

/** The contents of an export. */
interface Contents {
  /** Registered tables that are not empty. */
  readonly states: string[];
  readonly globals: string[];
}

/** Pure. */
export function contentsOf({ states = {}, globals = {} }: z.infer<typeof StateSchema>): Contents {
  const filled = Object.entries(states).filter(([, value]) => Object.keys(value ?? {}).length > 0);
  return { states: filled.map(([name]) => name).sort(), globals: Object.keys(globals).sort() };
}

/** Whether an export is empty: then comparing it proves nothing. Pure. */
export const isEmpty = ({ states, globals }: Contents): boolean => states.length + globals.length === 0;

/** `1 state (shop), 2 globals (Balances, Minted)`, or `nothing`. Pure. */
export function contentsText({ states, globals }: Contents): string {
  const parts = [counted(states, "state"), counted(globals, "global")].filter((part) => part !== "");
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

/** `module bank, function Fee, handler sub-tea`; empty if there is nothing. Pure. */
export function inCodeText({ items, count }: Pick<InCode, "items" | "count">): string {
  const shown = items.slice(0, MAX_NAMES).map(({ kind, name }) => `${kind.toLowerCase()} ${name}`);
  return shown.join(", ") + (count > shown.length ? `, … ${count - shown.length} more` : "");
}

/** What an export does not contain because it is in the code, as the end of a sentence; empty if there is nothing. Pure. */
export function notExportedText(code: InCode | undefined): string {
  if (code === undefined) return "";
  const changed = code.count === 0 ? "" : `; not included, because it is in the code: ${inCodeText(code)}`;
  const large =
    code.notCompared.length === 0
      ? ""
      : `; too large to know whether messages changed them: ${code.notCompared.map((name) => `module ${name}`).join(", ")}`;
  return changed + large;
}

/** What is said if an export is empty. Pure. */
export const EMPTY_TEXT =
  "the tables of fleet.state are empty, and no message changed the data of a global; local variables and closures are not visible";

/** Maximum number of names that are shown. */
const MAX_NAMES = 6;

function counted(names: readonly string[], noun: string): string {
  if (names.length === 0) return "";
  const more = names.length > MAX_NAMES ? `, … ${names.length - MAX_NAMES} more` : "";
  return `${amount(names.length, noun)} (${names.slice(0, MAX_NAMES).join(", ")}${more})`;
}
