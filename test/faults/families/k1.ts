import type { Simnet } from "../../simnet/index.ts";
import { type FaultCase, failuresOf, type Lab } from "../case.ts";
import { Engine } from "../engine.ts";
import { edited, type Spec, smallFleet } from "../spec.ts";

const PLACES = ["before-sign", "after-sign", "after-journal", "after-send", "after-answer"] as const;

/** The steps of the providers themselves. */
const STEPS = [
  "process.spawned",
  "process.loaded",
  "process.judged",
  "config.sent",
  "wiring.sent",
  "release.begun",
  "release.registered",
  "release.finished",
] as const;

/** What a killed run is about: a first deployment, or an update of two members of a running fleet. */
export const PHASES = {
  create: async (spec: Spec): Promise<Spec> => spec,
  async update(spec: Spec): Promise<Spec> {
    const [failure] = failuresOf("the first deployment", await new Engine(spec).up());
    if (failure !== undefined) throw new Error(failure);
    return edited(spec, ["battle", "shop"], { slow: 1 });
  },
} as const;

/** @param arm disturbs the network from before the killed run until the end */
export async function killed(
  lab: Lab,
  crashAt: string,
  phase: keyof typeof PHASES,
  arm: (net: Simnet) => unknown = () => {},
): Promise<string[]> {
  const net = await lab.network();
  const spec = await PHASES[phase](smallFleet(net, await lab.folder()));
  arm(net);
  const died = await lab.drive("up", spec, crashAt);
  // A run that does not reach the point must succeed.
  const missed =
    died.signal === "SIGKILL" ? [] : failuresOf("the run that was to be killed", died.result, died.text);
  const back = await lab.recovering(() => lab.drive("up", spec));
  return [...missed, ...failuresOf("recovery", back.result, back.text), ...(await lab.check(spec, net))];
}

/** SIGKILL at the nth pass of a point of a first deployment. */
export function killedInCreate(crashAt: string): FaultCase {
  return {
    family: "K1",
    name: `create ${crashAt}`,
    run: (lab) => killed(lab, crashAt, "create"),
  };
}

/** SIGKILL in an update of two members of a running fleet. */
export function killedInUpdate(crashAt: string): FaultCase {
  return {
    family: "K1",
    name: `update ${crashAt}`,
    run: (lab) => killed(lab, crashAt, "update"),
  };
}

/** SIGKILL while a fleet is retired: the next destroy finishes it. */
export function killedInDestroy(crashAt: string): FaultCase {
  return {
    family: "K1",
    name: `destroy ${crashAt}`,
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await new Engine(spec).up();
      const died = await lab.drive("destroy", spec, crashAt);
      const back = await lab.recovering(() => lab.drive("destroy", spec));
      const live = net.oracle
        .processes()
        .filter(({ id }) => net.oracle.state(id)?.fleet?.status !== "RETIRED");
      const again = await new Engine(spec).up();
      return [
        ...failuresOf("the first deployment", first),
        ...(died.signal === "SIGKILL" ? [] : failuresOf("destroy", died.result, died.text)),
        ...failuresOf("recovery", back.result, back.text),
        ...live.map(({ tags }) => `${tags.Name} is not retired`),
        ...failuresOf("the fleet again", again),
        ...(await lab.check(spec, net)),
      ];
    },
  };
}

/** Every place of every message of a run, and every step. */
export function k1(): FaultCase[] {
  // A first deployment of the small fleet signs 26 messages and an update of two members 15; beyond the last, nothing dies.
  const nth = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const passes = (name: string, count: number) => nth(count).map((n) => `${name}:${n}`);
  const inCreate = PLACES.flatMap((place) => passes(`ao.${place}`, 26));
  const inUpdate = PLACES.flatMap((place) => passes(`ao.${place}`, 15));
  const steps = STEPS.flatMap((step) =>
    passes(step, step.startsWith("process.") ? 3 : step === "wiring.sent" ? 2 : 1),
  );
  const inDestroy = [...PLACES.flatMap((place) => passes(`ao.${place}`, 5)), ...passes("process.retired", 3)];
  return [
    ...[...steps, ...inCreate].map(killedInCreate),
    ...[...steps.filter((step) => !step.startsWith("process.spawned")), ...inUpdate].map(killedInUpdate),
    ...inDestroy.map(killedInDestroy),
  ];
}
