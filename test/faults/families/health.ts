import type { Script } from "../../simnet/program.ts";
import { type FaultCase, failuresOf } from "../case.ts";
import { Engine } from "../engine.ts";
import { edited, type Spec, smallFleet } from "../spec.ts";

interface Expectation {
  readonly script: Script;
  /** Seconds that it must stay healthy. */
  readonly stays?: number;
  /** What the error must contain; undefined: the update succeeds. */
  readonly says?: RegExp;
  readonly extra?: Record<string, unknown>;
}

const CASES: Record<string, Expectation> = {
  "never answers": { script: { silent: true }, says: /did not answer|does not answer/ },
  "drops the probe silently": { script: { silent: ["HEALTH_CHECK"] }, says: /did not answer/ },
  "has no handler": { script: { missing: ["HEALTH_CHECK"] }, says: /did not answer/ },
  "runs another version": { script: { version: "0.9.0" }, says: /version 0\.9\.0, expected 1\.0\.0/ },
  "runs other code": { script: { sourceHash: "f".repeat(64) }, says: /runs code ffffffff/ },
  "answers another probe": { script: { wrongNonce: true }, says: /a different probe/ },
  "ends in an error": { script: { errors: ["HEALTH_CHECK"] }, says: /failed to handle HEALTH_CHECK/ },
  "is unhealthy": {
    script: { health: "UNHEALTHY", reason: "the shelf is empty" },
    says: /the shelf is empty/,
  },
  "is right first, wrong within the healthy time": {
    script: { health: ["HEALTHY", "UNHEALTHY"], reason: "the shelf ran empty" },
    stays: 1,
    says: /the shelf ran empty/,
  },
  "is unhealthy first": { script: { health: ["UNHEALTHY", "HEALTHY"] } },
  "is degraded": { script: { health: "DEGRADED" } },
  "is slow": { script: { slow: 300 }, extra: { maxResponseMs: 100 } },
};

/** H1: an update brings code that is wrong in one way; the verdict, its reason, its time, and the recovery. */
export function badCode(name: string): FaultCase {
  const { script, stays, says, extra } = CASES[name] ?? { script: {} };
  return {
    family: "H1",
    name,
    async run(lab) {
      const net = await lab.network();
      const health = { timeoutSeconds: 8, intervalSeconds: 0.2, ...extra };
      const plain = smallFleet(net, await lab.folder(), { health });
      const spec = stays === undefined ? plain : lasting(plain, "battle", stays);
      const first = await new Engine(spec).up();
      const started = performance.now();
      const result = await new Engine(edited(spec, ["battle"], script)).up();
      const seconds = (performance.now() - started) / 1000;
      const error = result.errors.find((one) => one.name === "battle");
      const broken = failuresOf("the first deployment", first);
      if (says && !error) broken.push("it counted as healthy");
      if (says && error && !says.test(error.message)) broken.push(`the reason is ${error.message}`);
      if (!says && result.errors.length > 0) broken.push(...failuresOf("up", result));
      // The time-out of the verdict, one interval, and the rest of the run.
      if (seconds > 8 + 0.2 + 15) broken.push(`the verdict took ${seconds.toFixed(1)} s`);
      const fixed = edited(spec, ["battle"], { slow: 1 });
      const back = await lab.recovering(() => new Engine(fixed).up());
      return [...broken, ...failuresOf("after the fix", back), ...(await lab.check(fixed, net))];
    },
  };
}

/** A member that must stay healthy for this number of seconds before its deployment counts. */
const lasting = (spec: Spec, name: string, minHealthySeconds: number): Spec => ({
  ...spec,
  members: { ...spec.members, [name]: { ...spec.members[name], extra: { minHealthySeconds } } },
});

export const h1 = (): FaultCase[] => Object.keys(CASES).map(badCode);
