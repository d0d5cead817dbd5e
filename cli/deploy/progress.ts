import type { StepEvent } from "../../providers/run/progress.ts";
import type { EngineEvent } from "./engine.ts";
import { type Kind, memberOf, resourceOf } from "./urn.ts";

/** `held`: its rollout waits for a person. */
export type RowState = "waiting" | "running" | "done" | "same" | "held" | "failed";

/** One step that a member has gone through. */
export interface Phase {
  /** `spawned`, `loaded`, `ready`, `configured`, `wired`, … */
  readonly phase: string;
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

interface Entry {
  kind: Kind;
  state: RowState;
  phases: Phase[];
  running: Set<string>;
  since?: number;
  took?: number;
}

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

  /** Members that will probably take part, shown as waiting until they do. */
  expect(names: readonly string[]): void {
    for (const name of names) this.#row(name, "process");
  }

  rows(): Row[] {
    return [...this.#rows].map(([name, { running: _, ...entry }]) => ({ name, ...entry }));
  }

  /** Members with a step that has begun and not ended, with its last phase. */
  busy(): { name: string; phase: string }[] {
    return [...this.#rows]
      .filter(([, entry]) => entry.running.size > 0)
      .map(([name, entry]) => ({ name, phase: entry.phases.at(-1)?.phase ?? "started" }));
  }

  apply(event: EngineEvent, now: number): void {
    const { resourcePreEvent: begun, resOutputsEvent: ended, resOpFailedEvent: failed } = event;
    if (begun) this.#begin(begun.metadata, now);
    if (ended) this.#end(ended.metadata, now, ended.metadata.op === "same" ? "same" : "done");
    if (failed) this.#end(failed.metadata, now, "failed");
    if (event.diagnosticEvent) this.#diagnose(event.diagnosticEvent);
    if (event.summaryEvent) {
      this.changes = event.summaryEvent.resourceChanges;
      this.succeeded = (event.summaryEvent as { result?: string }).result !== "failed";
    }
  }

  step(event: StepEvent, now: number): void {
    // About the network's units, not about a member.
    if (event.phase === "delayed") return;
    const name = event.phase === "configured" ? memberOf({ name: event.name, kind: "config" }) : event.name;
    const row = this.#row(name, "process");
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
    if (event.phase === "failed" || event.phase === "unhealthy") row.state = "failed";
    else if (event.phase === "waiting") row.state = "held";
    else if (row.state === "waiting" || row.state === "same")
      row.state = row.running.size > 0 ? "running" : "done";
  }

  #begin(metadata: { urn: string; op: string; diffs?: string[] }, now: number): void {
    const resource = resourceOf(metadata.urn);
    if (resource.kind === "other") return;
    if (metadata.op !== "same") {
      this.steps.push({ op: metadata.op, ...resource, differs: metadata.diffs ?? [] });
    }
    const row = this.#row(memberOf(resource), resource.kind);
    if (metadata.op === "same") return;
    row.running.add(metadata.urn);
    row.since ??= now;
    if (row.state !== "failed" && row.state !== "held") row.state = "running";
  }

  #end(metadata: { urn: string; op: string }, now: number, state: "done" | "same" | "failed"): void {
    const resource = resourceOf(metadata.urn);
    if (resource.kind === "other") return;
    const row = this.#row(memberOf(resource), resource.kind);
    row.running.delete(metadata.urn);
    if (row.since !== undefined) row.took = now - row.since;
    // To the engine a rollout that waits is a failed step.
    if (state === "failed" && row.state !== "held") row.state = "failed";
    else if (row.state === "running" && row.running.size === 0) row.state = "done";
    else if (row.state === "waiting" && state === "same") row.state = "same";
  }

  #diagnose({ urn, severity, message }: NonNullable<EngineEvent["diagnosticEvent"]>): void {
    const text = message.replace(/^\d+ errors? occurred:\s*\* /, "").trim();
    const level = severity === "info#err" ? "info" : severity;
    // The engine's own "update failed" or "canceled" says nothing beside the errors that it sums up; `debug` is not in the type.
    if (
      text === "" ||
      !["info", "warning", "error"].includes(level) ||
      /^(update|preview) (failed|cancell?ed)$/.test(text)
    )
      return;
    const resource = urn === undefined ? undefined : resourceOf(urn);
    const member = resource && resource.kind !== "other" ? { member: memberOf(resource) } : {};
    this.diagnostics.push({ severity: level, ...member, text });
  }

  #row(name: string, kind: Kind): Entry {
    let row = this.#rows.get(name);
    if (!row) {
      const own = name === "release" ? "release" : kind === "config" || kind === "wiring" ? "process" : kind;
      row = { kind: own, state: "waiting", phases: [], running: new Set() };
      this.#rows.set(name, row);
    }
    return row;
  }
}
