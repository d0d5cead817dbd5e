import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import { type ReleaseDocument, readRelease } from "../src/fleet/releases/document.ts";

/** A member's declaration in the release that runs now; undefined if it does not run. */
export type Running = (name: string) => DeclaredProcess | undefined;

/** How the members are declared in the stack's last successful release. Without one, nothing runs. */
export async function runningRelease(where: {
  home: string;
  project: string;
  stack: string;
}): Promise<Running> {
  return membersOf(await readRelease(where, "current"));
}

/** The members that run with a release: its own, and those that keep running without being part of it. Pure. */
export function membersOf(release: ReleaseDocument | undefined): Running {
  return (name) => release?.declaration[name] ?? release?.warm?.[name];
}
