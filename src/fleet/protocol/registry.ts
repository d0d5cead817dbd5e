/** Who is registered in the ledger. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import type { Place } from "../health/verdict.ts";
import { ask, type Sender } from "./ask.ts";
import { luaList, luaMap } from "./lua.ts";

const text = z.string().optional().catch(undefined);
const RegisteredSchema = z.looseObject({
  processType: z.string().catch(""),
  version: z.string().catch(""),
  capabilities: luaList(z.string()).catch([]),
  /** Scheduler's time, ms. */
  updatedAt: z.number().optional().catch(undefined),
  metadata: z
    .looseObject({
      /** The member. */
      name: text,
      /** The message that loaded its code. */
      evalId: text,
      sourceHash: text,
      /** False where nothing of the fleet's library is in it. */
      lib: z.boolean().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});
const DiscoveredSchema = z.looseObject({ processes: luaMap(RegisteredSchema) });

/** Process id → what is registered of it. */
export type Registry = Readonly<Record<string, z.output<typeof RegisteredSchema>>>;

/** A process as it is registered. */
export interface Registration {
  readonly processId: string;
  readonly processType: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * Asks the ledger who is registered.
 *
 * @param type only processes of this type, as they call it in `Info`. @default all
 * @throws FleetError as `ask`
 */
export async function registry(
  session: Sender,
  { name, generation, processId }: Place,
  budget: Budget,
  type?: string,
): Promise<Registry> {
  const tags = type === undefined ? {} : { "Process-Type": type };
  const request = { name, generation, processId, action: "PROCESS_DISCOVERY", tags };
  return (await ask(session, request, DiscoveredSchema, budget)).processes;
}

/** The ledger, and the epoch that a run has there. */
export type LedgerAt = Place & { readonly epoch: number };

/** Writes a process into the registry. @throws FleetError as `ask` */
export async function register(
  session: Sender,
  ledger: LedgerAt,
  processRegistration: Registration,
  budget: Budget,
): Promise<void> {
  const request = { ...ledger, action: "PROCESS_REGISTRATION", data: { processRegistration } };
  await ask(session, request, z.looseObject({}), budget);
}

/** Takes a process from the registry. @throws FleetError as `ask` */
export async function deregister(
  session: Sender,
  ledger: LedgerAt,
  processId: string,
  budget: Budget,
): Promise<void> {
  const request = { ...ledger, action: "PROCESS_DEREGISTRATION", data: { processId } };
  await ask(session, request, z.looseObject({}), budget);
}
