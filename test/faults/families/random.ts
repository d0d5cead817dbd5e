import fc from "fast-check";
import { anyFault } from "../../simnet/index.ts";
import { type FaultCase, failuresOf } from "../case.ts";
import { Engine } from "../engine.ts";
import { LEDGER, type MemberSpec, type Spec, smallFleet } from "../spec.ts";

const NAMES = ["alpha", "beta", "gamma", "delta"] as const;

interface Story {
  readonly members: Record<string, MemberSpec>;
  readonly ledger: boolean;
  readonly faultPercent: number;
  readonly steps: readonly (
    | { readonly kind: "edit"; readonly name: number; readonly slow: number }
    | { readonly kind: "kill"; readonly at: string }
    | { readonly kind: "refresh" }
    | { readonly kind: "leave"; readonly name: number }
  )[];
}

const PLACES = ["before-sign", "after-sign", "after-journal", "after-send", "after-answer"] as const;

/** Members that depend on earlier ones only, peers in any direction. */
const story: fc.Arbitrary<Story> = fc.record({
  members: fc.integer({ min: 1, max: NAMES.length }).chain((count) =>
    fc
      .tuple(
        ...NAMES.slice(0, count).map((_, index) =>
          fc.record({
            dependsOn: fc.subarray([...NAMES.slice(0, index)]),
            peers: fc.subarray([...NAMES.slice(0, count)].filter((__, other) => other !== index)),
            config: fc.option(fc.record({ maxConcurrentRequests: fc.integer({ min: 1, max: 9 }) })),
          }),
        ),
      )
      .map((list) =>
        Object.fromEntries(
          list.map(({ config, ...member }, index) => [
            NAMES[index],
            { ...member, ...(config === null ? {} : { config }) },
          ]),
        ),
      ),
  ),
  ledger: fc.boolean(),
  faultPercent: fc.constantFrom(0, 5, 15),
  steps: fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant("edit" as const),
        name: fc.nat(3),
        slow: fc.integer({ min: 1, max: 3 }),
      }),
      fc.record({
        kind: fc.constant("kill" as const),
        at: fc
          .tuple(fc.constantFrom(...PLACES), fc.integer({ min: 1, max: 20 }))
          .map(([place, n]) => `ao.${place}:${n}`),
      }),
      fc.record({ kind: fc.constant("refresh" as const) }),
      fc.record({ kind: fc.constant("leave" as const), name: fc.nat(3) }),
    ),
    { minLength: 1, maxLength: 4 },
  ),
}) as fc.Arbitrary<Story>;

/** P1: a fleet, faults and a story drawn from a seed; after it, all invariants. */
export function randomStory(seed: number): FaultCase {
  return {
    family: "P1",
    name: `seed ${seed}`,
    seed,
    async run(lab) {
      const [drawn] = fc.sample(story, { seed, numRuns: 1 });
      if (!drawn) throw new Error("nothing was drawn");
      const net = await lab.network();
      const { ledger: name, ...base } = smallFleet(net, await lab.folder(), { timeoutSeconds: 90 });
      let spec: Spec = drawn.ledger
        ? {
            ...base,
            ...(name === undefined ? {} : { ledger: name }),
            members: { [LEDGER]: {}, ...drawn.members },
          }
        : { ...base, members: drawn.members };
      if (drawn.faultPercent > 0)
        for (const rule of anyFault("*", drawn.faultPercent / 100)) net.faults.add(rule);
      const broken: string[] = [];
      for (const step of drawn.steps) {
        const names = Object.keys(spec.members).filter((one) => one !== LEDGER);
        if (step.kind === "edit") spec = withScript(spec, names[step.name % names.length], step.slow);
        if (step.kind === "leave" && names.length > 1) spec = without(spec, names[step.name % names.length]);
        if (step.kind === "kill") await lab.drive("up", spec, step.at);
        else if (step.kind === "refresh") await lab.drive("refresh", spec);
        else {
          const { result, text } = await lab.drive("up", spec);
          broken.push(...failuresOf(JSON.stringify(step), result, text));
        }
      }
      net.faults.clear();
      const back = await lab.recovering(() => new Engine(spec).up());
      broken.push(...failuresOf("the last up", back), ...(await lab.check(spec, net)));
      return broken.length > 0 ? [...broken, `story: ${JSON.stringify(drawn)}`] : [];
    },
  };
}

function withScript(spec: Spec, name: string | undefined, slow: number): Spec {
  if (name === undefined) return spec;
  return { ...spec, members: { ...spec.members, [name]: { ...spec.members[name], script: { slow } } } };
}

/** Removes the member and every mention of it. */
function without(spec: Spec, name: string | undefined): Spec {
  const members = Object.entries(spec.members)
    .filter(([other]) => other !== name)
    .map(([other, member]) => [
      other,
      {
        ...member,
        dependsOn: (member.dependsOn ?? []).filter((one) => one !== name),
        peers: (member.peers ?? []).filter((one) => one !== name),
      },
    ]);
  return { ...spec, members: Object.fromEntries(members) };
}
