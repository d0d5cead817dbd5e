import { FleetError } from "../../core/errors.ts";
import { UsageError } from "../../core/usage-error.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { OperationContext } from "../context.ts";
import type { StackHistory } from "./read-history.ts";
import { readHistory } from "./read-history.ts";
import type { KnownRelease } from "./releases.ts";
import { latestReleasesText, noOtherRelease, targetOf } from "./target.ts";

/** Seconds to wait for the ledger. */
const LEDGER_TIMEOUT_SECONDS = 30;

/** Which release to return to. */
interface Wanted {
  /** A number from the history, or a deployment id. */
  readonly to?: string | undefined;
  /** The deployment to undo. */
  readonly deploymentId?: string | undefined;
  readonly manual: boolean;
  readonly emergency: boolean;
}

/**
 * The release that a rollback returns to, and the history that it is from. In an emergency, a release that is named by its id and is on this machine
 * is not looked up in the ledger, and the stack's state is read only if it can be.
 *
 * @param ask asks a person, who is offered the newest first; undefined if nobody can be asked
 */
export async function chooseRelease(
  context: OperationContext,
  fleet: FleetSession,
  wanted: Wanted,
  ask: ((releases: readonly KnownRelease[]) => Promise<KnownRelease>) | undefined,
): Promise<{ known: StackHistory; release: KnownRelease }> {
  if (wanted.emergency && wanted.to !== undefined) {
    const here = await readHistory(context, fleet, 0, false);
    const release = here.releases.find(
      ({ deploymentId, document }) => deploymentId === wanted.to && document,
    );
    if (release) return { known: here, release };
  }
  const askLedger = wanted.manual ? 0 : LEDGER_TIMEOUT_SECONDS;
  const known = await readHistory(context, fleet, askLedger, !wanted.emergency);
  if (known.withoutLedger) throw silentLedger(fleet, known.withoutLedger);
  const { to, deploymentId } = wanted;
  if (to !== undefined || deploymentId !== undefined) {
    const release = targetOf(known.releases, known.runs, {
      ...(to === undefined ? {} : { to }),
      ...(deploymentId === undefined ? {} : { leave: deploymentId }),
    });
    return { known, release };
  }
  const newestFirst = [...known.releases].reverse();
  if (newestFirst.length < 2) throw noOtherRelease(known);
  if (ask !== undefined) return { known, release: await ask(newestFirst) };
  throw new UsageError({
    code: "NOT_CHOSEN",
    what: "Not a terminal, and no release was named.",
    expected: `--to <number or deployment id>, ${latestReleasesText(known.releases)}; or --deployment-id <id>`,
    remedy: "npx fleet history lists the releases.",
  });
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
