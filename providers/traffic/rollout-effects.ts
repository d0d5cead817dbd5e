import type { Phase } from "../../src/delivery/index.ts";
import type { HandOver } from "./hand-over.ts";
import type { Measure } from "./measure.ts";
import type { Router } from "./router.ts";

/** The effects that a rollout uses. */
export interface RolloutEffects {
  readonly router: Router;
  readonly measure: Measure;
  /** Moves the state of services along with their traffic. */
  readonly handOver: HandOver;
  /** Waits for some milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  /** Reports progress. */
  readonly report: (phase: Phase, detail: string) => Promise<void>;
  /** Milliseconds that a lease lasts beyond its interval: the time that the messages of a step may take. */
  readonly slackMs: number;
  /** The salt of a rollout that begins. */
  readonly newSalt: () => string;
}
