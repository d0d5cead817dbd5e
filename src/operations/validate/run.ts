import { validateConfiguration } from "./configuration.ts";
import { validateHealth } from "./health.ts";
import { validateIntegration } from "./integration.ts";
import { validatePerformance } from "./performance.ts";
import {
  type Finding,
  type Head,
  reportOf,
  VALIDATION_TYPES,
  type ValidationReport,
  type ValidationType,
} from "./report.ts";
import { validateSecurity } from "./security.ts";
import { describeError, Findings, type Subject, type ValidationResult } from "./subject.ts";

interface RunOptions {
  readonly types: readonly ValidationType[];
  /** The security tests of this machine's files. */
  readonly secrets: (findings: Findings) => Promise<void>;
  /** Receives the findings of each type when it has finished. */
  readonly onFound: (type: ValidationType, findings: readonly Finding[]) => Promise<void>;
}

/** Runs the requested types one after the other, within the subject's time limit. */
export async function runValidation(subject: Subject, options: RunOptions): Promise<ValidationReport> {
  const began = new Date();
  const started = performance.now();
  const types = VALIDATION_TYPES.filter((type) => options.types.includes(type));
  const all: ValidationResult[] = [];
  for (const type of types) {
    const found = await foundOf(type, subject, options);
    all.push(found);
    await options.onFound(type, found.findings);
  }
  const { fleet, release, thresholds, budget } = subject;
  const head: Head = {
    validationTimestamp: began.toISOString(),
    validationDuration: Number(((performance.now() - started) / 1000).toFixed(1)),
    validationTypes: [...types],
    timedOut: budget.remaining() === 0 || budget.gaveUp?.isSo === true,
    project: fleet.project,
    stack: fleet.stack,
    network: fleet.session.network.kind,
    ...(release === undefined ? {} : { deploymentId: release.deploymentId }),
    thresholds,
  };
  return reportOf(
    head,
    all.flatMap(({ findings }) => findings),
    Object.assign({}, ...all.map((found) => found.performance ?? {})),
    Object.assign({}, ...all.map((found) => found.integration ?? {})),
  );
}

async function foundOf(
  type: ValidationType,
  subject: Subject,
  options: RunOptions,
): Promise<ValidationResult> {
  const findings = new Findings(type);
  if (subject.budget.remaining() === 0) {
    findings.add("fleet", "run", "FAIL", "the time limit was reached before it started");
    return { findings: findings.all };
  }
  try {
    return await RUN[type](subject, options);
  } catch (error) {
    findings.add("fleet", "run", "FAIL", describeError(error));
    return { findings: findings.all };
  }
}

const RUN: Readonly<
  Record<ValidationType, (subject: Subject, options: RunOptions) => Promise<ValidationResult>>
> = {
  configuration: validateConfiguration,
  health: validateHealth,
  integration: validateIntegration,
  security: (subject, { secrets }) => validateSecurity(subject, secrets),
  performance: validatePerformance,
};
