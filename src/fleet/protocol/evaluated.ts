/** Whether aos ran an Eval, where its result alone does not tell: one that is ignored may end as empty as one that returns nothing. */
import { randomBytes } from "node:crypto";
import { looksLikeInbox } from "../../ao/inbox.ts";
import type { Evaluation } from "../../ao/port.ts";
import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Member } from "../members/member.ts";

/** What is known of a process and the wallet of the session. */
type Ownership =
  | { readonly kind: "ours" }
  | { readonly kind: "other"; readonly owner: string }
  | { readonly kind: "unknown" };

/**
 * Whether an Eval of this wallet, evaluated without an error and without a reply, was run.
 *
 * @param evaluation of the Eval
 * @returns false where nothing tells whose the process is
 * @throws FleetError NOT_OWNER, with the owner and the wallet
 */
export async function wasRun(
  { session }: Pick<FleetSession, "session">,
  member: Member,
  evaluation: Pick<Evaluation, "output" | "error">,
  seconds: number,
): Promise<boolean> {
  const { ao } = session;
  const isInbox = looksLikeInbox(evaluation, ao.address);
  const owned = await ownership(ao, member, !isInbox, budgetOf(seconds));
  if (!isInbox && owned.kind !== "other") return owned.kind === "ours";
  const { name, processId } = member;
  const owner = owned.kind === "other" ? `the wallet ${owned.owner}` : "the wallet";
  throw new FleetError({
    code: "NOT_OWNER",
    what: `${name} did not run the Eval: aos runs those of the process's owner alone.`,
    got: `the wallet ${ao.address}${isInbox ? ", whose Eval went to the inbox" : ""}`,
    expected: `${owner} that owns ${processId}`,
    remedy: "Use that wallet: npx pulumi config set walletPath <file>, for the stack of this process.",
  });
}

/** An Eval in a dry run proves it. Where a unit takes none, whoever spawned the process is the owner that aos knows first. */
async function ownership(
  ao: FleetSession["session"]["ao"],
  { processId }: Member,
  prove: boolean,
  budget: Budget,
): Promise<Ownership> {
  if (prove && (await isProved(ao, processId, budget))) return { kind: "ours" };
  const [spawn] = await ao.find({ ids: [processId] }, budget);
  if (!spawn) return { kind: "unknown" };
  return spawn.owner === ao.address ? { kind: "ours" } : { kind: "other", owner: spawn.owner };
}

async function isProved(
  ao: FleetSession["session"]["ao"],
  processId: string,
  budget: Budget,
): Promise<boolean> {
  const nonce = randomBytes(12).toString("hex");
  // What only says the text of the Eval, as an inbox does, has it the other way round.
  const data = `return string.reverse("${nonce}")`;
  const { output } = await ao.dryrun({ processId, tags: { Action: "Eval" }, data }, budget);
  return output.includes([...nonce].reverse().join(""));
}
