import { FleetError } from "../core/errors.ts";
import { UsageError } from "../core/usage-error.ts";
import { runsWithoutLibrary } from "../fleet/code/without-library.ts";
import type { FleetSession } from "../fleet/fleet-session.ts";
import { NO_LIBRARY_REASON } from "../fleet/health/without-library.ts";
import { pickMember } from "../fleet/members/known-fleet.ts";
import type { Member } from "../fleet/members/member.ts";

/** The members that a command works on: those named, or all. @throws FleetError NOT_CHOSEN, UNKNOWN_PROCESS, NOTHING_DEPLOYED */
export function membersNamed(fleet: FleetSession, names: readonly string[], all: boolean): readonly Member[] {
  if (names.length > 0) return names.map((name) => pickMember(fleet, name));
  if (!all) {
    throw new UsageError({
      code: "NOT_CHOSEN",
      what: "No member was named.",
      expected: "names of members, or --all",
      remedy: `Name one or more of ${fleet.members.map(({ name }) => name).join(", ")}; or pass --all.`,
    });
  }
  if (fleet.members.length > 0) return fleet.members;
  throw new FleetError({
    code: "NOTHING_DEPLOYED",
    what: `The stack ${fleet.stack} has no processes.`,
    expected: "a deployed fleet",
    remedy: "npx fleet deploy",
  });
}

/**
 * The same for a command that needs the library (states, settings, statistics). With `all`, members without the library are skipped.
 *
 * @param out receives a note for each skipped member
 * @throws FleetError LIB_REQUIRED if a member without the library was named, and what `membersNamed` throws
 */
export function membersWithLibrary(
  fleet: FleetSession,
  names: readonly string[],
  all: boolean,
  out: { note(line: string): void },
): readonly Member[] {
  const members = membersNamed(fleet, names, all);
  if (names.length > 0) return members.map(withLibrary);
  for (const { name } of members.filter(runsWithoutLibrary))
    out.note(`${name} is skipped: ${NO_LIBRARY_REASON}`);
  return members.filter((member) => !runsWithoutLibrary(member));
}

/** @throws FleetError LIB_REQUIRED */
export function withLibrary(member: Member): Member {
  if (!runsWithoutLibrary(member)) return member;
  throw new FleetError({
    code: "LIB_REQUIRED",
    what: `${member.name} cannot be asked: ${NO_LIBRARY_REASON}.`,
    got: "lib: false",
    expected: "a member with the library",
    remedy: "Name other members.",
  });
}
