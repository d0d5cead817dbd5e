import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { ask } from "../run/control.ts";
import type { Manifest } from "../run/manifest.ts";
import { say } from "../run/progress.ts";
import { deploymentKey } from "../run/scope.ts";
import type { Session } from "../run/session.ts";
import { fitting, type ReleaseDocument } from "./document.ts";
import type { ReleaseInputs } from "./schema.ts";

const InfoSchema = z.looseObject({
  processType: z.string(),
  version: z.string(),
  capabilities: z.array(z.string()),
});
const RegisteredSchema = z.looseObject({
  processes: z.preprocess(
    (value) => (Array.isArray(value) ? {} : value),
    z.record(
      z.string(),
      z.looseObject({
        version: z.string().optional(),
        metadata: z.looseObject({ evalId: z.string().optional() }).optional(),
      }),
    ),
  ),
});
const DoneSchema = z.looseObject({});

/** Where the ledger is and which epoch this run has on it. */
export interface LedgerHold {
  readonly name: string;
  readonly processId: string;
  readonly generation: number;
  readonly epoch: number;
}

/** Registers every member that the ledger does not know as it runs now, each with what it says of itself. */
export async function register(
  session: Session,
  ledger: LedgerHold,
  inputs: ReleaseInputs,
  budget: Budget,
): Promise<void> {
  const known = await ask(session, { ...ledger, action: "PROCESS_DISCOVERY" }, RegisteredSchema, budget);
  const fresh = Object.entries(inputs.members).filter(
    ([, member]) => known.processes[member.processId]?.metadata?.evalId !== member.evalId,
  );
  await Promise.all(
    fresh.map(async ([name, member]) => {
      const started = performance.now();
      const info = await ask(session, { name, ...member, action: "Info" }, InfoSchema, budget);
      const processRegistration = {
        processId: member.processId,
        processType: info.processType,
        version: info.version,
        capabilities: info.capabilities,
        metadata: { name, evalId: member.evalId, sourceHash: inputs.declaration[name]?.sourceHash },
      };
      await ask(
        session,
        { ...ledger, action: "PROCESS_REGISTRATION", data: { processRegistration } },
        DoneSchema,
        budget,
      );
      await say(session, name, "registered", info.processType, started);
    }),
  );
}

/**
 * Writes the release into the ledger: the run's last message. It carries the release as a whole, so that any machine with the
 * wallet can build the fleet again; its tags are how it is found where the ledger does not answer.
 */
export async function finish(
  session: Session,
  ledger: LedgerHold,
  manifest: Manifest & { readonly release: ReleaseDocument },
  releaseHash: string,
  budget: Budget,
): Promise<void> {
  const { id } = session.deployment;
  await ask(
    session,
    {
      ...ledger,
      action: "DEPLOY_PROCESS",
      tags: {
        Phase: "finish",
        "Deployment-Id": id,
        "Deployment-Key": deploymentKey(session.scope, "release"),
      },
      data: {
        deployRequest: { deploymentId: id, status: "COMPLETED", releaseHash, manifest: fitting(manifest) },
      },
    },
    DoneSchema,
    budget,
  );
}
