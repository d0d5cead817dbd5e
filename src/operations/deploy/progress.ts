import type { FailureEvent, StepEvent } from "../../fleet/session/progress.ts";
import { isAboutRun, type StepPhase } from "../../fleet/session/step-phases.ts";
import type { EngineEvent } from "./engine.ts";
import { diagnosisIn } from "./pulumi-text.ts";
import { type Kind, memberOf, resourceOf } from "./urn.ts";

/** `done`: this run changed it. `same`: this run checked it and changed nothing. `held`: its rollout is on hold. */
export type RowState = "waiting" | "running" | "done" | "same" | "held" | "failed";

/** One step of a member. */
interface Phase {
  readonly phase: StepPhase;
  readonly detail: string;
  readonly seconds?: number;
}

/** The progress of one member (or of the network, or of the release). */
export interface Row {
  readonly name: string;
  readonly kind: Kind;
  readonly state: RowState;
  readonly phases: readonly Phase[];
  /** Start in milliseconds, by the clock of `apply`. */
  readonly since?: number;
  /** Milliseconds from the first step to the last. */
  readonly took?: number;
}

/** An error or warning of the engine, of a provider or of the program. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "info";
  /** The member; absent if it is about the program or the run. */
  readonly member?: string;
  readonly text: string;
}

/** What a failed step reported. */
export interface StepFailure {
  /** Absent for a bug in the fleet's own code. */
  readonly code?: string;
  readonly transient: boolean;
}

/** The problems of one failure as its provider, or the program, reported them. */
export type ReportedFailure = Pick<FailureEvent, "member" | "problems">;

/** One step of the plan: pulumi's operation, and the inputs that differ. */
export interface PlannedStep {
  readonly op: string;
  readonly name: string;
  readonly kind: Kind;
  readonly differs: readonly string[];
}

/** Phases that change a member; a refresh reports none of them. All other phases check, keep or report. */
const CHANGING: ReadonlySet<StepPhase> = new Set<StepPhase>([
  "spawned",
  "loaded",
  "warm",
  "repaired",
  "configured",
  "wired",
  "handed-over",
  "retired",
  "forgotten",
]);

/** Operations that only read a resource. */
const READS: ReadonlySet<string> = new Set(["refresh", "read"]);

interface Entry {
  kind: Kind;
  /** A final state. */
  end?: "failed" | "held";
  phases: Phase[];
  running: Set<string>;
  /** Whether the engine changed one of its resources. Reading one back does not count. */
  isWorked: boolean;
  /** Whether the engine found one of its resources unchanged. */
  isSame: boolean;
  /** Whether the provider's steps reported a change. @default no step was reported */
  reported?: "changed" | "unchanged";
  since?: number;
  took?: number;
}

/** The provider's steps and the engine's events arrive separately, in any order, so the state is derived from all of them. */
function stateOf({ end, running, isWorked, isSame, reported }: Entry): RowState {
  if (end !== undefined) return end;
  if (running.size > 0) return "running";
  // An update of the stack's state alone, such as after a run that was killed, changes no process.
  if (reported === "changed" || (isWorked && reported === undefined)) return "done";
  return isWorked || isSame ? "same" : "waiting";
}

type StepMetadata = NonNullable<EngineEvent["resourcePreEvent"]>["metadata"];

/** The progress of a run, from the engine's events and the providers' steps. Pure: the time is a parameter. */
export class Progress {
  readonly diagnostics: Diagnostic[] = [];
  readonly steps: PlannedStep[] = [];
  readonly stepFailures: StepFailure[] = [];
  /** The problems that the program and the providers reported as data, of failed and of waiting steps. */
  readonly reported: ReportedFailure[] = [];
  /** Number of resources by operation, from the engine's summary. */
  changes: Readonly<Record<string, number>> = {};
  /** Whether the engine's summary says that the run succeeded. */
  succeeded = false;
  readonly #rows = new Map<string, Entry>();
  /** Members by the URNs of their resources. */
  readonly #members = new Map<string, string>();

  /** Adds members that the run will probably reach; they are shown as waiting until it does. */
  expect(names: readonly string[]): void {
    for (const name of names) this.#row(name, "process");
  }

  rows(): Row[] {
    return [...this.#rows].map(([name, entry]) => {
      const { kind, phases, since, took } = entry;
      return {
        ...{ name, kind, state: stateOf(entry), phases },
        ...(since === undefined ? {} : { since }),
        ...(took === undefined ? {} : { took }),
      };
    });
  }

  /** Members with an unfinished step, with the last phase of each. */
  busy(): { name: string; phase: StepPhase | "started" }[] {
    return [...this.#rows]
      .filter(([, entry]) => entry.running.size > 0)
      .map(([name, entry]) => ({ name, phase: entry.phases.at(-1)?.phase ?? "started" }));
  }

  apply(event: EngineEvent, now: number): void {
    const { resourcePreEvent: begun, resOutputsEvent: ended, resOpFailedEvent: failed } = event;
    if (begun) this.#begin(begun.metadata, now);
    if (ended) this.#end(ended.metadata, now, false);
    if (failed) this.#end(failed.metadata, now, true);
    if (event.diagnosticEvent) this.#diagnose(event.diagnosticEvent);
    if (event.summaryEvent) {
      this.changes = event.summaryEvent.resourceChanges;
      this.succeeded = (event.summaryEvent as { result?: string }).result !== "failed";
    }
  }

  step(event: StepEvent, now: number): void {
    if (isAboutRun(event.phase)) return;
    const member = event.member ?? event.name;
    const row = this.#row(member, "process");
    if (event.problems !== undefined) this.reported.push({ member, problems: event.problems });
    row.phases.push({
      phase: event.phase,
      detail: event.detail,
      ...(event.seconds === undefined ? {} : { seconds: event.seconds }),
    });
    if (event.phase === "failed") {
      const { code, transient = false } = event;
      this.stepFailures.push(code === undefined ? { transient } : { code, transient });
    }
    row.since ??= now - (event.seconds ?? 0) * 1000;
    row.took = now - row.since;
    if (event.phase === "failed" || event.phase === "unhealthy") row.end = "failed";
    else if (event.phase === "waiting") row.end = "held";
    else if (CHANGING.has(event.phase)) row.reported = "changed";
    else row.reported ??= "unchanged";
  }

  /** A failure that is no step. The engine reports its end, so it changes no row. */
  failure({ member, problems }: FailureEvent): void {
    this.reported.push({ ...(member === undefined ? {} : { member }), problems });
  }

  #begin(metadata: StepMetadata, now: number): void {
    const resource = resourceOf(metadata.urn);
    if (resource.kind === "other") return;
    if (metadata.op !== "same") {
      this.steps.push({ op: metadata.op, ...resource, differs: metadata.diffs ?? [] });
    }
    const row = this.#row(this.#member(metadata), resource.kind);
    if (metadata.op === "same") return;
    row.running.add(metadata.urn);
    row.since ??= now;
  }

  #end(metadata: StepMetadata, now: number, isFailed: boolean): void {
    const { urn, op } = metadata;
    const resource = resourceOf(urn);
    if (resource.kind === "other") return;
    const row = this.#row(this.#member(metadata), resource.kind);
    row.running.delete(urn);
    if (row.since !== undefined) row.took = now - row.since;
    // For the engine, a rollout on hold is a failed step.
    if (isFailed) row.end ??= "failed";
    else if (op === "same") row.isSame = true;
    else if (!READS.has(op)) row.isWorked = true;
  }

  #diagnose({ urn, severity, message }: NonNullable<EngineEvent["diagnosticEvent"]>): void {
    const text = diagnosisIn(message);
    const level = severity === "info#err" ? "info" : severity;
    // `debug` is not in the type.
    if (text === undefined || !["info", "warning", "error"].includes(level)) return;
    const isMember = urn !== undefined && resourceOf(urn).kind !== "other";
    const member = isMember ? { member: this.#member({ urn }) } : {};
    this.diagnostics.push({ severity: level, ...member, text });
  }

  /** A diagnostic has no inputs: it belongs to the member of an earlier step of the same resource. */
  #member(metadata: Pick<StepMetadata, "urn" | "new" | "old">): string {
    const { urn, new: wanted, old } = metadata;
    const inputs = wanted?.inputs ?? old?.inputs;
    const known = inputs === undefined ? this.#members.get(urn) : undefined;
    const member = known ?? memberOf(resourceOf(urn), inputs);
    if (inputs !== undefined) this.#members.set(urn, member);
    return member;
  }

  #row(name: string, kind: Kind): Entry {
    let row = this.#rows.get(name);
    if (!row) {
      const own = name === "release" ? "release" : kind === "config" || kind === "wiring" ? "process" : kind;
      row = { kind: own, phases: [], running: new Set(), isWorked: false, isSame: false };
      this.#rows.set(name, row);
    }
    return row;
  }
}
