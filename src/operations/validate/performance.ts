import { amount } from "../../core/amount.ts";
import { NO_LIBRARY_REASON } from "../../fleet/health/without-library.ts";
import { statistics } from "../../fleet/protocol/statistics.ts";
import { keepBaseline, lastBaseline, regression } from "./baseline.ts";
import { figuresOf, runLoad, type Sample } from "./load.ts";
import type { Performance } from "./report.ts";
import {
  answerBudget,
  codeOf,
  Findings,
  hasNoLibrary,
  type Subject,
  type ValidationResult,
} from "./subject.ts";

/**
 * Validates performance: sends signed messages at a fixed rate to all members in turn and waits for each result. Compares the figures with
 * the thresholds and with the last release.
 */
export async function validatePerformance(subject: Subject): Promise<ValidationResult> {
  const findings = new Findings("performance");
  const { fleet, rate, performanceSeconds: seconds, budget, thresholds } = subject;
  const members = subject.members.filter(({ name }) => !hasNoLibrary(subject, name));
  for (const { name } of subject.members)
    if (hasNoLibrary(subject, name)) findings.add(name, "load", "SKIP", NO_LIBRARY_REASON);
  if (members.length === 0) return { findings: findings.all };
  subject.note(
    `performance: ${amount(rate, "message")} per second over ${amount(members.length, "process", "processes")} for ${seconds} s`,
  );
  const samples = await runLoad({
    rate,
    seconds,
    budget,
    codeOf,
    async request(n) {
      const member = members[n % members.length];
      if (!member) return;
      await statistics(fleet.session, member, answerBudget(subject), { mustCount: true });
    },
  });
  const performance: Record<string, Performance> = {};
  for (const [index, { name }] of members.entries()) {
    const own: Sample[] = samples.filter(({ n }) => n % members.length === index);
    if (own.length === 0) {
      findings.add(
        name,
        "load",
        "SKIP",
        "the load was too short to reach it: raise the duration or the rate",
      );
      continue;
    }
    const figures = figuresOf(own);
    performance[name] = figures;
    judge(name, figures, thresholds, findings);
  }
  await compare(subject, performance, findings);
  return { findings: findings.all, performance };
}

function judge(
  name: string,
  figures: Performance,
  { minSuccessRate, maxAverageMs, maxP95Ms }: Subject["thresholds"],
  findings: Findings,
): void {
  const { requests, successRate, averageMs, p95Ms, failures } = figures;
  const failed = Object.entries(failures).map(([code, n]) => `${n} × ${code}`);
  const success = `${successRate} % of ${requests} succeeded, at least ${minSuccessRate} % required`;
  const good = successRate >= minSuccessRate;
  findings.judge(name, "success", good, failed.length > 0 ? `${success}: ${failed.join(", ")}` : success);
  if (figures.succeeded === 0) return;
  findings.judge(
    name,
    "average",
    averageMs <= maxAverageMs,
    `${averageMs} ms on average, limit ${maxAverageMs} ms`,
  );
  if (maxP95Ms !== undefined)
    findings.judge(name, "p95", p95Ms <= maxP95Ms, `p95 ${p95Ms} ms, limit ${maxP95Ms} ms`);
}

/** Compares with the last release's figures. Then saves these for this release, if nothing failed. */
async function compare(
  subject: Subject,
  performance: Readonly<Record<string, Performance>>,
  findings: Findings,
): Promise<void> {
  const { fleet, release, rate } = subject;
  if (!release) {
    findings.add("fleet", "regression", "SKIP", "this machine has no release to compare with");
    return;
  }
  const now = { deploymentId: release.deploymentId, network: fleet.session.network.kind, rate };
  const before = await lastBaseline(fleet.session.scope, now);
  if (!before) {
    const detail = "no earlier release was measured at this rate; this release becomes the baseline";
    findings.add("fleet", "regression", "SKIP", detail);
  }
  for (const [name, figures] of Object.entries(performance)) {
    const earlier = before?.processes[name];
    if (!before || !earlier || figures.succeeded === 0) continue;
    const { worse, detail } = regression(figures, earlier, subject.thresholds.maxRegression);
    findings.judge(name, "regression", !worse, `${detail}; measured at release ${before.deploymentId}`);
  }
  if (findings.all.some(({ status }) => status === "FAIL")) return;
  const processes = Object.fromEntries(
    Object.entries(performance).map(([name, { averageMs, p95Ms }]) => [name, { averageMs, p95Ms }]),
  );
  await keepBaseline(fleet.session.scope, { ...now, measuredAt: new Date().toISOString(), processes });
}
