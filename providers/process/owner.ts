import { join } from "node:path";
import { z } from "zod";
import { dryRunsAs } from "../../src/ao/connect.ts";
import { readJournal } from "../../src/ao/journal/index.ts";
import type { Ao } from "../../src/ao/port.ts";
import { type Budget, budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { FLEET_REQUEST } from "../../src/core/fleet-actions.ts";
import { jsonIn } from "../../src/core/json.ts";
import { dryReadRunningCode } from "../../src/fleet/code/without-library.ts";
import { readManifest } from "../../src/fleet/members/manifest.ts";
import { incarnationsOf } from "../../src/fleet/members/members.ts";
import { isRuinedError } from "../../src/fleet/members/ruined.ts";
import { locateNetwork } from "../../src/fleet/session/locate-network.ts";
import type { Scope } from "../../src/fleet/session/scope.ts";
import { walletAddress } from "../run/session.ts";
import { revisionsOf } from "./revisions.ts";
import type { ProcessOutputs } from "./schema.ts";
import { type Foreign, wrongWallet } from "./wrong-wallet.ts";

/** Seconds for all owner checks of one preview. */
const OWNER_SECONDS = 20;

/** An AO process whose owner is checked. */
interface Asked extends Foreign {
  /** False for a process without the fleet's library. */
  readonly lib?: boolean | undefined;
}

/**
 * `OURS`: it belongs to the wallet that asks. `OTHER`: it does not. `RUINED`: it can never evaluate a message again, whoever owns it.
 * `UNKNOWN`: nothing shows it.
 */
type Ownership =
  | { readonly is: "OURS" | "RUINED" | "UNKNOWN" }
  | { readonly is: "OTHER"; readonly owner?: string };

/**
 * Only the owner's wallet can load or retire a process, so another wallet fails the preview: with one error that lists every process of the
 * stack that has to be transferred. If the state does not show that the process belongs to this wallet, the process and its held revisions
 * are asked by dry runs.
 *
 * @returns whether the process was transferred to this wallet and the state does not show it yet
 * @throws FleetError `WRONG_WALLET`, with the addresses, the ids and the command that hands them over
 */
export async function assertOwner(props: ProcessOutputs): Promise<boolean> {
  const { name, processId, owner, health, scope } = props;
  // A create that failed before its spawn leaves no owner.
  if (owner === undefined || processId === undefined) return false;
  const address = await walletAddress();
  const isNoted = owner === address && health?.code !== "NOT_OWNER";
  if (isNoted && (props.drift ?? []).length === 0) return false;
  const ao = dryRunsAs((await locateNetwork(props.network)).network, address);
  const budget = budgetOf(OWNER_SECONDS);
  const own = processesOf(props);
  const found = await foreignAmong(ao, own, budget, (one) =>
    // A unit may refuse such dry runs. Then the state decides, and for a process that the previous wallet lost, the next Eval does.
    one.processId !== processId || isNoted || health?.code === "NOT_OWNER" ? undefined : { ...one, owner },
  );
  if (found.length === 0) return !isNoted;
  const known = new Set(own.map((one) => one.processId));
  const otherProcesses = (await othersOf(scope)).filter((one) => !known.has(one.processId));
  throw wrongWallet(name, address, [
    ...found,
    ...(await foreignAmong(ao, otherProcesses, budget, () => undefined)),
  ]);
}

const isHeld = { note: "held" };

/** A member's process and its other held revisions. Pure. */
function processesOf(props: ProcessOutputs): Asked[] {
  const { name, processId, lib } = props;
  const held = revisionsOf(props).filter((one) => one.processId !== processId);
  return [
    { name, processId, lib },
    ...held.map((one) => ({ name, processId: one.processId, lib, ...isHeld })),
  ];
}

/** Every process of the stack in the project's files: a diff has only one member's state. */
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

/** The processes that belong to another wallet. @param whenUnknown the result for a process whose owner is unknown; undefined to skip it */
async function foreignAmong(
  ao: Pick<Ao, "address" | "dryrun" | "dryRunner">,
  list: readonly Asked[],
  budget: Budget,
  whenUnknown: (one: Asked) => Foreign | undefined,
): Promise<Foreign[]> {
  const answers = await Promise.all(list.map((one) => ownershipOf(ao, one, budget)));
  return list.flatMap((one, index) => {
    const { lib: _, ...process } = one;
    const answer = answers[index];
    if (answer?.is === "OTHER")
      return [{ ...process, ...(answer.owner === undefined ? {} : { owner: answer.owner }) }];
    const assumed = answer?.is === "UNKNOWN" ? whenUnknown(process) : undefined;
    return assumed === undefined ? [] : [assumed];
  });
}

const OwnerSchema = z.looseObject({ success: z.literal(true), owner: z.string() });

/** Asks one process for its owner, by dry runs: nothing is signed or stored. */
async function ownershipOf(
  ao: Pick<Ao, "address" | "dryrun" | "dryRunner">,
  process: Asked,
  budget: Budget,
): Promise<Ownership> {
  try {
    const owner = process.lib === false ? undefined : await ownerByInfo(ao, process.processId, budget);
    if (owner !== undefined) return owner === ao.address ? { is: "OURS" } : { is: "OTHER", owner };
    // aos evaluates only its owner's Eval.
    await dryReadRunningCode({ ao }, process, budget);
    return { is: "OURS" };
  } catch (error) {
    if (isRuinedError(error)) return { is: "RUINED" };
    if (!(error instanceof FleetError)) throw error;
    return { is: error.code === "NOT_OWNER" ? "OTHER" : "UNKNOWN" };
  }
}

/** The owner that the fleet's library reports; undefined without the library. */
async function ownerByInfo(
  ao: Pick<Ao, "dryrun">,
  processId: string,
  budget: Budget,
): Promise<string | undefined> {
  const tags = { Action: "Info", ...FLEET_REQUEST };
  const { messages } = await ao.dryrun({ processId, tags, data: "{}" }, budget);
  const reply = messages.find((one) => one.tags.Action === "Info-Response");
  return OwnerSchema.safeParse(jsonIn(reply?.data ?? "")).data?.owner;
}
