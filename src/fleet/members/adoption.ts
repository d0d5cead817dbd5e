import { z } from "zod";
import { ADDRESS } from "../../core/address.ts";
import { FleetError } from "../../core/errors.ts";
import { readJson } from "../files.ts";
import type { Session } from "../session/session.ts";

/** The process that `fleet adopt` found for one member and was told to adopt. */
const AdoptedSchema = z.strictObject({
  /** Its AO process id. */
  processId: z.string().regex(ADDRESS),
  /** Number of this process among those that the member has had. */
  generation: z.number().int().positive(),
  /** sha256 of the code that it reports; "" if none was ever loaded. */
  sourceHash: z.string(),
  /** The message that loaded that code, if the last release or the ledger contains it. */
  evalId: z.string().optional(),
  /** Time of that entry, in milliseconds since 1970. */
  loadedAt: z.number().optional(),
});

const AdoptionSchema = z.strictObject({
  /** Whether a member that is not listed here may be created; else a spawn is refused. */
  allowCreate: z.boolean(),
  /** By the member's name. */
  members: z.record(z.string(), AdoptedSchema),
});

/** The plan of `fleet adopt` that a person confirmed: the process that each member adopts. Nothing else is adopted. */
export type Adoption = z.infer<typeof AdoptionSchema>;

const read = new Map<string, Promise<Adoption>>();

/** The adoption that a run of `fleet adopt` performs; undefined in any other run. */
export function adoption({ request }: Pick<Session, "request">): Promise<Adoption | undefined> {
  const path = request.adopt;
  if (path === undefined) return Promise.resolve(undefined);
  const known = read.get(path) ?? readJson(path).then((json) => AdoptionSchema.parse(json));
  read.set(path, known);
  return known;
}

/**
 * Refuses to create a process in a run that may only adopt existing ones.
 *
 * @throws FleetError ADOPT_MISSING
 */
export async function assertMayCreate(session: Pick<Session, "request">, name: string): Promise<void> {
  const found = await adoption(session);
  if (found === undefined || found.allowCreate) return;
  throw new FleetError({
    code: "ADOPT_MISSING",
    what: `No process was found that ${name} could adopt, and creating one is not allowed.`,
    at: `processes.${name}`,
    got: "no active process of this member",
    expected: "a process to adopt",
    remedy: `npx fleet adopt lists the processes found; --allow-create allows it to create ${name}.`,
  });
}
