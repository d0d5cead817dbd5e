import type { StepEvent } from "../../fleet/session/progress.ts";
import type { StepPhase } from "../../fleet/session/step-phases.ts";
import type { EngineEvent } from "./engine.ts";
import { diagnosisIn } from "./pulumi-text.ts";
import { type Kind, memberOf, resourceOf } from "./urn.ts";

/** `done`: this run changed it. `same`: it was looked at, and nothing was changed. `held`: its rollout waits for a person. */
export type RowState = "waiting" | "running" | "done" | "same" | "held" | "failed";

/** One step that a member has gone through. */
export interface Phase {
  readonly phase: StepPhase;
  readonly detail: string;
  readonly seconds?: number;
}

/** One member (or the network, or the release) and how far it is. */
export interface Row {
  readonly name: string;
  readonly kind: Kind;
  readonly state: RowState;
  readonly phases: readonly Phase[];
  /** Milliseconds, by the clock that is given to `apply`. */
  readonly since?: number;
  /** Milliseconds from its first step to its last. */
  readonly took?: number;
}

/** An error or warning of the engine, of a provider or of the program. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "info";
  /** The member that it is about; none when it is about the program or the run. */
  readonly member?: string;
  readonly text: string;
}

/** A step that failed, as it told itself. */
export interface ToldFailure {
  /** None for a fault of the fleet's own code. */
  readonly code?: string;
  readonly transient: boolean;
}

/** What a step of the plan is called: pulumi's operation, with the inputs that differ. */
export interface PlannedStep {
  readonly op: string;
  readonly name: string;
  readonly kind: Kind;
  readonly differs: readonly string[];
}

/** Steps that change a member, none of them told while it is only read back. All others look at it, keep what it has, or tell how it is. */
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

/** Operations by which the engine looks at a resource. */
const READS: ReadonlySet<string> = new Set(["refresh", "read"]);

interface Entry {
  kind: Kind;
  /** What is final: failed or held. */
  end?: "failed" | "held";
  phases: Phase[];
  running: Set<string>;
  /** Whether the engine changed a resource of it. Reading one back changes none. */
  isWorked: boolean;
  /** Whether the engine found a resource of it as it is declared. */
  isSame: boolean;
  /** Whether its own steps told of a change, or else of none. @default nothing was told */
  told?: "changed" | "unchanged";
  since?: number;
  took?: number;
}

/** Steps are told beside the engine's events and may come after them: the state is what all of them say together. */
function stateOf({ end, running, isWorked, isSame, told }: Entry): RowState {
  if (end !== undefined) return end;
  if (running.size > 0) return "running";
  // An update of a stack's state alone, as after a run that died, changes no process.
  if (told === "changed" || (isWorked && told === undefined)) return "done";
  return isWorked || isSame ? "same" : "waiting";
}

type StepMetadata = NonNullable<EngineEvent["resourcePreEvent"]>["metadata"];

/** What is known of a run from the engine's events and the providers' steps. Pure: the clock is given. */
export class Progress {
  readonly diagnostics: Diagnostic[] = [];
  readonly steps: PlannedStep[] = [];
  readonly told: ToldFailure[] = [];
  /** Resources by operation, at the end. */
  changes: Readonly<Record<string, number>> = {};
  /** True once the engine said that the run succeeded. */
  succeeded = false;
  readonly #rows = new Map<string, Entry>();
  /** Members by the URN of a resource that is about them. */
  readonly #members = new Map<string, string>();

  /** Members that will probably take part, shown as waiting until they do. */
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

  /** Members with a step that has begun and not ended, with its last phase. */
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
    // About the network's units, not about a member.
    if (event.phase === "delayed") return;
    const row = this.#row(event.member ?? event.name, "process");
    row.phases.push({
      phase: event.phase,
      detail: event.detail,
      ...(event.seconds === undefined ? {} : { seconds: event.seconds }),
    });
    if (event.phase === "failed") {
      const { code, transient = false } = event;
      this.told.push(code === undefined ? { transient } : { code, transient });
    }
    row.since ??= now - (event.seconds ?? 0) * 1000;
    row.took = now - row.since;
    if (event.phase === "failed" || event.phase === "unhealthy") row.end = "failed";
    else if (event.phase === "waiting") row.end = "held";
    else if (CHANGING.has(event.phase)) row.told = "changed";
    else row.told ??= "unchanged";
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
    // To the engine a rollout that waits is a failed step.
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

  /** A diagnostic tells no inputs: what a step of the same resource told counts for it. */
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
