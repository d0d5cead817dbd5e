/** The error of a pulumi that cannot read what it was asked for. */
import { FleetError } from "../../core/errors.ts";
import { redactText } from "../../core/redact.ts";
import type { RunResult } from "../../toolchain/run.ts";
import { lastOutput } from "../deploy/pulumi-text.ts";

type Answer = Pick<RunResult, "code" | "output">;

/** The last lines of a pulumi that failed, without secrets. */
export const lastWords = ({ code, output }: Answer): string =>
  lastOutput(redactText(output)).slice(0, 500) || `exit code ${code} without output`;

/** @param what the sentence that names what could not be read */
export function unreadable(
  code: "STACKS_UNREADABLE" | "STATE_UNREADABLE",
  what: string,
  answer: Answer,
): FleetError {
  const isMissing = answer.code === 127;
  return new FleetError({
    code,
    what,
    got: lastWords(answer),
    expected: isMissing ? "the pulumi CLI" : "an answer from the project's backend, which pulumi asks",
    remedy: isMissing
      ? "Install the pulumi CLI: npx fleet setup"
      : "Check the backend: npx pulumi stack ls. npx fleet doctor checks this machine.",
  });
}
