import type { Budget } from "../../src/core/budget.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { record } from "../../src/fleet/members/manifest.ts";
import type { Revision } from "../../src/fleet/members/revision.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { currentProcess, ensureProcess } from "./ensure-process.ts";
import { placeInNewProcess, type RevisionProcess } from "./new-process.ts";
import { withServingRevision } from "./retention.ts";
import { revisionAt } from "./revisions.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

/** The process of a member, and the revision in it before this run. */
export interface Placement extends RevisionProcess {
  readonly before: Revision | undefined;
}

/** In place: the member's only process. With `strategy`: the process for the declared code, next to the others. */
export async function findOrSpawn(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: Budget,
): Promise<Placement> {
  if (inputs.strategy === undefined) {
    const serving = olds?.strategy === undefined ? olds : await withServingRevision(session, olds, budget);
    const place = await located(session, inputs, serving, budget);
    return { place, held: olds?.revisions ?? [], isBack: false, before: serving?.revision };
  }
  const started = performance.now();
  const revisionPlace = await placeInNewProcess(session, inputs, olds, budget);
  const { place, held, isBack } = revisionPlace;
  const phase = place.fresh ? "spawned" : isBack ? "warm" : "found";
  const others = held.filter(({ processId }) => processId !== place.processId).length;
  await reportStep(
    session,
    inputs.name,
    phase,
    `${place.processId.slice(0, 8)}${others > 0 ? `, others held: ${others}` : ""}`,
    started,
  );
  crashPoint("process.spawned");
  return { ...revisionPlace, before: revisionAt(held, place.processId) };
}

async function located(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: Budget,
) {
  const kept =
    olds?.processId === undefined ? undefined : await currentProcess(session, inputs, olds, budget);
  if (kept && !kept.fresh) return kept;
  const started = performance.now();
  const place = kept ?? (await ensureProcess(session, inputs, budget));
  await record(session, {
    [inputs.name]: { processId: place.processId, status: "INITIALIZING", dependencies: inputs.dependencies },
  });
  const instead =
    place.instead === undefined ? "" : `, replaces ${place.instead.processId.slice(0, 8)}, which is ruined`;
  const phase = place.fresh ? "spawned" : "found";
  await reportStep(session, inputs.name, phase, `${place.processId.slice(0, 8)}${instead}`, started);
  crashPoint("process.spawned");
  return place;
}
