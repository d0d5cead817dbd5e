import { randomUUID } from "node:crypto";
import { dryRunsAs } from "../../src/ao/connect.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { tolerate } from "../../src/core/errors.ts";
import { FLEET_REQUEST } from "../../src/core/fleet-actions.ts";
import { isPlain } from "../../src/fleet/code/without-library.ts";
import { refusalIn, replyIn, taggedFor } from "../../src/fleet/protocol/reply.ts";
import { locateNetwork } from "../../src/fleet/session/locate-network.ts";
import { unsupportedRemedy } from "../../src/fleet/snapshot/unsupported.ts";
import { mayLoadWithoutBackup, walletAddress } from "../run/session.ts";
import { isUp } from "./is-up.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

/** Seconds that a preview waits for the answer. */
const SECONDS = 10;

/**
 * What a preview says if the backup before a load in place is certain to fail, because the process cannot export its state as it is. It asks
 * by a dry run, which signs and stores nothing, and only if code is about to be replaced. It is silent if nobody can tell: the embedded
 * network does not run, a node evaluates dry runs in the name of a stranger, or the process does not answer.
 */
export async function backupWarning(olds: ProcessOutputs, news: ProcessInputs): Promise<string | undefined> {
  const runs = olds.revision?.sourceHash;
  const isReplaced = runs !== undefined && runs !== news.bundle.hash && news.strategy === undefined;
  const isSaved = olds.lib !== false && !isPlain(olds.bundle.modules) && news.state !== "none";
  if (!isReplaced || !isSaved || (await mayLoadWithoutBackup()) || !(await isUp(olds))) return undefined;
  const message = await refusedExport(olds, news.globals).catch(tolerate(undefined));
  return message === undefined
    ? undefined
    : `its state cannot be backed up, so this update will stop: ${message} [BACKUP_FAILED] ${unsupportedRemedy(news.name)}`;
}

/** Why the process cannot export its state; undefined if it can, or if it gives another answer or none. */
async function refusedExport(
  { network, processId }: ProcessOutputs,
  globals: readonly string[] | undefined,
): Promise<string | undefined> {
  const address = await walletAddress();
  const ao = dryRunsAs((await locateNetwork(network)).network, address);
  if (ao.dryRunner === "stranger") return undefined;
  const own = { "Content-Type": "application/json", ...FLEET_REQUEST };
  const tags = taggedFor("EXPORT_STATE", own, randomUUID());
  const data = JSON.stringify({ whole: true, ...(globals === undefined ? {} : { globals }) });
  const reply = replyIn(await ao.dryrun({ processId, tags, data }, budgetOf(SECONDS)), {
    ...{ address, messageId: "", tags },
  });
  const refusal = refusalIn(reply?.data ?? "");
  return refusal?.code === "EXPORT_UNSUPPORTED" ? `${refusal.message}.` : undefined;
}
