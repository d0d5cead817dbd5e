import { MAX_MESSAGE_BYTES } from "../../src/ao/network.ts";
import type { Tags } from "../../src/ao/port.ts";
import { composeBoot } from "../../src/fleet/code/program.ts";
import type { Place } from "../../src/fleet/health/verdict.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { type Load, programOf, storedBundle } from "./load.ts";
import type { ProcessInputs } from "./schema.ts";

/** Bytes of a spawn beside its data: signature and tags. */
const ENVELOPE = 8_000;

/** Seconds for the result of a boot. Without one the code is loaded by a message of its own, so it might be loaded twice. */
const BOOT_PATIENCE = 60;

/**
 * What a spawn carries so that the process runs its code from its first message on; nothing when that was not asked for, when a
 * state has to come with the code, or when it is too large for the one message that a spawn is.
 */
export async function bootOf(
  session: Session,
  inputs: ProcessInputs,
): Promise<{ tags: Tags; data: string } | undefined> {
  if (inputs.onBoot !== true || inputs.restore !== undefined) return undefined;
  const stored = await storedBundle(session, inputs);
  const data = composeBoot(await programOf(session, inputs, stored.text));
  const most = session.endpoints.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  return Buffer.byteLength(data) + ENVELOPE > most ? undefined : { tags: { "On-Boot": "Data" }, data };
}

/** The spawn as a load: what the process said at its boot tells whether it was one. */
export const bootLoads = ({ processId }: Place, inputs: ProcessInputs): Load[] =>
  inputs.onBoot === true && inputs.restore === undefined
    ? [{ id: processId, at: Date.now(), patience: BOOT_PATIENCE }]
    : [];
