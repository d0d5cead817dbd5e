/** The ledger's registry of processes. */
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import type { ProcessRef } from "../health/verdict.ts";
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
      /** False if it does not contain the fleet's library. */
      lib: z.boolean().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});
const DiscoveredSchema = z.looseObject({ processes: luaMap(RegisteredSchema) });

/** Process id → its registration. */
export type Registry = Readonly<Record<string, z.output<typeof RegisteredSchema>>>;

/** The registration of a process. */
interface Registration {
  readonly processId: string;
  readonly processType: string;
  readonly version: string;
  readonly capabilities: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * Reads the ledger's registry.
 *
 * @param type only processes of this type, as in their `Info`. @default all
 * @throws FleetError as `ask`
 */
export async function registry(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  budget: Budget,
  type?: string,
): Promise<Registry> {
  const tags = type === undefined ? {} : { "Process-Type": type };
  const request = { name, generation, processId, action: "PROCESS_DISCOVERY", tags };
  return (await ask(session, request, DiscoveredSchema, budget)).processes;
}

/** The ledger, and the epoch that a run has there. */
export type LedgerAt = ProcessRef & { readonly epoch: number };

/** Registers a process. @throws FleetError as `ask` */
export async function register(
  session: Sender,
  ledger: LedgerAt,
  processRegistration: Registration,
  budget: Budget,
): Promise<void> {
  const request = { ...ledger, action: "PROCESS_REGISTRATION", data: { processRegistration } };
  await ask(session, request, z.looseObject({}), budget);
}

/** Removes a process from the registry. @throws FleetError as `ask` */
export async function deregister(
  session: Sender,
  ledger: LedgerAt,
  processId: string,
  budget: Budget,
): Promise<void> {
  const request = { ...ledger, action: "PROCESS_DEREGISTRATION", data: { processId } };
  await ask(session, request, z.looseObject({}), budget);
}
