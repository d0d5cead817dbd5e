import type { Tags } from "../../src/ao/port.ts";
import { composeBoot } from "../../src/fleet/code/program.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { type Load, programOf, storedBundle } from "./load.ts";
import type { ProcessInputs } from "./schema.ts";

/** Bytes of a spawn in addition to its data: signature and tags. */
const ENVELOPE = 8_000;

/** Seconds to wait for the output of a boot that was evaluated. Without one the code is loaded by another message. */
const BOOT_SECONDS = 60;

/**
 * The data and tags of a spawn that contains the code, so that the process runs it from its first message on. Undefined without `onBoot`,
 * if a state has to be loaded with the code, or if the code is too large for one message.
 */
export async function bootOf(
  session: Session,
  inputs: ProcessInputs,
): Promise<{ tags: Tags; data: string } | undefined> {
  if (inputs.onBoot !== true || inputs.restore !== undefined) return undefined;
  const stored = await storedBundle(session, inputs);
  const data = composeBoot(await programOf(session, inputs, stored.text));
  return Buffer.byteLength(data) + ENVELOPE > session.network.maxMessageBytes
    ? undefined
    : { tags: { "On-Boot": "Data" }, data };
}

/** The spawn as a possible load of the code: the process' output at its boot shows whether it was one. */
export const bootLoads = ({ processId }: ProcessRef, inputs: ProcessInputs): Load[] =>
  inputs.onBoot === true && inputs.restore === undefined
    ? [{ id: processId, at: Date.now(), patience: BOOT_SECONDS }]
    : [];
