import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import { type ReleaseDocument, readRelease } from "../src/fleet/releases/document.ts";

/** How a member is declared by the release that runs now; undefined when it does not run. */
export type Running = (name: string) => DeclaredProcess | undefined;

/** How members are declared by the release that succeeded last in this stack; nothing runs where there is none. */
export async function runningRelease(where: {
  home: string;
  project: string;
  stack: string;
}): Promise<Running> {
  return membersOf(await readRelease(where, "current"));
}

/** The members that run with a release: its own, and those beside it. Pure. */
export function membersOf(release: ReleaseDocument | undefined): Running {
  return (name) => release?.declaration[name] ?? release?.warm?.[name];
}
