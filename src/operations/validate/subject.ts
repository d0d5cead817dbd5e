import { type Budget, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { isBare } from "../../fleet/code/bare.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { type BareLook, lookAtBare } from "../../fleet/health/bare.ts";
import type { History } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { Finding, Integration, Performance, Thresholds, ValidationType } from "./report.ts";

/** What is validated, and with what. */
export interface Subject {
  readonly fleet: FleetSession;
  /** The members that are looked at; the others of the fleet are only peers. */
  readonly members: readonly Member[];
  /** What is declared; undefined when no release is known on this machine. */
  readonly release: ReleaseDocument | undefined;
  readonly budget: Budget;
  readonly thresholds: Thresholds;
  /** Seconds of load, for performance. */
  readonly performanceSeconds: number;
  /** Requests a second on the fleet as a whole, for performance. */
  readonly rate: number;
  /** Seconds that one answer may take. */
  readonly patience: number;
  /** A member that is not well is looked at again so often, so many seconds apart: what is passing is no finding. */
  readonly retries: { readonly most: number; readonly seconds: number };
  readonly history: History;
  readonly projectDir: string;
  readonly note: (line: string) => void;
}

/** What a type of validation found. */
export interface Found {
  readonly findings: readonly Finding[];
  readonly performance?: Readonly<Record<string, Performance>>;
  readonly integration?: Readonly<Record<string, Integration>>;
}

/** Findings of one type, collected. */
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

  /** PASS when it is so, FAIL otherwise. */
  judge(process: string, test: string, good: boolean, detail: string, ms?: number): void {
    this.add(process, test, good ? "PASS" : "FAIL", detail, ms);
  }
}

/** Whether a member was declared without the fleet's library (`lib: false`); where no release is known, whether it was deployed so. */
export function hasNoLibrary({ release, fleet }: Pick<Subject, "release" | "fleet">, name: string): boolean {
  const declared = release?.declaration[name];
  return declared === undefined
    ? fleet.members.some((member) => member.name === name && isBare(member))
    : declared.lib === false;
}

/** What was changed by hand in the code of a member without the library, as aos itself answers a signed Eval of its owner. */
export async function judgeBareCode(
  subject: Subject,
  member: Member,
  test: string,
  findings: Findings,
): Promise<BareLook> {
  const look = await lookAtBare(subject.fleet, member, patienceOf(subject));
  const { health, reasons } = look;
  if (member.code === undefined)
    findings.add(member.name, test, "SKIP", "it is not known on this machine what code it was loaded with");
  else
    findings.judge(
      member.name,
      test,
      health === "HEALTHY",
      health === "HEALTHY"
        ? `runs the code that was loaded, ${member.sourceHash.slice(0, 8)}`
        : reasons.join("; "),
    );
  return look;
}

/** Time for one answer. */
export const patienceOf = ({ budget, patience }: Subject): Budget => within(budget, patience);

/** What an error says in one line. An error that is a bug of ours is none of the fleet's: it is thrown on. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof FleetError)) throw error;
  const { what, code, got } = error.problems[0];
  return `${what} [${code}]${got === undefined ? "" : ` got: ${got.split("\n")[0]?.slice(0, 160)}`}`;
}

/** The code of what a person can fix; anything else is thrown on. */
export function codeOf(error: unknown): string {
  if (!(error instanceof FleetError)) throw error;
  return error.code;
}

/** Runs over items, so many at once, and keeps their order. */
export async function each<T, R>(
  items: readonly T[],
  atOnce: number,
  run: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await run(items[at] as T);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return results;
}

/** Processes asked at once: more only wait for each other on shared units. */
export const AT_ONCE = 8;
