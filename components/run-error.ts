import * as pulumi from "@pulumi/pulumi";
import { formatProblems, type Problem } from "../src/core/errors.ts";
import { reportFailure } from "../src/fleet/session/progress.ts";
import { keepSecrets } from "../src/fleet/session/secrets.ts";
import { secretConfig } from "./secret-config.ts";

/** The error that ends the program. Pulumi prints only its text, so `fleet deploy` gets the problems as data. */
export function runError(problems: readonly Problem[]): pulumi.RunError {
  keepSecrets({ rawConfig: secretConfig() });
  reportFailure(problems);
  return new pulumi.RunError(formatProblems(problems));
}
