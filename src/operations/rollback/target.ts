import { FleetError } from "../../core/errors.ts";
import type { LedgerRun } from "./ledger.ts";
import type { KnownRelease } from "./releases.ts";

/** Which release is meant. */
interface Wanted {
  /** A release to go to: its number in the history, or its deployment id. */
  readonly to?: string;
  /** A deployment to leave: the release before it is the one to go to. */
  readonly leave?: string;
}

/**
 * The release that a rollback goes to. Pure.
 *
 * @throws FleetError UNKNOWN_RELEASE, UNKNOWN_DEPLOYMENT, NOTHING_TO_RETURN_TO
 */
export function targetOf(
  releases: readonly KnownRelease[],
  runs: readonly LedgerRun[],
  wanted: Wanted,
): KnownRelease {
  if (wanted.to !== undefined) return releaseNamed(releases, wanted.to);
  const leave = wanted.leave ?? "";
  const left = releases.find(({ deploymentId }) => deploymentId === leave);
  if (left) return before(releases, runs, left);
  // It never became a release: what ran before it is the last one that did.
  const run = runs.find(({ deploymentId }) => deploymentId === leave);
  if (!run) {
    throw new FleetError({
      code: "UNKNOWN_DEPLOYMENT",
      what: `There is no deployment ${leave} in this stack.`,
      got: leave,
      expected: lastOf(releases),
      remedy: "npx fleet history lists what was deployed.",
    });
  }
  const earlier = releases.filter(({ releasedAt }) => Date.parse(releasedAt) < run.startedAt);
  const found = earlier.at(-1);
  if (found) return found;
  throw nothing(leave);
}

function releaseNamed(releases: readonly KnownRelease[], name: string): KnownRelease {
  const found = releases.find(({ number, deploymentId }) => String(number) === name || deploymentId === name);
  if (found) return found;
  throw new FleetError({
    code: "UNKNOWN_RELEASE",
    what: `This stack has no release ${name}.`,
    got: name,
    expected: lastOf(releases),
    remedy: "npx fleet history lists them; failed deployments are none.",
  });
}

/** Of those before it the newest with other code or settings; one that was rolled back is passed over, unless that is what is undone. */
function before(
  releases: readonly KnownRelease[],
  runs: readonly LedgerRun[],
  left: KnownRelease,
): KnownRelease {
  const earlier = releases.filter(
    ({ number, releaseHash }) => number < left.number && releaseHash !== left.releaseHash,
  );
  const wasLeft = ({ deploymentId }: KnownRelease) =>
    runs.some((run) => run.deploymentId === deploymentId && (run.rolledBack || run.status === "ROLLED_BACK"));
  const good = left.pinnedTo === undefined ? earlier.filter((release) => !wasLeft(release)) : earlier;
  const found = good.at(-1) ?? earlier.at(-1);
  if (found) return found;
  throw nothing(left.deploymentId);
}

/** A stack with one release, or none, has no way back. */
export function nothingEarlier({ releases }: { readonly releases: readonly KnownRelease[] }): FleetError {
  const [only] = releases;
  return new FleetError({
    code: "NOTHING_TO_RETURN_TO",
    what: only
      ? `This stack has one release, ${only.deploymentId}: there is no earlier one to return to.`
      : "This stack has no release yet.",
    expected: "two releases that succeeded",
    remedy: only
      ? "Fix it and deploy again; or take the fleet down: npx pulumi destroy"
      : "Deploy first: npx fleet deploy",
  });
}

const nothing = (id: string): FleetError =>
  new FleetError({
    code: "NOTHING_TO_RETURN_TO",
    what: `There is no release before ${id}.`,
    expected: "an earlier release that succeeded",
    remedy: "Fix it and deploy again; or take the fleet down: npx pulumi destroy",
  });

export function lastOf(releases: readonly KnownRelease[]): string {
  if (releases.length === 0) return "a release; none was deployed yet";
  const last = releases.slice(-5).reverse();
  return `one of ${last.map(({ number, deploymentId }) => `${number} (${deploymentId})`).join(", ")}`;
}
