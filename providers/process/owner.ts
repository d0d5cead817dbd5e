import { join } from "node:path";
import { z } from "zod";
import { dryRunsAs } from "../../src/ao/connect.ts";
import { readJournal } from "../../src/ao/journal/index.ts";
import type { Ao } from "../../src/ao/port.ts";
import { type Budget, budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { FLEET_REQUEST } from "../../src/core/fleet-actions.ts";
import { glanceAt } from "../../src/fleet/code/bare.ts";
import { readManifest } from "../../src/fleet/members/manifest.ts";
import { incarnationsOf } from "../../src/fleet/members/members.ts";
import { saysRuined } from "../../src/fleet/members/ruined.ts";
import { placeOf } from "../../src/fleet/session/place.ts";
import type { Scope } from "../../src/fleet/session/scope.ts";
import { walletAddress } from "../run/session.ts";
import { revisionsOf } from "./revisions.ts";
import type { ProcessOutputs } from "./schema.ts";
import { type Foreign, wrongWallet } from "./wrong-wallet.ts";

/** Seconds for all questions of one plan to the processes of a fleet. */
const PATIENCE = 20;

/** An AO process whose owner is asked for. */
interface Asked extends Foreign {
  /** False where nothing of the fleet's library is in it. */
  readonly lib?: boolean | undefined;
}

/**
 * `OURS`: it belongs to the wallet that asks. `OTHER`: it does not. `RUINED`: it never runs anything again, whoever owns it.
 * `UNSAID`: nobody could say.
 */
type Ownership =
  | { readonly is: "OURS" | "RUINED" | "UNSAID" }
  | { readonly is: "OTHER"; readonly owner?: string };

/**
 * Only the wallet that owns a process can load or retire it, so another one is an error of the plan: one error, with every process of
 * the stack that has to be given away. Where the state does not say that the process belongs to this wallet, it is asked itself, by dry
 * runs, with the revisions that are held beside it.
 *
 * @returns whether it was given to this wallet and the state does not say so yet
 * @throws FleetError `WRONG_WALLET`, with the addresses, the ids and the command for each
 */
export async function assertOwner(props: ProcessOutputs): Promise<boolean> {
  const { name, processId, owner, health, scope } = props;
  // Outputs of a create that failed before its spawn name nobody.
  if (owner === undefined || processId === undefined) return false;
  const address = await walletAddress();
  const isNoted = owner === address && health?.code !== "NOT_OWNER";
  if (isNoted && (props.drift ?? []).length === 0) return false;
  const ao = dryRunsAs(
    { kind: props.network.kind, endpoints: (await placeOf(props.network)).endpoints },
    address,
  );
  const budget = budgetOf(PATIENCE);
  const own = processesOf(props);
  const found = await foreignAmong(ao, own, budget, (one) =>
    // A unit may refuse such dry runs: what the state says counts then, and of one that the wallet before lost, the next Eval tells.
    one.processId !== processId || isNoted || health?.code === "NOT_OWNER" ? undefined : { ...one, owner },
  );
  if (found.length === 0) return !isNoted;
  const known = new Set(own.map((one) => one.processId));
  const beside = (await othersOf(scope)).filter((one) => !known.has(one.processId));
  throw wrongWallet(name, address, [...found, ...(await foreignAmong(ao, beside, budget, () => undefined))]);
}

const isHeld = { note: "held" };

/** The process of a member and the revisions that are held beside it. Pure. */
function processesOf(props: ProcessOutputs): Asked[] {
  const { name, processId, lib } = props;
  const held = revisionsOf(props).filter((one) => one.processId !== processId);
  return [
    { name, processId, lib },
    ...held.map((one) => ({ name, processId: one.processId, lib, ...isHeld })),
  ];
}

/** Every other process of the stack that files of this project know: of a plan nothing but one member's state is at hand. */
async function othersOf(scope: Scope): Promise<Asked[]> {
  const [manifest, entries] = await Promise.all([
    readManifest(scope),
    readJournal(join(scope.home, "journal", `${scope.project}.${scope.stack}.jsonl`)).catch(() => []),
  ]);
  return Object.entries(manifest?.processes ?? {}).flatMap(([name, { processId, lib }]) => {
    const made = incarnationsOf(entries, scope, name)
      .filter((one) => !one.retired && !one.unsent && one.processId !== processId)
      .map((one) => ({ name, processId: one.processId, lib, ...isHeld }));
    return [...(processId === undefined ? [] : [{ name, processId, lib }]), ...made];
  });
}

/** @param unsaid what counts where nobody could say; undefined is nothing */
async function foreignAmong(
  ao: Pick<Ao, "address" | "dryrun">,
  list: readonly Asked[],
  budget: Budget,
  unsaid: (one: Asked) => Foreign | undefined,
): Promise<Foreign[]> {
  const answers = await Promise.all(list.map((one) => ownershipOf(ao, one, budget)));
  return list.flatMap((one, index) => {
    const { lib: _, ...process } = one;
    const answer = answers[index];
    if (answer?.is === "OTHER")
      return [{ ...process, ...(answer.owner === undefined ? {} : { owner: answer.owner }) }];
    const assumed = answer?.is === "UNSAID" ? unsaid(process) : undefined;
    return assumed === undefined ? [] : [assumed];
  });
}

const OwnerSchema = z.looseObject({ success: z.literal(true), owner: z.string() });

/** Asks one process, by dry runs: nothing is signed and nothing is left behind. */
async function ownershipOf(
  ao: Pick<Ao, "address" | "dryrun">,
  process: Asked,
  budget: Budget,
): Promise<Ownership> {
  try {
    const owner = process.lib === false ? undefined : await ownerByInfo(ao, process.processId, budget);
    if (owner !== undefined) return owner === ao.address ? { is: "OURS" } : { is: "OTHER", owner };
    // aos runs an Eval of its owner alone.
    await glanceAt({ ao }, process, budget);
    return { is: "OURS" };
  } catch (error) {
    if (saysRuined(error)) return { is: "RUINED" };
    if (!(error instanceof FleetError)) throw error;
    return { is: error.code === "NOT_OWNER" ? "OTHER" : "UNSAID" };
  }
}

/** What the fleet's library says; undefined where it is not in the process. */
async function ownerByInfo(
  ao: Pick<Ao, "dryrun">,
  processId: string,
  budget: Budget,
): Promise<string | undefined> {
  const tags = { Action: "Info", ...FLEET_REQUEST };
  const { messages } = await ao.dryrun({ processId, tags, data: "{}" }, budget);
  const reply = messages.find((one) => one.tags.Action === "Info-Response");
  try {
    return OwnerSchema.safeParse(JSON.parse(reply?.data ?? "")).data?.owner;
  } catch {
    return undefined;
  }
}
