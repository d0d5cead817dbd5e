import { type Budget, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { type HealthWithoutLibrary, probeWithoutLibrary } from "../../fleet/health/without-library.ts";
import type { History } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { Finding, Integration, Performance, Thresholds, ValidationType } from "./report.ts";

/** The fleet to validate, and the options. */
export interface Subject {
  readonly fleet: FleetSession;
  /** The members to validate; all others count only as peers. */
  readonly members: readonly Member[];
  /** The declaration to compare with; undefined if this machine has no release. */
  readonly release: ReleaseDocument | undefined;
  readonly budget: Budget;
  readonly thresholds: Thresholds;
  /** Duration of the load in seconds, for performance. */
  readonly performanceSeconds: number;
  /** Requests per second over the whole fleet, for performance. */
  readonly rate: number;
  /** Time limit of one answer in seconds. */
  readonly patience: number;
  /** How often, and after how many seconds, a failed health check is repeated, so that transient failures are not reported. */
  readonly retries: { readonly most: number; readonly seconds: number };
  readonly history: History;
  readonly projectDir: string;
  readonly note: (line: string) => void;
}

/** The result of one type of validation. */
export interface ValidationResult {
  readonly findings: readonly Finding[];
  readonly performance?: Readonly<Record<string, Performance>>;
  readonly integration?: Readonly<Record<string, Integration>>;
}

/** Collects the findings of one type. */
export class Findings {
  readonly all: Finding[] = [];
  private readonly type: ValidationType;

  constructor(type: ValidationType) {
    this.type = type;
  }

  add(process: string, test: string, status: Finding["status"], detail: string, ms?: number): void {
    this.all.push({
      process,
      test: `${this.type}_${test}`,
      type: this.type,
      status,
      detail,
      ...(ms === undefined ? {} : { ms: Math.round(ms) }),
    });
  }

  /** Adds PASS if `good`, FAIL otherwise. */
  judge(process: string, test: string, good: boolean, detail: string, ms?: number): void {
    this.add(process, test, good ? "PASS" : "FAIL", detail, ms);
  }
}

/** Whether a member is declared without the library (`lib: false`); if this machine has no release, whether it was deployed without. */
export function hasNoLibrary({ release, fleet }: Pick<Subject, "release" | "fleet">, name: string): boolean {
  const declared = release?.declaration[name];
  return declared === undefined
    ? fleet.members.some((member) => member.name === name && runsWithoutLibrary(member))
    : declared.lib === false;
}

/** Judges whether the code of a member without the library was changed by hand, by aos' answer to a signed Eval of its owner. */
export async function judgeCodeWithoutLibrary(
  subject: Subject,
  member: Member,
  test: string,
  findings: Findings,
): Promise<HealthWithoutLibrary> {
  const codeHealth = await probeWithoutLibrary(subject.fleet, member, answerBudget(subject));
  const { health, reasons } = codeHealth;
  if (member.code === undefined)
    findings.add(member.name, test, "SKIP", "this machine does not know which code was loaded");
  else
    findings.judge(
      member.name,
      test,
      health === "HEALTHY",
      health === "HEALTHY" ? `runs the loaded code, ${member.sourceHash.slice(0, 8)}` : reasons.join("; "),
    );
  return codeHealth;
}

/** The time budget of one answer. */
export const answerBudget = ({ budget, patience }: Subject): Budget => within(budget, patience);

/** A FleetError in one line. Any other error is a bug and is thrown. */
export function describeError(error: unknown): string {
  if (!(error instanceof FleetError)) throw error;
  const { what, code, got } = error.problems[0];
  return `${what} [${code}]${got === undefined ? "" : ` got: ${got.split("\n")[0]?.slice(0, 160)}`}`;
}

/** The code of a FleetError. Any other error is a bug and is thrown. */
export function codeOf(error: unknown): string {
  if (!(error instanceof FleetError)) throw error;
  return error.code;
}

/** Processes asked at the same time: more would only wait for each other on shared units. */
export const MAX_CONCURRENT = 8;
