import { FleetError } from "../../core/errors.ts";
import type { LedgerRun } from "./ledger.ts";
import type { KnownRelease } from "./releases.ts";

/** How the release is chosen. */
interface Wanted {
  /** The release to return to: its number in the history, or its deployment id. */
  readonly to?: string;
  /** The deployment to undo: the target is the release before it. */
  readonly leave?: string;
}

/**
 * The release that a rollback returns to. Pure.
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
  // The deployment never became a release: return to the last release before it.
  const run = runs.find(({ deploymentId }) => deploymentId === leave);
  if (!run) {
    throw new FleetError({
      code: "UNKNOWN_DEPLOYMENT",
      what: `This stack has no deployment ${leave}.`,
      got: leave,
      expected: latestReleasesText(releases),
      remedy: "npx fleet history lists the deployments.",
    });
  }
  const earlier = releases.filter(({ releasedAt }) => Date.parse(releasedAt) < run.startedAt);
  const found = earlier.at(-1);
  if (found) return found;
  throw noEarlierRelease(leave);
}

function releaseNamed(releases: readonly KnownRelease[], name: string): KnownRelease {
  const found = releases.find(({ number, deploymentId }) => String(number) === name || deploymentId === name);
  if (found) return found;
  throw new FleetError({
    code: "UNKNOWN_RELEASE",
    what: `This stack has no release ${name}.`,
    got: name,
    expected: latestReleasesText(releases),
    remedy: "npx fleet history lists the releases; failed deployments are not releases.",
  });
}

/** The newest earlier release with other code or settings. Skips releases that were rolled back, unless a rollback is undone. */
function before(
  releases: readonly KnownRelease[],
  runs: readonly LedgerRun[],
  left: KnownRelease,
): KnownRelease {
  const earlier = releases.filter(
    ({ number, releaseHash }) => number < left.number && releaseHash !== left.releaseHash,
  );
  const wasRolledBack = ({ deploymentId }: KnownRelease) =>
    runs.some((run) => run.deploymentId === deploymentId && (run.rolledBack || run.status === "ROLLED_BACK"));
  const candidates =
    left.pinnedTo === undefined ? earlier.filter((release) => !wasRolledBack(release)) : earlier;
  const found = candidates.at(-1) ?? earlier.at(-1);
  if (found) return found;
  throw noEarlierRelease(left.deploymentId);
}

/** The error for a stack with one release, or none. */
export function noOtherRelease({ releases }: { readonly releases: readonly KnownRelease[] }): FleetError {
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

const noEarlierRelease = (id: string): FleetError =>
  new FleetError({
    code: "NOTHING_TO_RETURN_TO",
    what: `There is no release before ${id}.`,
    expected: "an earlier release that succeeded",
    remedy: "Fix it and deploy again; or take the fleet down: npx pulumi destroy",
  });

/** The latest releases as the `expected` of an error: `one of 4 (deploy-…), 3 (deploy-…)`. */
export function latestReleasesText(releases: readonly KnownRelease[]): string {
  if (releases.length === 0) return "a release; none was deployed yet";
  const last = releases.slice(-5).reverse();
  return `one of ${last.map(({ number, deploymentId }) => `${number} (${deploymentId})`).join(", ")}`;
}
