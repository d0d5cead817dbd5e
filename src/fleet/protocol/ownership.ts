/** Who owns a process, and the Eval by which its owner hands it over. */
import { randomBytes } from "node:crypto";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { startOf } from "../../core/unicode.ts";
import { readRunningCode } from "../code/without-library.ts";
import type { StackProcess } from "../members/every-process.ts";
import { isRuinedError } from "../members/ruined.ts";
import { memberKey } from "../session/member-key.ts";
import type { Session } from "../session/session.ts";
import { info } from "./info.ts";

/** The owner of a process, by its own answer to a signed message. */
export type Owner =
  | { readonly is: "KNOWN"; readonly address: string; readonly allowed: readonly string[] }
  /** Another wallet, which a process without the library does not name: it ignores an Eval of this one. */
  | { readonly is: "OTHER" }
  /** It can never evaluate a message again, whoever owns it. */
  | { readonly is: "RUINED" }
  /** It did not answer: nothing is known. */
  | { readonly is: "UNKNOWN"; readonly code: string };

/** Asks a process who owns it, and which other addresses may change it. Never throws for one that does not answer. */
export async function ownerOf(session: Session, process: StackProcess, budget: Budget): Promise<Owner> {
  try {
    if (!process.lib) {
      // aos evaluates only its owner's Eval.
      await readRunningCode(session, process, budget);
      return { is: "KNOWN", address: session.ao.address, allowed: [] };
    }
    const { owner, allowed } = await info(session, process, budget, "owner", "allowed");
    return owner === undefined
      ? { is: "UNKNOWN", code: "NO_OWNER" }
      : { is: "KNOWN", address: owner, allowed };
  } catch (error) {
    if (isRuinedError(error)) return { is: "RUINED" };
    if (!(error instanceof FleetError)) throw error;
    return error.code === "NOT_OWNER" ? { is: "OTHER" } : { is: "UNKNOWN", code: error.code };
  }
}

/**
 * Makes another address the owner of a process, by an Eval of the present one.
 *
 * @throws FleetError HAND_OVER_REFUSED if the process did not run it, and network errors
 */
export async function handOver(
  session: Session,
  { name, member, generation, processId }: StackProcess,
  to: string,
  budget: Budget,
): Promise<void> {
  // Not named by the intent: a wallet that gets a process back and gives it away again sends another message.
  const nonce = randomBytes(8).toString("hex");
  const intent = memberKey(session.scope, member, generation, `owner/${nonce}`);
  const data = `Owner = "${to}" return "${nonce} " .. Owner`;
  const { id } = await session.ao.send({ intent, processId, tags: { Action: "Eval" }, data }, budget);
  const done = await session.ao.evaluation({ processId, messageId: id, expectOutput: true }, budget);
  await session.ao.settle(intent);
  if (done.error === undefined && done.output.includes(`${nonce} ${to}`)) return;
  throw new FleetError({
    code: "HAND_OVER_REFUSED",
    what: `${name} did not accept another owner.`,
    got: done.error ?? (startOf(done.output, 200) || "an empty output"),
    expected: `the owner ${to}`,
    remedy: "Check who owns it: npx fleet operators. The same command continues with what is left.",
  });
}
