/** The record of a move on this machine: with it, a move that was killed continues where it stopped, with the options that it began with. */
import { join } from "node:path";
import { z } from "zod";
import { FleetError, tolerate } from "../core/errors.ts";
import { shellWords } from "../core/shell-words.ts";
import { readJson, writeAtomically } from "./files.ts";
import type { FleetSession } from "./fleet-session.ts";
import type { StackFiles } from "./session/scope.ts";

const PlaceSchema = z.strictObject({
  processId: z.string(),
  generation: z.number().int().positive(),
});

const MovedMemberSchema = z.strictObject({
  name: z.string(),
  /** The old process. */
  from: PlaceSchema,
  /** The new process. */
  to: PlaceSchema,
  /** Whether the old process refuses requests. */
  isDrained: z.boolean(),
  /** Whether the new process is made to serve at the end: every one with the library, except the ledger. */
  isResumed: z.boolean(),
  /** `equal`: the same digest, read back from both · `empty`: there was no state · `own`: the new process has its own state. */
  state: z.enum(["equal", "empty", "own"]),
  /** sha256 of the moved state's canonical JSON; only if it is equal. */
  digest: z.string().optional(),
  /** The slot of the old process at which it was exported; only if it is equal. */
  slot: z.number().int().optional(),
  /** Names of the registered tables and globals in it. */
  states: z.array(z.string()),
  globals: z.array(z.string()),
  /** Status of the old process, read at the end of the move; only if it refuses requests. */
  status: z.string().optional(),
});
export type MovedMember = z.infer<typeof MovedMemberSchema>;

const SideSchema = z.strictObject({
  stack: z.string(),
  network: z.strictObject({
    kind: z.string(),
    protocol: z.string(),
    units: z.record(z.string(), z.string()),
  }),
});

const OptionsSchema = z.strictObject({
  /** Members whose new process starts without the old one's state. */
  withoutState: z.array(z.string()),
  /** Members of which what no export contains may be lost. */
  acceptLoss: z.array(z.string()),
  /** Time limit in seconds of each answer. */
  timeout: z.number(),
});
export type MoveOptionsKept = z.infer<typeof OptionsSchema>;

/** Time limit in seconds of each answer, unless the command names another one. */
export const MOVE_TIMEOUT = 120;

const RecordSchema = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  from: SideSchema,
  to: SideSchema,
  startedAt: z.string(),
  /**
   * `copying`: nothing is final, and all of it can be repeated · `opening`: every state is equal, and the new processes may serve, so no
   * state may be copied any more · `moved`: done · `failed`: the old processes serve again, so nothing is left to continue.
   */
  phase: z.enum(["copying", "opening", "moved", "failed"]),
  /** Whether the old processes are retired at the end. */
  retires: z.boolean(),
  /** How the move was told to copy. Absent in a record of an earlier version. */
  options: OptionsSchema.optional(),
  members: z.array(MovedMemberSchema),
  movedAt: z.string().optional(),
});
export type MoveRecord = z.infer<typeof RecordSchema>;

/** A stack and its network, as the record has them. */
export function sideOf({ stack, session }: FleetSession): MoveRecord["from"] {
  const { kind, protocol, units } = session.network;
  return { stack, network: { kind, protocol, units: { ...units } } };
}

const pathOf = ({ home, project, stack }: StackFiles): string =>
  join(home, "moves", `${project}.${stack}.json`);

/** The last move away from a stack; undefined if there was none. @throws FleetError FILE_DAMAGED, MOVE_UNREADABLE */
export async function readMove(scope: StackFiles): Promise<MoveRecord | undefined> {
  const path = pathOf(scope);
  const json = await readJson(path);
  if (json === undefined) return undefined;
  const parsed = RecordSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new FleetError({
    code: "MOVE_UNREADABLE",
    what: "The record of a move is not one of this version.",
    at: path,
    got: z.prettifyError(parsed.error),
    expected: "the file as fleet move wrote it",
    remedy: "Restore the file, or use the version of ao-fleet that wrote it.",
  });
}

export const writeMove = (scope: StackFiles, record: MoveRecord): Promise<void> =>
  writeAtomically(pathOf(scope), `${JSON.stringify(record, null, 2)}\n`);

/** The two stacks of a move. */
interface MoveEnds {
  readonly from: string;
  readonly to: string;
}

/**
 * The command that continues a move which has not ended: with every option that it began with, if this machine has its record. Without them, a
 * state could be copied that the move was told to leave.
 */
export async function continueCommand(
  files: Pick<StackFiles, "home" | "project">,
  { from, to }: MoveEnds,
): Promise<string> {
  // The command itself reports a record that cannot be read.
  const record = await readMove({ ...files, stack: from }).catch(tolerate(undefined));
  const isOpen = record?.phase === "copying" || record?.phase === "opening";
  return moveCommand({ from, to }, isOpen && record.to.stack === to ? record : undefined);
}

/** A command line of `fleet move`. Pure. */
export function moveCommand(
  { from, to }: MoveEnds,
  record?: Pick<MoveRecord, "options" | "retires">,
): string {
  const { withoutState = [], acceptLoss = [], timeout = MOVE_TIMEOUT } = record?.options ?? {};
  const words = [
    ...["--stack", from, "--to", to],
    ...(withoutState.length === 0 ? [] : ["--without-state", withoutState.join(",")]),
    ...(acceptLoss.length === 0 ? [] : ["--accept-loss", acceptLoss.join(",")]),
    ...(record?.retires ? ["--retire"] : []),
    ...(timeout === MOVE_TIMEOUT ? [] : ["--timeout", String(timeout)]),
  ];
  return `npx fleet move ${shellWords(words)}`;
}
