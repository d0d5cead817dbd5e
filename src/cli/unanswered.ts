import { FleetError } from "../core/errors.ts";

/** Ctrl-C or Ctrl-D at a question: exit code 130. */
export class Unanswered extends FleetError {
  /** @param outcome a sentence that names what was not done */
  constructor(outcome = "Nothing was changed.") {
    super({
      code: "INTERRUPTED",
      what: `Interrupted at a question. ${outcome}`,
      remedy: "Run the same command again, and answer it; --yes confirms without a question.",
    });
  }
}
