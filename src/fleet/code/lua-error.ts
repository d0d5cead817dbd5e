import type { Evaluation } from "../../ao/port.ts";
import { faultIn } from "./lua-errors.ts";

/**
 * The Lua error in what came of a message, as it was raised: of the evaluation, of a handler that aos itself caught, or the one
 * that the fleet's library tells of in a reply. Pure.
 */
export function luaErrorIn(result: Pick<Evaluation, "error" | "output" | "messages">): string | undefined {
  if (result.error !== undefined) return result.error;
  if (/^Error handling message/m.test(result.output)) return result.output;
  for (const { data } of result.messages) {
    const told = faultIn(data);
    if (told !== undefined) return told;
  }
  return undefined;
}
