import {
  type Attack,
  type Blue,
  ends,
  isGood,
  type Release,
  type Trial,
  trials,
} from "../../delivery/attackers.ts";
import type { FaultCase } from "../case.ts";

/** The share of rollouts in which a judge may be wrong: a good release condemned, a bad one let through. A hold is neither. */
const WRONG = 0.01;

interface Some {
  /** Of each trial. @default 200 */
  readonly rollouts?: number;
  /** @default all */
  readonly attacks?: readonly Attack[];
}

/** S6: rollouts of one release, unattacked and under each attack by 1, 10 and 100 wallets, judged with one kind of blue. */
export function attacked(
  strategy: Trial["strategy"],
  release: Release,
  blue: Blue,
  seed: number,
  { rollouts = 200, attacks }: Some = {},
): FaultCase {
  return {
    family: "S6",
    name: `${strategy}, ${release}, blue ${blue}, ${rollouts} rollouts, seed ${seed}`,
    seed,
    faces: { on: ["legacy"], why: "a judge's arithmetic has no network" },
    async run(lab) {
      const cells = trials(strategy).filter(
        (one) => one.release === release && (attacks?.includes(one.attack) ?? true),
      );
      lab.counts(cells.length * rollouts);
      return cells.flatMap((cell) => {
        const { through, back, held } = ends({ ...cell, blue }, rollouts, seed);
        const wrong = isGood(release) ? back : through;
        const how = `${through} through, ${back} back, ${held} held of ${rollouts}`;
        return wrong / rollouts <= WRONG ? [] : [`${cell.attack}, ${cell.wallets} wallets: ${how}`];
      });
    },
  };
}

const RELEASES: readonly Release[] = ["good", "stricter", "broken", "flaky", "dead", "late"];

/** The whole table of docs/concepts/rollouts.md, with other seeds. That refusals pass where blue cannot be asked is a limit that it states. */
export const attackCases = (): FaultCase[] =>
  (["CANARY", "INSTANT"] as const).flatMap((strategy) =>
    (["asked", "older", "silent"] as const).flatMap((blue, place) =>
      [...RELEASES, ...(blue === "asked" ? (["refusing"] as const) : [])].map((release) =>
        attacked(strategy, release, blue, 31 + place),
      ),
    ),
  );
