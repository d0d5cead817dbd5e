/** Drains, resumes and retires processes, and exports and imports their states. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import type { KeyRange } from "../../delivery/index.ts";
import type { ProcessRef } from "../health/verdict.ts";
import { type Exported, ExportedSchema } from "../snapshot/contents.ts";
import { ask, type Sender } from "./ask.ts";

const AnythingSchema = z.looseObject({});
const ImportedSchema = z.looseObject({ digest: z.string() });

/** Tags of a control message. They are part of its identity: only the same message with the same tags counts as sent before. */
type ControlTags = Readonly<Record<string, string>>;

/** A control message: the epoch is the run's, or the process's own for a manual change. */
async function control(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  action: "DRAIN" | "RESUME" | "RETIRE",
  { epoch, tags = {} }: { readonly epoch: number; readonly tags?: ControlTags | undefined },
  budget: Budget,
): Promise<void> {
  await ask(session, { name, generation, processId, action, epoch, tags }, AnythingSchema, budget);
}

/** Makes a process refuse requests with `DRAINING` until it is resumed. @throws FleetError as `ask` */
export const drain = (
  session: Sender,
  place: ProcessRef,
  epoch: number,
  budget: Budget,
  tags?: ControlTags,
): Promise<void> => control(session, place, "DRAIN", { epoch, tags }, budget);

/** Makes a draining or retired process accept requests again. @throws FleetError as `ask` */
export const resume = (
  session: Sender,
  place: ProcessRef,
  epoch: number,
  budget: Budget,
  tags?: ControlTags,
): Promise<void> => control(session, place, "RESUME", { epoch, tags }, budget);

/** Retires a process: it answers `GONE` from then on. @throws FleetError as `ask`; NO_REPLY if nothing was ever loaded */
export const retire = (
  session: Sender,
  place: ProcessRef,
  epoch: number,
  budget: Budget,
  tags?: ControlTags,
): Promise<void> => control(session, place, "RETIRE", { epoch, tags }, budget);

/** The parameters of an export. */
interface ExportRequest {
  /** Whether the export includes globals even if there are none. @default false */
  readonly whole?: boolean;
  /** Globals to export. @default those in the declaration, else those that messages changed */
  readonly globals?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** Reads a process's states without checking the digest. @throws FleetError as `ask`; FORBIDDEN, EXPORT_UNSUPPORTED */
export function exportedState(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  { tags = {}, ...data }: ExportRequest,
  budget: Budget,
): Promise<Exported> {
  const request = { name, generation, processId, action: "EXPORT_STATE", tags, data };
  return ask(session, request, ExportedSchema, budget);
}

/**
 * Imports states into a process.
 *
 * @param range the keys of callers whose part of partitioned states is imported; without it, everything is
 * @returns the digest of the imported states, as reported by the process
 * @throws FleetError as `ask`; BAD_STATE, NO_MIGRATION
 */
export async function importState(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  {
    epoch,
    tags = {},
    ...sent
  }: {
    readonly epoch: number;
    readonly state: unknown;
    readonly digest: string;
    readonly tags?: ControlTags;
  },
  budget: Budget,
  range?: KeyRange,
): Promise<string> {
  const action = range === undefined ? "IMPORT_STATE" : "IMPORT_KEYS";
  const request = { name, generation, processId, action, epoch, tags, data: { ...range, ...sent } };
  return (await ask(session, request, ImportedSchema, budget)).digest;
}
