import type { PulumiRunner, Workspace } from "./workspace.ts";

/** The stack whose settings are written. */
export interface SettingsOf {
  readonly host: PulumiRunner;
  readonly workspace: Workspace;
  readonly stack: string;
}

/** A setting that could not be written. */
interface Unwritten {
  /** The command that does it by hand, without `npx`. */
  readonly command: string;
  /** What pulumi said. */
  readonly said: string;
}

/**
 * Sets a setting in the stack's file as plain text, or removes it, with `pulumi config`.
 *
 * @param value undefined to remove it
 * @returns undefined if it was written
 */
export async function writeSetting(
  { host, workspace, stack }: SettingsOf,
  key: string,
  value: string | undefined,
): Promise<Unwritten | undefined> {
  const args = value === undefined ? ["rm", key] : ["set", key, value];
  const plain = value === undefined ? [] : ["--plaintext"];
  const answer = await host.pulumi(workspace, ["config", ...args, ...plain, "--stack", stack]);
  if (answer.code === 0) return undefined;
  return { command: `pulumi config ${args.join(" ")} --stack ${stack}`, said: answer.output.slice(-300) };
}
