import { FleetError } from "../../core/errors.ts";
import { UsageError } from "../../core/usage-error.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { historyFor } from "../../operations/rollback/history-for.ts";
import type { StackHistory } from "../../operations/rollback/read-history.ts";
import type { KnownRelease } from "../../operations/rollback/releases.ts";
import { latestReleasesText, noOtherRelease, targetOf } from "../../operations/rollback/target.ts";
import type { Context } from "../command.ts";
import type { RollbackOptions } from "./options.ts";

/** Seconds to wait for the ledger. */
const LEDGER_TIMEOUT_SECONDS = 30;

/**
 * In an emergency, a release that is named by its id and is on this machine is not looked up in the ledger, and the stack's state is read only
 * if it can be.
 */
export async function chooseRelease(
  context: Context,
  fleet: FleetSession,
  options: RollbackOptions,
): Promise<{ known: StackHistory; release: KnownRelease }> {
  if (options.emergency && options.to !== undefined) {
    const here = await historyFor(context, fleet, 0, false);
    const release = here.releases.find(
      ({ deploymentId, document }) => deploymentId === options.to && document,
    );
    if (release) return { known: here, release };
  }
  const askLedger = options.manual ? 0 : LEDGER_TIMEOUT_SECONDS;
  const known = await historyFor(context, fleet, askLedger, !options.emergency);
  if (known.withoutLedger) throw silentLedger(fleet, known.withoutLedger);
  return { known, release: await chosen(context, known, options) };
}

async function chosen(
  { host }: Context,
  known: StackHistory,
  options: RollbackOptions,
): Promise<KnownRelease> {
  const { to, deploymentId } = options;
  if (to !== undefined || deploymentId !== undefined) {
    return targetOf(known.releases, known.runs, {
      ...(to === undefined ? {} : { to }),
      ...(deploymentId === undefined ? {} : { leave: deploymentId }),
    });
  }
  const others = [...known.releases].reverse();
  if (others.length < 2) throw noOtherRelease(known);
  if (!host.stdin.isTTY) {
    throw new UsageError({
      code: "NOT_CHOSEN",
      what: "Not a terminal, and no release was named.",
      expected: `--to <number or deployment id>, ${latestReleasesText(known.releases)}; or --deployment-id <id>`,
      remedy: "npx fleet history lists the releases.",
    });
  }
  return host.choose(
    "Roll back to which release?",
    others.map((release) => ({
      value: release,
      name: `${String(release.number).padStart(3)}  ${release.releasedAt.slice(0, 19).replace("T", " ")}  ${release.deploymentId}`,
      description:
        release.changed.join("; ") ||
        (release.pinnedTo ? `rollback to ${release.pinnedTo}` : "no known changes"),
      ...(release.current ? { disabled: "(runs now)" } : {}),
    })),
  );
}

function silentLedger(fleet: FleetSession, cause: FleetError): FleetError {
  return new FleetError(
    {
      code: "LEDGER_SILENT",
      what: `The deployment coordinator ${fleet.ledger} does not answer, so another deployment may be running.`,
      got: cause.problems[0].what,
      expected: "its ledger",
      remedy: "Try again; or roll back without it, from history alone: pass --manual",
    },
    { cause },
  );
}
