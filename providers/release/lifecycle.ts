import { crashPoint } from "../../src/core/crash.ts";
import { hashOf } from "../../src/core/hash.ts";
import { type ManifestProcess, readManifest, record } from "../../src/fleet/members/manifest.ts";
import { approvalOf, forgetApproval } from "../../src/fleet/releases/approval.ts";
import { documentOf, writeRelease } from "../../src/fleet/releases/document.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { assertNode } from "../run/assert-node.ts";
import { hasUnknown, ownInputs } from "../run/inputs.ts";
import { changesBy, lifecycleOf } from "../run/lifecycle.ts";
import { PartialFailure } from "../run/partial-failure.ts";
import { reporting } from "../run/reporting.ts";
import { configure } from "../run/session.ts";
import { step } from "../run/step.ts";
import { finishRun, registerMembers } from "./ledger.ts";
import { reasonsOf } from "./reasons.ts";
import { type ReleaseInputs, ReleaseInputsSchema, type ReleaseOutputs } from "./schema.ts";
import { stillWired, unwire, unwiredIn } from "./unwire.ts";

export { configure };

type Raw = Record<string, unknown>;

const idOf = (inputs: ReleaseInputs): string => deploymentKey(inputs.scope, "release");

export const { check, create, update } = lifecycleOf<ReleaseInputs, ReleaseOutputs>({
  ...{ schema: ReleaseInputsSchema, idOf },
  ensure: (inputs, raw, olds) => released(inputs, raw, olds),
});

/** A release changes with its contents: declared data that differs, or anything that this run changed or repaired. */
export async function diff(_id: string, olds: ReleaseOutputs, rawNews: Raw) {
  const raw = ownInputs(rawNews);
  if (hasUnknown(raw)) return { changes: true };
  const news = ReleaseInputsSchema.parse(raw);
  return changesBy("release", reasonsOf(olds, news));
}

/** Returns the state: the ledger is append-only, so a release cannot drift. */
export async function read(id: string, props: ReleaseOutputs) {
  return { id, props };
}

/** Sends nothing: the processes of the release retire on their own, and the release stays in the ledger. @throws FleetError as `assertNode` */
export const remove = (_id: string, props: ReleaseOutputs): Promise<void> =>
  reporting("release", () => assertNode(props.network));

/**
 * Members of the release that the manifest does not list: those that another machine deployed, and revisions that traffic has just moved
 * to or back to.
 */
async function missingIn(inputs: ReleaseInputs): Promise<Record<string, Partial<ManifestProcess>>> {
  const known = (await readManifest(inputs.scope))?.processes ?? {};
  const missing = Object.entries(inputs.members).filter(
    ([name, { processId }]) => known[name]?.processId !== processId,
  );
  return Object.fromEntries(
    missing.map(([name, { processId, generation, evalId }]) => {
      const declared = inputs.declaration[name] ?? inputs.warm?.[name];
      return [
        name,
        {
          processId,
          generation,
          revision: evalId,
          status: "ACTIVE",
          deploymentTime: new Date().toISOString(),
          dependencies: declared?.dependsOn ?? [],
          ...(declared === undefined
            ? {}
            : { version: declared.version, sourceHash: declared.sourceHash, module: declared.module }),
        },
      ];
    }),
  );
}

const released = (
  inputs: ReleaseInputs,
  raw: Raw,
  olds: ReleaseOutputs | undefined,
): Promise<ReleaseOutputs> =>
  step({ ...inputs, name: "release" }, (session) => ensure(session, inputs, raw, olds));

async function ensure(
  session: Session,
  inputs: ReleaseInputs,
  raw: Raw,
  olds: ReleaseOutputs | undefined,
): Promise<ReleaseOutputs> {
  const budget = session.budget(inputs.timeoutSeconds);
  const started = performance.now();
  const releaseHash = hashOf(inputs.declaration);
  const { deployment } = session;
  const approval = await approvalOf(inputs.scope, releaseHash);
  const releasedAt = new Date().toISOString();
  let unwired = unwiredIn(olds, inputs);
  const outputs = {
    ...raw,
    ...inputs,
    schemaVersion: 1 as const,
    releaseHash,
    deploymentId: deployment.id,
    epoch: 0,
    releasedAt,
    ...(approval === undefined ? {} : { approval }),
  };
  try {
    if (olds) await unwire(session, inputs, olds, unwired, budget);
    unwired = [];
    const hold = await deployment.ledgerEpoch();
    const epoch = hold?.epoch ?? 0;
    const manifest = await record(session, await missingIn(inputs));
    if (hold && session.scope.ledger !== undefined) {
      const ledger = {
        name: session.scope.ledger,
        processId: hold.ledger.processId,
        generation: hold.ledger.generation,
        epoch,
      };
      crashPoint("release.begun");
      await registerMembers(session, ledger, inputs, budget);
      crashPoint("release.registered");
      await finishRun(session, ledger, { ...manifest, release: documentOf(outputs) }, releaseHash, budget);
      deployment.ended();
    }
    // Everything declared is deployed, so unfinished messages of earlier runs are no longer needed.
    await session.supersede();
    crashPoint("release.finished");
    const release: ReleaseOutputs = { ...outputs, epoch };
    const document = { ...ownInputs({ ...release }), deploymentId: deployment.id, manifest };
    await writeRelease(inputs.scope, document, true);
    await forgetApproval(inputs.scope);
    await reportStep(session, "release", "released", deployment.id, started);
    return release;
  } catch (error) {
    await deployment.failed(error instanceof Error ? error.message : String(error));
    throw new PartialFailure(idOf(inputs), olds ? stillWired(outputs, olds, unwired) : outputs, error);
  }
}
