import { UsageError } from "../../core/usage-error.ts";
import type { Context } from "../command.ts";

/**
 * Asks for confirmation unless `yes` is set.
 *
 * @throws UsageError NOT_CONFIRMED if stdin is not a terminal
 */
export async function askToConfirm({ host, out }: Context, yes: boolean, question: string): Promise<boolean> {
  if (yes) return true;
  if (!host.stdin.isTTY)
    throw new UsageError({
      code: "NOT_CONFIRMED",
      what: "Not a terminal: pass --yes to confirm.",
      expected: "a terminal, or --yes",
      remedy: "Pass --yes to confirm.",
    });
  if (await host.confirm(question)) return true;
  out.note("Nothing was changed.");
  out.document({ success: true, sent: [] });
  return false;
}
