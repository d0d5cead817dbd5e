import { UsageError } from "../core/usage-error.ts";
import type { Context } from "./command.ts";

/**
 * Fails a command that has to ask a person where nobody can answer, before it does anything.
 *
 * @param isConfirmed whether it asks nothing
 * @throws UsageError NOT_CONFIRMED if stdin is not a terminal
 */
export function assertCanConfirm(
  { host }: Pick<Context, "host">,
  isConfirmed: boolean,
  remedy = "Pass --yes to confirm.",
): void {
  if (isConfirmed || host.stdin.isTTY) return;
  throw new UsageError({
    code: "NOT_CONFIRMED",
    what: "Not a terminal: pass --yes to confirm.",
    expected: "a terminal, or --yes",
    remedy,
  });
}

/**
 * Asks for confirmation unless `yes` is set.
 *
 * @throws UsageError NOT_CONFIRMED if stdin is not a terminal
 */
export async function askToConfirm(context: Context, yes: boolean, question: string): Promise<boolean> {
  const { host, out } = context;
  if (yes) return true;
  assertCanConfirm(context, false);
  if (await host.confirm(question)) return true;
  out.note("Nothing was changed.");
  out.document({ success: true, sent: [] });
  return false;
}
