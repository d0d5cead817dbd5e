import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { overruledText } from "../../src/delivery/approval.ts";
import type { Manifest } from "../../src/fleet/members/manifest.ts";
import { completeRun } from "../../src/fleet/protocol/deployments.ts";
import { type Info, info } from "../../src/fleet/protocol/info.ts";
import { type LedgerAt, register, registry } from "../../src/fleet/protocol/registry.ts";
import { fitting, type ReleaseDocument } from "../../src/fleet/releases/document.ts";
import { say } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { ReleaseInputs } from "./schema.ts";

/**
 * Registers every member whose entry in the ledger is missing or outdated, with what it reports about itself. A program that reports no
 * type or version is registered by its name, at the declared version. A member without the library is not asked and is registered as such,
 * so that the ledger sends it no requests either.
 */
export async function registerMembers(
  session: Session,
  ledger: LedgerAt,
  inputs: ReleaseInputs,
  budget: Budget,
): Promise<void> {
  const known = await registry(session, ledger, budget);
  const fresh = Object.entries(inputs.members).filter(([name, member]) => {
    const { evalId, lib } = known[member.processId]?.metadata ?? {};
    return evalId !== member.evalId || lib !== inputs.declaration[name]?.lib;
  });
  await Promise.all(
    fresh.map(async ([name, member]) => {
      const started = performance.now();
      const declared = inputs.declaration[name];
      const lib = declared?.lib;
      const said = lib === false ? UNSAID : await info(session, { name, ...member }, budget).catch(unsaid);
      const processType = said.processType || name;
      const registration = {
        processId: member.processId,
        processType,
        version: said.version || (declared?.version ?? ""),
        capabilities: said.capabilities,
        metadata: { name, evalId: member.evalId, sourceHash: declared?.sourceHash, lib },
      };
      await register(session, ledger, registration, budget);
      await say(session, name, "registered", processType, started);
    }),
  );
}

/** What a member reports about itself. A program without the library reports none of it. */
type Said = Pick<Info, "processType" | "version" | "capabilities">;
const UNSAID: Said = { processType: "", version: "", capabilities: [] };

/** For `catch`: a program without the fleet's library does not answer `Info`, or answers in another shape. */
function unsaid(error: unknown): Said {
  const isOwn = error instanceof FleetError && ["NO_REPLY", "BAD_REPLY"].includes(error.code);
  if (isOwn) return UNSAID;
  throw error;
}

/**
 * Writes the release to the ledger: the run's last message. It contains the whole release, so that any machine with the wallet can build
 * the fleet again. Its tags make it searchable if the ledger does not answer.
 */
export async function finish(
  session: Session,
  ledger: LedgerAt,
  manifest: Manifest & { readonly release: ReleaseDocument },
  releaseHash: string,
  budget: Budget,
): Promise<void> {
  const { approval } = manifest.release;
  const reason = approval && overruledText(approval);
  const completed = { releaseHash, manifest: fitting(manifest), reason };
  await completeRun(session, ledger, session.deployment.id, completed, budget);
}
