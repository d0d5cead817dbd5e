import { UsageError } from "../../core/usage-error.ts";
import type { Context } from "../command.ts";

/**
 * Whether a person wants it.
 *
 * @throws UsageError NOT_CONFIRMED where nobody can be asked
 */
export async function confirmed({ host, out }: Context, yes: boolean, question: string): Promise<boolean> {
  if (yes) return true;
  if (!host.stdin.isTTY)
    throw new UsageError({
      code: "NOT_CONFIRMED",
      what: "Nobody can be asked here, and --yes was not given.",
      expected: "a terminal, or --yes",
      remedy: "Add --yes.",
    });
  if (await host.confirm(question)) return true;
  out.note("Nothing was changed.");
  out.document({ success: true, sent: [] });
  return false;
}
