import { dryRunsAs } from "../../ao/connect.ts";
import { loadWallet } from "../../ao/wallet.ts";
import { isAddress } from "../../core/address.ts";
import { budgetOf } from "../../core/budget.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { crashPoint } from "../../core/crash.ts";
import { FleetError, type Problem, throwAll, tolerate } from "../../core/errors.ts";
import { dryReadRunningCode } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { everyProcess, type StackProcess } from "../../fleet/members/every-process.ts";
import { unfinishedRun } from "../../fleet/protocol/deployments.ts";
import { handOver, type Owner, ownerOf } from "../../fleet/protocol/ownership.ts";
import { ledgerOf } from "../rollback/ledger.ts";
import { AT_ONCE } from "./read.ts";

/** What a rotation does. */
export interface RotationPlan {
  readonly from: string;
  readonly to: string;
  /** Still to be handed over, the ledger last. */
  readonly left: readonly StackProcess[];
  /** Handed over already, as by an earlier run that was stopped. */
  readonly done: readonly StackProcess[];
  /** They ignore this wallet and do not name their owner, and nothing here can show whether it is the new one. */
  readonly unnamed: readonly StackProcess[];
  /** They can evaluate nothing any more, so nobody can change them. */
  readonly ruined: readonly StackProcess[];
}

/**
 * The address of the new owner, with a proof that somebody has its key: the wallet itself, or a message that it has sent.
 *
 * @param to an address, or the path of a wallet's file
 * @throws FleetError NEW_OWNER_UNPROVED, and as `loadWallet`
 */
export async function newOwner({ session }: FleetSession, to: string, seconds: number): Promise<string> {
  if (!isAddress(to)) return (await loadWallet({ path: to })).address;
  const [sent] = await session.ao.find({ owners: [to], limit: 1 }, budgetOf(seconds));
  if (sent !== undefined) return to;
  throw new FleetError({
    code: "NEW_OWNER_UNPROVED",
    what: `Nothing shows that somebody has the key of ${to}.`,
    at: "--to",
    got: "no message by that address on the network",
    expected: "a message, so that a mistyped address locks nobody out",
    remedy:
      "With the new wallet configured, send any message, such as: npx fleet call --raw <member> Info. Or pass the wallet's file instead of its address.",
  });
}

/**
 * Reads who owns every process of the stack. Changes nothing.
 *
 * @param evenUnfinished whether to rotate although the ledger has a deployment that has not ended
 * @throws FleetError ROTATION_OF_OTHERS, OWNER_UNKNOWN, OLD_WALLET_ALLOWED, with every process; DEPLOYMENT_UNFINISHED
 */
export async function planRotation(
  fleet: FleetSession,
  to: string,
  { seconds, evenUnfinished }: { readonly seconds: number; readonly evenUnfinished: boolean },
): Promise<RotationPlan> {
  const from = fleet.session.ao.address;
  const ledger = ledgerOf(fleet);
  const processes = await everyProcess(fleet);
  const asked = await mapConcurrently(processes, AT_ONCE, async (process) => ({
    process,
    owner: await ownerOf(fleet.session, process, budgetOf(seconds)),
  }));
  throwAll(asked.flatMap(({ process, owner }) => rotationProblem(process, owner, from, to)));
  const whose = (address: string) =>
    asked.flatMap(({ process, owner }) =>
      owner.is === "KNOWN" && owner.address === address ? [process] : [],
    );
  const left = from === to ? [] : whose(from);
  if (ledger !== undefined && left.length > 0 && !evenUnfinished) {
    const id = await unfinishedRun(fleet.session, ledger, budgetOf(seconds));
    if (id !== undefined) throw unfinished(id);
  }
  // A process without the library names no owner, but it evaluates what its owner asks.
  const others = asked.flatMap(({ process, owner }) => (owner.is === "OTHER" ? [process] : []));
  const proved = await belonging(fleet.session, others, to, seconds);
  const isLedger = ({ processId }: StackProcess) => processId === ledger?.processId;
  return {
    ...{ from, to },
    // Until the last process is handed over, the present owner can read and repair the record.
    left: [...left.filter((one) => !isLedger(one)), ...left.filter(isLedger)],
    done: [...(from === to ? [] : whose(to)), ...proved],
    unnamed: others.filter((one) => !proved.includes(one)),
    ruined: asked.flatMap(({ process, owner }) => (owner.is === "RUINED" ? [process] : [])),
  };
}

/** Those of these processes that evaluate an Eval in the name of an address, where dry runs have a name. */
async function belonging(
  { network }: FleetSession["session"],
  processes: readonly StackProcess[],
  address: string,
  seconds: number,
): Promise<StackProcess[]> {
  const ao = dryRunsAs(network, address);
  const read = await Promise.all(
    processes.map((one) => dryReadRunningCode({ ao }, one, budgetOf(seconds)).catch(tolerate(undefined))),
  );
  return processes.filter((_, index) => read[index] !== undefined);
}

/** Why a process cannot be part of a rotation. Pure. */
export function rotationProblem(
  { name, processId }: StackProcess,
  owner: Owner,
  from: string,
  to: string,
): Problem[] {
  if (owner.is === "UNKNOWN")
    return [
      {
        code: "OWNER_UNKNOWN",
        what: `${name} does not say who owns it, so a rotation might leave it behind.`,
        got: owner.code,
        expected: "an answer of every process of the stack",
        remedy: `Check ${processId}: npx fleet status. Nothing was changed.`,
      },
    ];
  if (owner.is !== "KNOWN") return [];
  if (owner.address !== from && owner.address !== to)
    return [
      {
        code: "ROTATION_OF_OTHERS",
        what: `${name} belongs to another wallet, so this one cannot hand it over.`,
        got: `the wallet ${from}`,
        expected: `the wallet ${owner.address}, which owns ${processId}`,
        remedy: "Run the rotation with that wallet configured. Nothing was changed.",
      },
    ];
  if (from === to || !owner.allowed.includes(from)) return [];
  return [
    {
      code: "OLD_WALLET_ALLOWED",
      what: `The deployers of ${name} include this wallet, so it would keep rights after the rotation.`,
      got: `allowed: ${from}`,
      expected: "no deployer with the address of the old wallet",
      remedy:
        "Remove the address from `allowed` in the declaration, deploy, and rotate again. Nothing was changed.",
    },
  ];
}

const unfinished = (id: string) =>
  new FleetError({
    code: "DEPLOYMENT_UNFINISHED",
    what: `The deployment ${id} has not ended.`,
    got: "RUNNING in the ledger",
    expected: "no deployment that needs the old wallet",
    remedy:
      "Wait for it; if it was killed, repeat it: npx fleet deploy. If the old wallet must not be used any more, pass --unfinished. Nothing was changed.",
  });

/**
 * Hands every process over, one after another, and reads back that each belongs to the new owner. Each is one message, so a run that is
 * killed leaves some with either owner, and the same command continues with the rest.
 *
 * @param told is called after each process
 * @throws FleetError HAND_OVER_REFUSED, ROTATION_INCOMPLETE
 */
export async function rotate(
  { session }: FleetSession,
  { from, to, left }: Pick<RotationPlan, "from" | "to" | "left">,
  seconds: number,
  told: (process: StackProcess) => void,
): Promise<void> {
  for (const process of left) {
    await handOver(session, process, to, budgetOf(seconds));
    crashPoint("rotate.handed");
    const owner = await ownerOf(session, process, budgetOf(seconds));
    // A process without the library only shows that it ignores the old owner; which address it has now is what it answered to the Eval.
    const isHanded = owner.is === "OTHER" || (owner.is === "KNOWN" && owner.address === to);
    if (!isHanded || (owner.is === "KNOWN" && owner.allowed.includes(from)))
      throw new FleetError({
        code: "ROTATION_INCOMPLETE",
        what: `${process.name} was handed over, but does not say so.`,
        got:
          owner.is === "KNOWN"
            ? `the owner ${owner.address}`
            : owner.is === "UNKNOWN"
              ? owner.code
              : owner.is,
        expected: `the owner ${to}`,
        remedy: "Run the same command again: it asks every process, and continues with what is left.",
      });
    told(process);
  }
}
