import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeJwk } from "../../ao/wallets.ts";
import type { Simnet } from "../../simnet/index.ts";
import { type FaultCase, failuresOf, type Lab } from "../case.ts";
import { clientOf } from "../client.ts";
import { Engine } from "../engine.ts";
import { isLive, journalOf } from "../invariants.ts";
import { edited, LEDGER, type Spec, smallFleet } from "../spec.ts";

/** S1: the state is an older copy of itself. */
export function olderState(): FaultCase {
  return {
    family: "S1",
    name: "the state before an update",
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await new Engine(spec).up();
      const kept = join(await lab.folder(), "state.json");
      await cp(join(spec.home, "state.json"), kept);
      const changed = edited(spec, ["battle"], { slow: 1 });
      const second = await new Engine(changed).up();
      await cp(kept, join(spec.home, "state.json"));
      const found = await new Engine(changed).refresh();
      const back = await lab.recovering(() => new Engine(changed).up());
      return [
        ...failuresOf("up", first),
        ...failuresOf("update", second),
        ...(found.drift.battle?.some((line) => line.includes("runs code"))
          ? []
          : ["the drift was not shown"]),
        ...failuresOf("recovery", back),
        ...(await lab.check(changed, net)),
      ];
    },
  };
}

/** S1: the state is from before the fleet was destroyed and deployed again. */
export function stateOfTheDead(): FaultCase {
  return {
    family: "S1",
    name: "the state of a retired generation",
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await new Engine(spec).up();
      const kept = join(await lab.folder(), "state.json");
      await cp(join(spec.home, "state.json"), kept);
      const gone = await new Engine(spec).destroy();
      const second = await new Engine(spec).up();
      await cp(kept, join(spec.home, "state.json"));
      const found = await new Engine(spec).refresh();
      const back = await lab.recovering(() => new Engine(spec).up());
      return [
        ...failuresOf("up", first),
        ...failuresOf("destroy", gone),
        ...failuresOf("up again", second),
        ...failuresOf("refresh", found),
        ...(Object.keys(spec.members).every((name) => (found.drift[name]?.length ?? 0) > 0)
          ? []
          : [`the drift was not shown: ${JSON.stringify(found.drift)}`]),
        ...failuresOf("recovery", back),
        ...(await lab.check(spec, net)),
      ];
    },
  };
}

/** S2: state and journal are lost; only program, wallet and network are left. */
export function nothingLeft(how: "state" | "state and journal"): FaultCase {
  return {
    family: "S2",
    name: `${how} lost`,
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await new Engine(spec).up();
      const before = await ids(spec);
      await rm(join(spec.home, "state.json"));
      if (how !== "state") await rm(join(spec.home, ".fleet"), { recursive: true });
      const back = await lab.recovering(() => new Engine(spec).up());
      const after = await ids(spec);
      return [
        ...failuresOf("up", first),
        ...failuresOf("adoption", back),
        ...(JSON.stringify(after) === JSON.stringify(before) ? [] : ["the ids are others"]),
        ...(await lab.check(spec, net, { wholeJournal: how === "state" })),
      ];
    },
  };
}

/** S2: everything is lost after the fleet was retired: a new generation, never the dead one. */
export function nothingLeftOfTheDead(): FaultCase {
  return {
    family: "S2",
    name: "lost after destroy",
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await new Engine(spec).up();
      const before = await ids(spec);
      const gone = await new Engine(spec).destroy();
      await rm(join(spec.home, ".fleet"), { recursive: true });
      const back = await lab.recovering(() => new Engine(spec).up());
      const after = await ids(spec);
      const reused = Object.values(after).filter((id) => Object.values(before).includes(id));
      return [
        ...failuresOf("up", first),
        ...failuresOf("destroy", gone),
        ...failuresOf("the next up", back),
        ...reused.map((id) => `the retired ${id} was taken again`),
        ...(await lab.check(spec, net, { wholeJournal: false })),
      ];
    },
  };
}

async function ids(spec: Spec): Promise<Record<string, unknown>> {
  const state = await new Engine(spec).state();
  return Object.fromEntries(Object.keys(spec.members).map((name) => [name, state[name]?.outputs.processId]));
}

interface ByHand {
  /** The resource that must report it, and the expected words. */
  readonly at: string;
  readonly says: RegExp;
  change(owner: Awaited<ReturnType<typeof clientOf>>, battle: string, shop: string): Promise<unknown>;
}

const commit = (fields: string, body = "") =>
  `local __e = 9\n${body}\nreturn Fleet.commit({ process = "battle", release = "by-hand", ${fields}, epoch = 1 })`;

const BY_HAND: Record<string, ByHand> = {
  "an Eval with other code": {
    at: "battle",
    says: /runs code abababab/,
    change: (owner, battle) =>
      owner.say(battle, { Action: "Eval" }, commit(`sourceHash = "${"ab".repeat(32)}", version = "1.0.0"`)),
  },
  "an Eval with another version": {
    at: "battle",
    says: /version 6\.6\.6/,
    change: (owner, battle) =>
      owner.say(battle, { Action: "Eval" }, commit(`sourceHash = "${"ab".repeat(32)}", version = "6.6.6"`)),
  },
  "a handler that is gone": {
    at: "battle",
    says: /handlers are missing|does not answer/,
    change: (owner, battle) =>
      owner.say(battle, { Action: "Eval" }, `--[[sim:{"missing":["HEALTH_CHECK","Info"]}]]`),
  },
  "a handler added": {
    at: "battle",
    says: /handlers were added: hack/,
    change: (owner, battle) =>
      owner.say(battle, { Action: "Eval" }, 'Handlers.add("hack", "Move", function(m) end)'),
  },
  "config edited": {
    at: "battle-config",
    says: /holds other PROCESS_CONFIG/,
    change: (owner, battle) =>
      owner.say(
        battle,
        { Action: "UPDATE_CONFIG", Epoch: "1" },
        { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 7 }, version: 2 },
      ),
  },
  "table edited": {
    at: "battle-wiring",
    says: /peer shop/,
    change: (owner, battle) =>
      owner.say(battle, { Action: "WIRE_PEERS", Epoch: "1" }, { peers: { shop: battle }, hash: "x" }),
  },
  "retired by hand": {
    at: "battle",
    says: /retired/i,
    change: (owner, battle) => owner.say(battle, { Action: "RETIRE", Epoch: "1" }),
  },
  "epoch raised by hand": {
    at: "battle",
    says: /epoch 77/,
    change: (owner, battle) => owner.say(battle, { Action: "RESUME", Epoch: "77" }),
  },
};

/** S3: somebody changes a process by hand: one refresh finds and names it, the next `up` repairs it. */
export function changedByHand(name: string): FaultCase {
  return {
    family: "S3",
    name,
    async run(lab) {
      const hand = BY_HAND[name];
      if (!hand) throw new Error(`no case ${name}`);
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await new Engine(spec).up();
      const owner = await clientOf(lab, net, { path: lab.walletPath });
      const known = await ids(spec);
      await hand.change(owner, String(known.battle), String(known.shop));
      const found = await new Engine(spec).refresh();
      const named = found.drift[hand.at]?.some((line) => hand.says.test(line)) ?? false;
      const others = Object.keys(found.drift).filter((at) => !at.startsWith("battle"));
      const back = await lab.recovering(() => new Engine(spec).up());
      const quiet = await new Engine(spec).refresh();
      return [
        ...failuresOf("up", first),
        ...failuresOf("refresh", found),
        ...(named ? [] : [`not named: ${JSON.stringify(found.drift)}`]),
        ...others.map((at) => `a change was seen at ${at} too`),
        ...failuresOf("the repair", back),
        ...(Object.keys(quiet.drift).length === 0 ? [] : [`still there: ${JSON.stringify(quiet.drift)}`]),
        ...(await lab.check(spec, net, { wholeJournal: false })),
      ];
    },
  };
}

/** S3: the owner transfers a process: a refresh names it, `up` reports that it can do nothing, and continues once it is returned. */
export function givenAway(): FaultCase {
  return {
    family: "S3",
    name: "owner changed",
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await new Engine(spec).up();
      const owner = await clientOf(lab, net, { path: lab.walletPath });
      const other = await clientOf(lab, net, { jwk: await makeJwk() });
      const battle = String((await ids(spec)).battle);
      await owner.say(battle, { Action: "Eval" }, `Owner = "${other.address}"`);
      const found = await new Engine(spec).refresh();
      const named = found.drift.battle?.includes(
        `it belongs to ${other.address} instead of ${owner.address}`,
      );
      const elsewhere = Object.keys(found.drift).filter((at) => !at.startsWith("battle"));
      const helpless = await new Engine(spec).up();
      await other.say(battle, { Action: "Eval" }, `Owner = "${owner.address}"`);
      const again = await new Engine(spec).refresh();
      const back = await lab.recovering(() => new Engine(spec).up());
      return [
        ...failuresOf("up", first),
        ...failuresOf("refresh", found),
        ...(named ? [] : [`not named: ${JSON.stringify(found.drift)}`]),
        ...elsewhere.map((at) => `a change was seen at ${at} too`),
        ...(helpless.errors.some(({ name, code }) => name === "battle" && code === "WRONG_WALLET")
          ? []
          : [`up did not say that battle is another's: ${JSON.stringify(helpless.errors)}`]),
        ...(again.drift.battle ? [`given back, still there: ${again.drift.battle}`] : []),
        ...failuresOf("up when it was given back", back),
        ...(await lab.check(spec, net, { wholeJournal: false })),
      ];
    },
  };
}

export const s3 = (): FaultCase[] => [...Object.keys(BY_HAND).map(changedByHand), givenAway()];

/** S3: nobody changed anything. */
export function idleRefreshes(count: number): FaultCase {
  return {
    family: "S3",
    name: `${count} idle refreshes`,
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const broken = failuresOf("up", await new Engine(spec).up());
      const before = await readFile(join(spec.home, "state.json"), "utf8");
      for (let n = 1; n <= count; n += 1) {
        const found = await new Engine(spec).refresh();
        broken.push(...failuresOf(`refresh ${n}`, found));
        broken.push(
          ...Object.entries(found.drift).map(([at, lines]) => `refresh ${n} found ${lines} at ${at}`),
        );
        broken.push(...found.updated.map((at) => `refresh ${n} changed ${at}`));
      }
      lab.counts(count);
      if ((await readFile(join(spec.home, "state.json"), "utf8")) !== before) broken.push("the state moved");
      return [...broken, ...(await lab.check(spec, net))];
    },
  };
}

/** C2: two operators with one wallet, each with its own state and journal, update one fleet at the same time. */
export function twoOperators(round: number): FaultCase {
  return {
    family: "C2",
    name: `two updates at once, ${round}`,
    seed: round,
    async run(lab) {
      const net = await lab.network();
      const one = smallFleet(net, await lab.folder());
      const first = await new Engine(one).up();
      const two = { ...one, home: await lab.folder() };
      const adopted = await new Engine(two).up();
      const processes = net.oracle.counts().processes;
      const runs = await Promise.all([
        lab.drive("up", edited(one, ["battle", "shop"], { slow: 1 })),
        lab.drive("up", edited(two, ["battle", "shop"], { slow: 2 })),
      ]);
      const [winner, other] = runs.map(({ result }) => result?.errors ?? []);
      const back = await lab.recovering(() => refreshedUp(lab, edited(one, ["battle", "shop"], { slow: 3 })));
      return [
        ...failuresOf("up", first),
        ...failuresOf("the other's adoption", adopted),
        ...(winner?.length === 0 || other?.length === 0
          ? []
          : [`neither came through: ${JSON.stringify([winner, other])}`]),
        ...[...(winner ?? []), ...(other ?? [])]
          .filter(({ code }) => code !== "DEPLOYMENT_IN_PROGRESS" && code !== "STALE_EPOCH")
          .map(({ name, message }) => `${name} failed in another way: ${message}`),
        ...(winner?.length === 0 && other?.length === 0 ? ["both came through at once"] : []),
        ...(net.oracle.counts().processes === processes ? [] : ["a process was made"]),
        ...failuresOf("afterwards", back),
        ...(await lab.check(edited(one, ["battle", "shop"], { slow: 3 }), net, { wholeJournal: false })),
      ];
    },
  };
}

/**
 * C2: two first deployments, neither of which can see the other: its index is behind until both have ended. Then `ahead` updates of the
 * operator whose ledger does not count, or the loss of its journal.
 */
export function firstApart({
  ahead = 0,
  loses = false,
}: {
  ahead?: number;
  loses?: boolean;
} = {}): FaultCase {
  const more = [...(ahead > 0 ? [`${ahead} updates ahead`] : []), ...(loses ? ["its journal lost"] : [])];
  return {
    family: "C2",
    name: ["two first deployments that do not see each other", ...more].join(", "),
    async run(lab) {
      const net = await lab.network();
      const one = smallFleet(net, await lab.folder());
      const two = { ...one, home: await lab.folder() };
      net.behaviours.indexLag(3_600_000);
      const runs = [(await lab.drive("up", one)).result, (await lab.drive("up", two)).result];
      const [first, second] = [await ids(one), await ids(two)];
      const [winner, other] = (first[LEDGER] ?? "") < (second[LEDGER] ?? "") ? [one, two] : [two, one];
      for (let slow = 1; slow <= ahead; slow += 1)
        runs.push((await lab.drive("up", edited(other, ["battle"], { slow }))).result);
      if (loses) await rm(journalOf(other));
      net.behaviours.indexLag(0);
      return [
        ...runs.flatMap((run) => failuresOf("a deployment", run)),
        ...(await agreed(lab, net, winner, other)),
      ];
    },
  };
}

/** C2: the first deployment, by two operators at the same time. */
export function firstTogether(indexLag: number, round = 1): FaultCase {
  return {
    family: "C2",
    name: `the first deployment by two, index ${indexLag} ms behind, ${round}`,
    seed: round,
    async run(lab) {
      const net = await lab.network();
      net.behaviours.indexLag(indexLag);
      const one = smallFleet(net, await lab.folder());
      const two = { ...one, home: await lab.folder() };
      const runs = await Promise.all([lab.drive("up", one), lab.drive("up", two)]);
      const codes = runs.map(({ result }) => result?.errors.map(({ code }) => code) ?? ["none"]);
      const broken: string[] = [];
      if (codes.every((list) => list.length > 0))
        broken.push(`neither came through: ${JSON.stringify(codes)}`);
      await new Promise((done) => setTimeout(done, indexLag));
      return [...broken, ...(await agreed(lab, net, one, two))];
    },
  };
}

/** After another run of each, two operators have one fleet, with the ledger of the lower id. */
async function agreed(lab: Lab, net: Simnet, one: Spec, two: Spec): Promise<string[]> {
  const broken: string[] = [];
  for (const spec of [one, two, one]) {
    const back = await lab.recovering(() => refreshedUp(lab, spec));
    // The operator whose ledger, or whose process, does not count is told once, and adopts the other's the next time.
    const lost = back?.errors.some(({ code }) => code === "LEDGER_TAKEN" || code === "MEMBER_TAKEN");
    broken.push(...failuresOf("afterwards", lost ? await refreshedUp(lab, spec) : back));
  }
  const [first, second] = [await ids(one), await ids(two)];
  if (JSON.stringify(first) !== JSON.stringify(second))
    broken.push(`they do not agree: ${JSON.stringify([first, second])}`);
  const ledgers = net.oracle.byDeploymentKey(`game/test/${LEDGER}`).map(({ id }) => id);
  if (first[LEDGER] !== [...ledgers].sort()[0]) broken.push("the lowest ledger is not the one that counts");
  if (ledgers.filter((id) => isLive(net.oracle, id)).length !== 1) broken.push("more than one ledger lives");
  return [...broken, ...(await lab.check(one, net, { wholeJournal: false, others: [two] }))];
}

async function refreshedUp(lab: Lab, spec: Spec) {
  await lab.drive("refresh", spec);
  return (await lab.drive("up", spec)).result;
}
