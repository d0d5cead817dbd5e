import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { rounded } from "../../core/json.ts";
import { TimeSchema } from "../../delivery/time.ts";
import type { FleetSession } from "../fleet-session.ts";
import { SealedSchema } from "../health/sealed.ts";
import { ManualChangesSchema, type ProcessRef } from "../health/verdict.ts";
import type { Member } from "../members/member.ts";
import { ask, type Sender } from "./ask.ts";
import { dryAsk } from "./dry.ts";
import { luaList, luaMap } from "./lua.ts";

/** The fields of a process with the library. Fields that an earlier library lacks are optional or have a default. */
const FIELDS = {
  name: z.string(),
  processType: z.string(),
  version: z.string(),
  status: z.string(),
  epoch: z.number().int(),
  /** sha256 of the code; "" for none. */
  sourceHash: z.string().default(""),
  /** Deployment that loaded the code; "" for none. */
  release: z
    .string()
    .nullish()
    .transform((value) => value ?? ""),
  stateVersion: z.string().default(""),
  capabilities: luaList(z.string()),
  handlers: luaList(z.string()),
  migrations: luaList(z.looseObject({ from: z.string(), to: z.string(), down: z.boolean() })),
  changedByHand: ManualChangesSchema,
  configVersions: luaMap(z.number()),
  /** Name → process id. */
  peers: luaMap(z.string()),
  /** Names of the peers without the library. */
  peersWithoutLibrary: luaList(z.string()).optional(),
  /** Process id of the peer that contains the router. */
  router: z.string().optional(),
  /** Processes and wallets that may change it, in addition to its owner. */
  allowed: luaList(z.string()),
  owner: z.string().optional(),
  /** Names of all actions. */
  actions: luaList(z.string()).optional(),
  /** Names of the program's actions that are closed to strangers by their role, and of those of which a rule of the program decides. */
  guarded: luaList(z.string()).optional(),
  guardedByRule: luaList(z.string()).optional(),
  /** Absent if it has no sealed ranges, and with earlier libraries. */
  sealed: SealedSchema.optional(),
  stats: z
    .looseObject({
      messages: z.number().min(0),
      errors: z.number().min(0),
      refused: z.number().min(0),
      luaHeapKB: z.number().min(0).default(0),
      /** Scheduler's time of the latest tick of its cron, in milliseconds since 1970; absent before the first. */
      lastTickAt: TimeSchema.optional().catch(undefined),
    })
    .optional(),
};

/** The values of fields that are absent or of another type. */
const ABSENT = {
  version: "",
  sourceHash: "",
  release: "",
  stateVersion: "",
  capabilities: [],
  handlers: [],
  migrations: [],
  allowed: [],
  peers: {},
} as const;

type Fields = typeof FIELDS;
type Field = keyof Fields;

/** The reply to `Info`, with the fields `K` as the library sends them; any other may be absent. */
export type Info<K extends Field = never> = {
  readonly [F in Field]: F extends K | keyof typeof ABSENT
    ? z.output<Fields[F]>
    : z.output<Fields[F]> | undefined;
};

const LENIENT = Object.fromEntries(
  Object.entries(FIELDS).map(([field, schema]) => [
    field,
    (schema as z.ZodType).catch(() => (ABSENT as Readonly<Record<string, unknown>>)[field]),
  ]),
);

/**
 * The schema of `Info`. A program that answers in its own shape may lack any field.
 *
 * @param needed required fields: if one is of another type, the reply is invalid
 */
function infoSchema<K extends Field = never>(...needed: readonly K[]): z.ZodType<Info<K>> {
  const strict = Object.fromEntries(needed.map((field) => [field, FIELDS[field]]));
  const schema = z.preprocess(rounded, z.looseObject({ ...LENIENT, ...strict }));
  return schema as z.ZodType as z.ZodType<Info<K>>;
}

/** The `Info` in a reply's data, parsed as JSON; undefined if a needed field is missing. Pure. */
export const infoIn = <K extends Field = never>(
  json: unknown,
  ...needed: readonly K[]
): Info<K> | undefined => infoSchema(...needed).safeParse(json).data;

/**
 * Reads a process' `Info` by a signed message.
 *
 * @throws FleetError as `ask`; BAD_REPLY if a needed field is missing
 */
export const info = <K extends Field = never>(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  budget: Budget,
  ...needed: readonly K[]
): Promise<Info<K>> =>
  ask(session, { name, generation, processId, action: "Info" }, infoSchema(...needed), budget);

/**
 * The same by a dry run.
 *
 * @throws FleetError as `dryAsk`; BAD_REPLY if a needed field is missing
 */
export const dryInfo = <K extends Field = never>(
  fleet: Pick<FleetSession, "session">,
  member: Member,
  seconds: number,
  ...needed: readonly K[]
): Promise<Info<K>> => dryAsk(fleet, { member, action: "Info", seconds }, infoSchema(...needed));
