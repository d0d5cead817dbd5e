/** The outcome of a measurement: passed, failed, not enough data, or not measured. */
export type Outcome = "pass" | "fail" | "inconclusive" | "error";

/** The result of one check, with its numbers. */
export interface Finding {
  /** `errorRate of battle`. */
  readonly check: string;
  readonly outcome: Outcome;
  /** One line for people: what was measured, against what. */
  readonly text: string;
  /** Why it is inconclusive although there are data. @default too few data */
  readonly why?: Open | undefined;
}

/**
 * Why data do not decide: `disputed`, callers known from before the rollout and new ones are served differently; `uncompared`, it is unknown
 * whether the old revision would have answered what the new one did not, or it would, but the requests of those callers alone do not fail a check.
 */
type Open = "disputed" | "uncompared";

export interface Verdict {
  readonly outcome: Outcome;
  /** All findings in one line, the decisive ones first. */
  readonly text: string;
  readonly findings: readonly Finding[];
  /** Why it is inconclusive although there are data; only then. @default too few data */
  readonly why?: Open | undefined;
}

const ORDER: readonly Outcome[] = ["fail", "error", "inconclusive", "pass"];

/** The worst finding is the verdict: a failure counts even if other checks could not be measured. No findings are inconclusive. Pure. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const outcome = ORDER.find((one) => findings.some((finding) => finding.outcome === one)) ?? "inconclusive";
  const sorted = [...findings].sort((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome));
  const text = sorted
    .map((finding) => `${finding.check} ${WORDS[finding.outcome]}: ${finding.text}`)
    .join("; ");
  const open = outcome === "inconclusive" ? findings.map(({ why }) => why) : [];
  const why = open.includes("disputed") ? "disputed" : open.find((each) => each !== undefined);
  return { outcome, text: text === "" ? "nothing was measured" : text, findings, ...(why && { why }) };
}

const WORDS: Readonly<Record<Outcome, string>> = {
  pass: "passes",
  fail: "fails",
  inconclusive: "is inconclusive",
  error: "could not be measured",
};
