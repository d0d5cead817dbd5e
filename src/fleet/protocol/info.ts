import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { rounded } from "../../core/json.ts";
import type { FleetSession } from "../fleet-session.ts";
import { HandChangesSchema, type Place } from "../health/verdict.ts";
import type { Member } from "../members/member.ts";
import { ask, type Sender } from "./ask.ts";
import { dryAsk } from "./dry.ts";
import { luaList, luaMap } from "./lua.ts";

/** What a process with the library answers. Those that an earlier library does not say are optional or have a default. */
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
  changedByHand: HandChangesSchema,
  configVersions: luaMap(z.number()),
  /** Name → process id. */
  peers: luaMap(z.string()),
  /** Names of the peers that have no library. */
  peersWithoutLibrary: luaList(z.string()).optional(),
  /** Process id of the peer that carries the router. */
  router: z.string().optional(),
  /** Processes and wallets that may change it, besides its owner. */
  allowed: luaList(z.string()),
  owner: z.string().optional(),
  stats: z
    .looseObject({
      messages: z.number(),
      errors: z.number(),
      refused: z.number(),
      luaHeapKB: z.number().default(0),
    })
    .optional(),
};

/** What stands for a field that is absent or of another type. */
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

/** The reply to `Info`, with the fields `K` as the library writes them; any other may be absent. */
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
 * The schema of `Info`: of a program that answers it in a shape of its own everything is absent but what it happens to say.
 *
 * @param needed fields that the reader cannot do without: where one is of another type the reply is none
 */
export function infoSchema<K extends Field = never>(...needed: readonly K[]): z.ZodType<Info<K>> {
  const strict = Object.fromEntries(needed.map((field) => [field, FIELDS[field]]));
  const schema = z.preprocess(rounded, z.looseObject({ ...LENIENT, ...strict }));
  return schema as z.ZodType as z.ZodType<Info<K>>;
}

/**
 * What a process says of itself, by a signed message.
 *
 * @throws FleetError as `ask`; BAD_REPLY where a needed field is not there
 */
export const info = <K extends Field = never>(
  session: Sender,
  { name, generation, processId }: Place,
  budget: Budget,
  ...needed: readonly K[]
): Promise<Info<K>> =>
  ask(session, { name, generation, processId, action: "Info" }, infoSchema(...needed), budget);

/**
 * The same by a dry run.
 *
 * @throws FleetError as `dryAsk`; BAD_REPLY where a needed field is not there
 */
export const dryInfo = <K extends Field = never>(
  fleet: Pick<FleetSession, "session">,
  member: Member,
  seconds: number,
  ...needed: readonly K[]
): Promise<Info<K>> => dryAsk(fleet, { member, action: "Info", seconds }, infoSchema(...needed));
