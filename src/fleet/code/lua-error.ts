import type { Evaluation } from "../../ao/port.ts";
import { faultIn } from "./lua-errors.ts";

/**
 * The original Lua error in a message's result: the evaluation's, a handler's that aos caught, or one that the fleet's library
 * reports in a reply. Pure.
 */
export function luaErrorIn(
  result: Pick<Evaluation, "error" | "output"> & { readonly messages: readonly { readonly data: string }[] },
): string | undefined {
  if (result.error !== undefined) return result.error;
  if (/^Error handling message/m.test(result.output)) return result.output;
  for (const { data } of result.messages) {
    const reported = faultIn(data);
    if (reported !== undefined) return reported;
  }
  return undefined;
}
