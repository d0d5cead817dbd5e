/**
 * What processes publish about themselves (`src/runtime/fleet/published.lua`), read without a message. Like a dry run it is for display,
 * not for verdicts: nothing proves that the library of the process still runs, only what it reported last.
 */
import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import { jsonIn } from "../../core/json.ts";
import { TimeSchema } from "../../delivery/time.ts";
import { type PublishedTraffic, PublishedTrafficSchema } from "../../delivery/wire.ts";
import { CheckSchema } from "../health/schema.ts";
import type { Session } from "../session/session.ts";
import { type Info, infoIn } from "./info.ts";
import { luaList } from "./lua.ts";

const OwnSchema = z.looseObject({
  schema: z.literal(1),
  /** Scheduler's time and slot of the message after which it was published. The message that first loads the library has no slot. */
  at: TimeSchema,
  slot: z.number().int().min(0).optional(),
  /** Its own judgement by all checks; absent if it could not judge itself. */
  health: z
    .looseObject({ healthStatus: z.enum(["HEALTHY", "DEGRADED", "UNHEALTHY"]), failed: luaList(CheckSchema) })
    .optional()
    .catch(undefined),
});

/** When a process published something. */
export interface PublishedAt {
  /** Milliseconds since 1970, by the scheduler's clock. */
  readonly at: number;
  readonly slot?: number;
}

/** The published state of a process with the library. */
interface PublishedState extends PublishedAt {
  readonly info: Info<"status">;
  readonly health?: z.infer<typeof OwnSchema>["health"];
}

/** Seconds for a read, after which the caller asks by a message. */
const SECONDS = 5;

type Reader = Pick<Session, "ao">;

/** Reads what a process reports about itself; undefined if it publishes nothing that can be read, so that it has to be asked. */
export async function publishedState(
  session: Reader,
  { processId }: { readonly processId: string },
): Promise<PublishedState | undefined> {
  const json = await partOf(session, processId, "state");
  const own = OwnSchema.safeParse(json).data;
  const info = infoIn(json, "status");
  if (own === undefined || info === undefined) return undefined;
  const { at, slot, health } = own;
  return { info, at, ...(slot === undefined ? {} : { slot }), ...(health === undefined ? {} : { health }) };
}

/** The table of a router, without figures. */
export async function publishedTraffic(
  session: Reader,
  { processId }: { readonly processId: string },
): Promise<PublishedTraffic | undefined> {
  return PublishedTrafficSchema.safeParse(await partOf(session, processId, "traffic")).data;
}

async function partOf({ ao }: Reader, processId: string, part: string): Promise<unknown> {
  if (!ao.published) return undefined;
  const value = await ao.published({ processId, path: ["fleet", part] }, budgetOf(SECONDS));
  return typeof value === "string" ? jsonIn(value) : value;
}

/** Milliseconds for which a judgement counts as current, although messages came after it. */
const RECENT = 120_000;

/**
 * Whether a published state is enough to call the process healthy: it says so itself, and no message came after it, or it is recent. Otherwise
 * the process is asked. Pure.
 *
 * @param newest the newest slot of the process; undefined if it is not known
 */
export function isHealthyNow(
  { at, slot, health, info }: PublishedState,
  newest: number | undefined,
  now: number,
): boolean {
  const isCurrent = (slot !== undefined && slot === newest) || Math.abs(now - at) < RECENT;
  return isCurrent && health?.healthStatus === "HEALTHY" && info.status === "ACTIVE";
}
