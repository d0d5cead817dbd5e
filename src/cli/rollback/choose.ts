import type { KnownRelease } from "../../operations/rollback/releases.ts";
import type { Context } from "../command.ts";

/** Asks a person for the release to return to; undefined if nobody can be asked. */
export const releaseChooser = ({ host }: Pick<Context, "host">) =>
  host.stdin.isTTY === true
    ? (releases: readonly KnownRelease[]) =>
        host.choose(
          "Roll back to which release?",
          releases.map((release) => ({
            value: release,
            name: `${String(release.number).padStart(3)}  ${release.releasedAt.slice(0, 19).replace("T", " ")}  ${release.deploymentId}`,
            description:
              release.changed.join("; ") ||
              (release.pinnedTo ? `rollback to ${release.pinnedTo}` : "no known changes"),
            ...(release.current ? { disabled: "(runs now)" } : {}),
          })),
        )
    : undefined;
