/** A move that the router has carried out, as a run left it that died or lost an answer: its old revision must refuse requests. */
import { FleetError } from "../../src/core/errors.ts";
import { isRuinedError } from "../../src/fleet/members/ruined.ts";
import { type Admission, source } from "./admission.ts";
import { acceptedBothText, acceptedKeysText, unconfirmedText } from "./hand-over-messages.ts";
import type { StateMove, StateOwner } from "./state-moves.ts";

/** The effects that `confirmMove` uses. */
interface ConfirmEffects {
  readonly admission: Pick<Admission, "refuses" | "stop">;
  readonly report: (
    name: string,
    detail: string,
    phase: "state-lost" | "repaired" | "not-repaired",
  ) => Promise<void>;
  /** Whether it refuses requests; `undefined` if it is ruined and its state is lost. */
  readonly refusesUnlessLost: (owner: StateOwner) => Promise<boolean | undefined>;
  readonly moveAgain: (move: StateMove) => Promise<void>;
}

/**
 * Makes an old revision refuse requests. If it accepts them and its successor does not, a whole state is newer there, and is moved again. That
 * does not hold for a range of keys: an import unseals them, so a run that died while it took the state back leaves the old revision with an
 * earlier copy that accepts requests. Such a range is never copied again: the router's table says who has it. An old revision that does not
 * answer is named, and does not keep its successor from its traffic.
 */
export async function confirmMove(move: StateMove, effects: ConfirmEffects): Promise<void> {
  const { admission, report } = effects;
  const { name } = move;
  const answer = await answerOf(admission.refuses(source(move)));
  if (answer === "refuses") return;
  if (answer !== "accepts") return report(name, unconfirmedText(move, answer), "not-repaired");
  if (move.keys !== undefined) {
    await admission.stop(source(move));
    return report(name, acceptedKeysText(move, move.keys), "repaired");
  }
  const isStopped = await effects.refusesUnlessLost(move);
  if (isStopped) return effects.moveAgain(move);
  await admission.stop(source(move));
  if (isStopped === false) await report(name, acceptedBothText(move), "state-lost");
}

/** What an old revision answered, or the error if it did not. A ruined one cannot accept requests, and its state was given up before. */
async function answerOf(refuses: Promise<boolean>): Promise<"refuses" | "accepts" | FleetError> {
  try {
    return (await refuses) ? "refuses" : "accepts";
  } catch (error) {
    if (isRuinedError(error)) return "refuses";
    if (!(error instanceof FleetError) || error.isLocal) throw error;
    return error;
  }
}
