/** The phases of a run's steps, one list for each kind of resource that reports them. Code that reads a phase uses these values. Pure. */
import { PhaseSchema } from "../../delivery/phase.ts";

export const STEP_PHASES = {
  /**
   * Any step: it failed, its rollout waits for a person, or the run waits for a unit of the network, which the detail names. `notice` is what a
   * person should know of the run itself, such as that a message was sent again.
   */
  run: ["failed", "waiting", "delayed", "notice"],
  process: [
    "published",
    "spawned",
    "found",
    "warm",
    "saved",
    "loaded",
    "kept",
    "not-compared",
    "reset",
    "repaired",
    "not-repaired",
    "answers",
    "cron",
    "ready",
    "unhealthy",
    "retired",
    "forgotten",
  ],
  configBundle: ["configured"],
  wiring: ["wired", "unhealthy"],
  /** The phases of a rollout, and the events during one. */
  traffic: [...PhaseSchema.options, "handed-over", "state-lost", "removed"],
  release: ["registered", "released"],
} as const;

/** The phase of a step. */
export type StepPhase = (typeof STEP_PHASES)[keyof typeof STEP_PHASES][number];

const ALL: ReadonlySet<string> = new Set(Object.values(STEP_PHASES).flat());

/** Whether a value is a phase that this version reports. */
export const isStepPhase = (value: unknown): value is StepPhase =>
  typeof value === "string" && ALL.has(value);

/** Whether a phase is about the run and the units of its network, not about a member. */
export const isAboutRun = (phase: StepPhase): boolean => phase === "delayed" || phase === "notice";

/** The text of a phase where it differs from the phase itself. The guide greps for the last one. */
const WORDS: Readonly<Partial<Record<StepPhase, string>>> = {
  notice: "notice:",
  "not-compared": "not compared:",
  "not-repaired": "not repaired",
  "handed-over": "handed over",
  "state-lost": "state lost",
  released: "deployment phase completed",
};

/** The text of a phase with its detail: `loaded 44 kB`. */
export function stepText(phase: StepPhase, detail = ""): string {
  const words = WORDS[phase] ?? phase;
  return detail === "" ? words : `${words} ${detail}`;
}
