/** The phases of a run's steps, a list for each kind of resource that tells them. Whoever reads a phase decides by these. Pure. */
import { PhaseSchema } from "../../delivery/phase.ts";

export const STEP_PHASES = {
  /** Of any step: it failed, its rollout waits for a person, or the run waits for a unit of the network, which the detail names. */
  run: ["failed", "waiting", "delayed"],
  process: [
    "published",
    "spawned",
    "found",
    "warm",
    "saved",
    "loaded",
    "kept",
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
  /** Where a rollout is, and what happens on its way. */
  traffic: [...PhaseSchema.options, "handed-over", "state-lost", "removed"],
  release: ["registered", "released"],
} as const;

/** Where a step is. */
export type StepPhase = (typeof STEP_PHASES)[keyof typeof STEP_PHASES][number];

const ALL: ReadonlySet<string> = new Set(Object.values(STEP_PHASES).flat());

/** Whether it is a phase that this version tells. */
export const isStepPhase = (value: unknown): value is StepPhase =>
  typeof value === "string" && ALL.has(value);

/** What people read, where it is not the phase itself. The guide greps for the last one. */
const WORDS: Readonly<Partial<Record<StepPhase, string>>> = {
  "not-repaired": "not repaired",
  "handed-over": "handed over",
  "state-lost": "state lost",
  released: "deployment phase completed",
};

/** A phase as people read it, with what there is to say of it: `loaded 44 kB`. */
export function stepText(phase: StepPhase, detail = ""): string {
  const words = WORDS[phase] ?? phase;
  return detail === "" ? words : `${words} ${detail}`;
}
