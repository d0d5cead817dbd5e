/** Exports and imports a large state in parts: one signed message for each. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { type Budget, type GrowingBudget, growing } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import { type Exported, type PartReply, PartReplySchema, StateSchema } from "../snapshot/contents.ts";
import { partsOf, runningDigest, StateParts } from "../snapshot/parts.ts";
import { ask, type Sender } from "./ask.ts";
import { luaList } from "./lua.ts";

type Request = Omit<Parameters<typeof ask>[1], "data">;

const TakenSchema = z.looseObject({
  part: z.looseObject({ n: z.number(), chain: z.string() }),
  reset: luaList(z.string()).optional(),
});

/** Seconds that each part that arrived adds to the time limit of an export or import: a part is one message of about 200 kB. */
const PART_SECONDS = 30;

/** The time limit of an export or import, which may be in parts. */
export const forParts = (budget: Budget): GrowingBudget => growing(budget, PART_SECONDS);

const mismatch = (name: string, what: string, got: string, expected: string): FleetError =>
  new FleetError({
    code: "DIGEST_MISMATCH",
    what: `${what} of ${name} does not match its digest.`,
    got: got.slice(0, 12),
    expected: expected.slice(0, 12),
    remedy: "The message was modified in transit; check the compute unit and its proxies.",
  });

/**
 * The rest of an export in parts.
 *
 * @param first the reply with the first part
 * @param hold whether the process refuses requests until the last part
 * @throws FleetError STATE_CHANGED: the state changed meanwhile, so its parts do not fit together; DIGEST_MISMATCH
 */
export async function exportedInParts(
  session: Sender,
  request: Request,
  first: PartReply,
  budget: GrowingBudget,
  hold: { readonly hold?: true },
): Promise<Exported> {
  const all = new StateParts();
  let chain = "";
  let { part } = first;
  for (;;) {
    const digest = sha256(part.text);
    chain = runningDigest(chain, digest);
    if (digest !== part.digest || chain !== part.chain)
      throw mismatch(request.name, `Part ${part.n} of the exported state`, chain, part.chain);
    all.add(part.text);
    budget.grow();
    if (part.isLast) break;
    const data = { part: { n: part.n + 1, id: part.id, ...hold } };
    const next = (await ask(session, { ...request, data }, PartReplySchema, budget.step())).part;
    if (next.id !== part.id || next.n !== part.n + 1)
      throw mismatch(request.name, `Part ${next.n} of the exported state`, next.id, part.id);
    part = next;
  }
  const { part: opening, ...rest } = first;
  const header = opening.header ?? { schema: 1, stateVersion: "1", hasGlobals: false };
  const state = StateSchema.parse(all.state(header));
  return { ...rest, state, digest: sha256(canonicalJson(state)) };
}

/**
 * Imports a state in parts. The process compares each part, as it keeps it, with what was sent; its running digest covers all of them.
 *
 * @returns the digest of the state, and those of `reset` that have their default now
 * @throws FleetError DIGEST_MISMATCH, and as `ask`; INVALID_DATA of a library that does not know parts
 */
export async function importInParts(
  session: Sender,
  request: Request,
  {
    state,
    digest,
    reset,
  }: { readonly state: unknown; readonly digest: string; readonly reset?: readonly string[] },
  budget: GrowingBudget,
): Promise<{ digest: string; reset: readonly string[] }> {
  const actual = sha256(canonicalJson(state));
  if (actual !== digest) throw mismatch(request.name, "The state", actual, digest);
  const whole = z.looseObject({ schema: z.number(), stateVersion: z.string() }).parse(state);
  const header = {
    schema: whole.schema,
    stateVersion: whole.stateVersion,
    hasGlobals: whole.globals !== undefined,
  };
  const id = randomUUID();
  let chain = "";
  let done: readonly string[] = [];
  for (const part of partsOf(whole)) {
    const data = {
      part: { ...part, id, ...(part.n === 1 ? { header } : {}) },
      ...(part.isLast && reset !== undefined ? { reset } : {}),
    };
    chain = runningDigest(chain, part.digest);
    const taken = await ask(session, { ...request, data }, TakenSchema, budget.step());
    if (taken.part.chain !== chain)
      throw mismatch(request.name, `Part ${part.n} of the imported state`, taken.part.chain, chain);
    done = taken.reset ?? [];
    budget.grow();
  }
  return { digest, reset: done };
}
