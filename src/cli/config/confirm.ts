import { assertCanConfirm } from "../can-confirm.ts";
import type { Context } from "../command.ts";

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
