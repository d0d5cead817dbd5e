import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { luaList } from "../protocol/lua.ts";

/** The states and globals of an export; everything of it is kept as it came, since its digest is of the whole. */
export const StateSchema = z.looseObject({
  /** Shape of the states. */
  stateVersion: z.string(),
  /** Tables that the program registers with `fleet.state`, by name. */
  states: z.record(z.string(), z.unknown()).optional(),
  /** Globals of the program, by name. */
  globals: z.record(z.string(), z.unknown()).optional(),
});

/** What EXPORT_STATE answers. */
export const ExportedSchema = z.looseObject({
  digest: z.string(),
  slot: z.number().int().nullish(),
  state: StateSchema,
  /** What is known of the program's globals; a library from before it carried them says nothing. */
  globals: z
    .looseObject({
      /** Names of those that are in it. */
      carried: luaList(z.string()),
      /** Names of others that messages changed: the declaration does not name them. */
      left: luaList(z.string()),
      /** Handlers that wait for one answer each. */
      waiting: z.number(),
    })
    .optional(),
});

export type Exported = z.infer<typeof ExportedSchema>;

/** What an export holds. */
interface Contents {
  /** Registered tables that have anything in them. */
  readonly states: string[];
  readonly globals: string[];
}

/** Pure. */
export function contentsOf({ states = {}, globals = {} }: z.infer<typeof StateSchema>): Contents {
  const filled = Object.entries(states).filter(([, value]) => Object.keys(value ?? {}).length > 0);
  return { states: filled.map(([name]) => name).sort(), globals: Object.keys(globals).sort() };
}

/** Whether there is nothing in it: that two of these are equal says nothing. Pure. */
export const isEmpty = ({ states, globals }: Contents): boolean => states.length + globals.length === 0;

/** `1 state (shop), 2 globals (Balances, Minted)`, or `nothing`. Pure. */
export function contentsWords({ states, globals }: Contents): string {
  const parts = [counted(states, "state"), counted(globals, "global")].filter((part) => part !== "");
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

const MOST = 6;

function counted(names: readonly string[], noun: string): string {
  if (names.length === 0) return "";
  const more = names.length > MOST ? `, … ${names.length - MOST} more` : "";
  return `${amount(names.length, noun)} (${names.slice(0, MOST).join(", ")}${more})`;
}
