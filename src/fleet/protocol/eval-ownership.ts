/** Finds out whether aos ran an Eval: an ignored Eval can have the same empty result as one that returns nothing. */
import { randomBytes } from "node:crypto";
import { looksLikeInbox } from "../../ao/inbox.ts";
import type { Evaluation } from "../../ao/port.ts";
import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Member } from "../members/member.ts";

/** Whether the session's wallet owns a process. */
type Ownership =
  | { readonly kind: "ours" }
  | { readonly kind: "other"; readonly owner: string }
  | { readonly kind: "unknown" };

/**
 * Whether an Eval of this wallet that ended without an error and without a reply was run.
 *
 * @param evaluation the Eval's evaluation
 * @returns false if the owner of the process is unknown
 * @throws FleetError NOT_OWNER, with the owner and the wallet
 */
export async function wasEvalRun(
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
    what: `${name} did not run the Eval: aos only runs Evals of the process's owner.`,
    got: `the wallet ${ao.address}${isInbox ? ", whose Eval went to the inbox" : ""}`,
    expected: `${owner} that owns ${processId}`,
    remedy: "Use the owner's wallet: npx pulumi config set walletPath <file>, for the stack of this process.",
  });
}

/** An Eval in a dry run proves ownership. If the unit rejects it, the spawner counts as the owner, as in aos at first. */
async function ownership(
  ao: FleetSession["session"]["ao"],
  { processId }: Member,
  prove: boolean,
  budget: Budget,
): Promise<Ownership> {
  const canProve = ao.dryRunner === "wallet";
  if (prove && canProve && (await isProved(ao, processId, budget))) return { kind: "ours" };
  const [spawn] = await ao.find({ ids: [processId] }, budget);
  if (!spawn) return { kind: "unknown" };
  if (spawn.owner === ao.address) return { kind: "ours" };
  // The spawner may have transferred it to this wallet.
  return canProve ? { kind: "other", owner: spawn.owner } : { kind: "unknown" };
}

async function isProved(
  ao: FleetSession["session"]["ao"],
  processId: string,
  budget: Budget,
): Promise<boolean> {
  const nonce = randomBytes(12).toString("hex");
  // The result is reversed, so an output that only repeats the Eval's code, such as an inbox announcement, does not match.
  const data = `return string.reverse("${nonce}")`;
  const { output } = await ao.dryrun({ processId, tags: { Action: "Eval" }, data }, budget);
  return output.includes([...nonce].reverse().join(""));
}
