/** Whether a process takes requests, and the states that it holds. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import type { Place } from "../health/verdict.ts";
import { type Exported, ExportedSchema } from "../snapshot/contents.ts";
import { ask, type Sender } from "./ask.ts";

const AnythingSchema = z.looseObject({});
const ImportedSchema = z.looseObject({ digest: z.string() });

/** A change of a process: the epoch is that of the run, or the process's own where a person makes it. */
async function control(
  session: Sender,
  { name, generation, processId }: Place,
  action: "RESUME" | "RETIRE",
  epoch: number,
  budget: Budget,
): Promise<void> {
  await ask(session, { name, generation, processId, action, epoch }, AnythingSchema, budget);
}

/** Has a process that drains or was retired take requests again. @throws FleetError as `ask` */
export const resume = (session: Sender, place: Place, epoch: number, budget: Budget): Promise<void> =>
  control(session, place, "RESUME", epoch, budget);

/** Has a process answer `GONE` from now on. @throws FleetError as `ask`; NO_REPLY where nothing was ever loaded */
export const retire = (session: Sender, place: Place, epoch: number, budget: Budget): Promise<void> =>
  control(session, place, "RETIRE", epoch, budget);

/** What is to be exported, and what the message says of why. */
export interface ExportRequest {
  /** Whether the state says also that there are no globals. @default false */
  readonly whole?: boolean;
  /** Globals that are in it. @default those that the declaration names, else those that messages changed */
  readonly globals?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** Reads a process's states. Its digest is not checked here. @throws FleetError as `ask`; FORBIDDEN, EXPORT_UNSUPPORTED */
export function exportedState(
  session: Sender,
  { name, generation, processId }: Place,
  { tags = {}, ...data }: ExportRequest,
  budget: Budget,
): Promise<Exported> {
  const request = { name, generation, processId, action: "EXPORT_STATE", tags, data };
  return ask(session, request, ExportedSchema, budget);
}

/**
 * Puts states into a process.
 *
 * @returns the digest that it then has of them
 * @throws FleetError as `ask`; BAD_STATE, NO_MIGRATION
 */
export async function importState(
  session: Sender,
  { name, generation, processId }: Place,
  { epoch, ...data }: { readonly epoch: number; readonly state: unknown; readonly digest: string },
  budget: Budget,
): Promise<string> {
  const request = { name, generation, processId, action: "IMPORT_STATE", epoch, data };
  return (await ask(session, request, ImportedSchema, budget)).digest;
}
