import { z } from "zod";
import { FleetError } from "../../core/errors.ts";
import { readJson } from "../files.ts";
import type { Session } from "../session/session.ts";

/** What `fleet adopt` found for one member and was told to take. */
const AdoptedSchema = z.strictObject({
  /** Its AO process id. */
  processId: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /** Which of the AO processes that the member has had. */
  generation: z.number().int().positive(),
  /** sha256 of the code that it says it runs; "" when none was ever loaded. */
  sourceHash: z.string(),
  /** The message that loaded that code, where the last release or the ledger names it. */
  evalId: z.string().optional(),
  /** When that was said there, milliseconds since 1970. */
  loadedAt: z.number().optional(),
});

const AdoptionSchema = z.strictObject({
  /** Whether a member that is not named here may be made. Else a spawn is refused. */
  allowCreate: z.boolean(),
  /** By the member's name. */
  members: z.record(z.string(), AdoptedSchema),
});

/** What `fleet adopt` shows and a person agrees to: which process each member takes over. Nothing else is taken. */
export type Adoption = z.infer<typeof AdoptionSchema>;

const read = new Map<string, Promise<Adoption>>();

/** The adoption that a run of `fleet adopt` carries out; undefined in any other run. */
export function adoption({ request }: Pick<Session, "request">): Promise<Adoption | undefined> {
  const path = request.adopt;
  if (path === undefined) return Promise.resolve(undefined);
  const known = read.get(path) ?? readJson(path).then((json) => AdoptionSchema.parse(json));
  read.set(path, known);
  return known;
}

/**
 * Refuses to make a process in a run that was only to take over what is there.
 *
 * @throws FleetError ADOPT_MISSING
 */
export async function assertMayCreate(session: Pick<Session, "request">, name: string): Promise<void> {
  const found = await adoption(session);
  if (found === undefined || found.allowCreate) return;
  throw new FleetError({
    code: "ADOPT_MISSING",
    what: `Nothing was found that ${name} could take over, and no new process is to be made.`,
    at: `processes.${name}`,
    got: "no living process of this member",
    expected: "a process to take over",
    remedy: `npx fleet adopt lists what there is; --allow-create lets it make ${name} anew.`,
  });
}
