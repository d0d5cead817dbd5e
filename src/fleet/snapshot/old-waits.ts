/** Handlers that have waited for a message for so long that a hand-over does not wait for them. */
import { z } from "zod";
import { ageOf } from "../../core/age.ts";
import { amount } from "../../core/amount.ts";
import { luaList } from "../protocol/lua.ts";

/**
 * Milliseconds for which a run awaits open calls and handlers that wait for a message. A handler is old after 30 s (`src/runtime/fleet/waiting.lua`)
 * by the scheduler's time: the rest is for the difference.
 */
export const AWAIT_MS = 35_000;

export const OldWaitsSchema = z.looseObject({
  count: z.number().int(),
  /** At most 6, the oldest first. `id`: the message since which it waits; absent if it is not known. `ms`: for how long. */
  items: luaList(z.looseObject({ id: z.string().optional(), ms: z.number() })),
});

export type OldWaits = z.infer<typeof OldWaitsSchema>;

/** The number of those that a hand-over waits for. Pure. */
export const awaited = (all: number, old: OldWaits | undefined): number => all - (old?.count ?? 0);

/** What a hand-over gave up, as the end of a sentence; empty if nothing. Pure. */
export function givenUpText(old: OldWaits | undefined): string {
  if (old === undefined || old.count === 0) return "";
  const shown = old.items.map(
    ({ id, ms }) => `${id === undefined ? "" : `since message ${id.slice(0, 43)}, `}for ${ageOf(ms)}`,
  );
  const more = old.count > shown.length ? `; … ${old.count - shown.length} more` : "";
  const they = old.count === 1 ? "it" : "they";
  return `; gave up ${amount(old.count, "handler")} that waited for a message (Receive), so what ${they} would have done next is lost: ${shown.join("; ")}${more}`;
}
