import type { Budget } from "../../src/core/budget.ts";
import { tolerate } from "../../src/core/errors.ts";
import { overruledText } from "../../src/delivery/approval.ts";
import type { Manifest } from "../../src/fleet/members/manifest.ts";
import { completeRun } from "../../src/fleet/protocol/deployments.ts";
import { type Info, info } from "../../src/fleet/protocol/info.ts";
import { type LedgerAt, register, registry } from "../../src/fleet/protocol/registry.ts";
import { type ReleaseDocument, withoutOversizedRelease } from "../../src/fleet/releases/document.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { ReleaseInputs } from "./schema.ts";
import { yieldTakenMembers } from "./taken-members.ts";

/**
 * Registers every member whose entry in the ledger is missing or outdated, with what it reports about itself. A program that reports no
 * type or version is registered by its name, at the declared version. A member without the library is not asked and is registered as such,
 * so that the ledger sends it no requests either.
 *
 * @throws FleetError MEMBER_TAKEN if another operator registered other first processes of members
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
  const refs = fresh.map(([name, { processId, generation }]) => ({
    ...{ name, processId, generation, lib: inputs.declaration[name]?.lib },
  }));
  await yieldTakenMembers(session, known, ledger, refs, budget);
  await Promise.all(
    fresh.map(async ([name, member]) => {
      const started = performance.now();
      const declared = inputs.declaration[name];
      const lib = declared?.lib;
      const said = lib === false ? NO_INFO : await info(session, { name, ...member }, budget).catch(noInfo);
      const processType = said.processType || name;
      const registration = {
        processId: member.processId,
        processType,
        version: said.version || (declared?.version ?? ""),
        capabilities: said.capabilities,
        metadata: { name, evalId: member.evalId, sourceHash: declared?.sourceHash, lib },
      };
      await register(session, ledger, registration, budget);
      await reportStep(session, name, "registered", processType, started);
    }),
  );
}

/** What a member reports about itself. A program without the library reports none of it. */
type RegisteredInfo = Pick<Info, "processType" | "version" | "capabilities">;
const NO_INFO: RegisteredInfo = { processType: "", version: "", capabilities: [] };

/** For `catch`: a program without the fleet's library does not answer `Info`, or answers in another shape. */
const noInfo = tolerate(NO_INFO, "NO_REPLY", "BAD_REPLY");

/**
 * Writes the release to the ledger: the run's last message. It contains the whole release, so that any machine with the wallet can build
 * the fleet again. Its tags make it searchable if the ledger does not answer.
 */
export async function finishRun(
  session: Session,
  ledger: LedgerAt,
  manifest: Manifest & { readonly release: ReleaseDocument },
  releaseHash: string,
  budget: Budget,
): Promise<void> {
  const { approval } = manifest.release;
  const reason = approval && overruledText(approval);
  const completed = { releaseHash, manifest: withoutOversizedRelease(manifest), reason };
  await completeRun(session, ledger, session.deployment.id, completed, budget);
}
