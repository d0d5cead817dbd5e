import { makeJwk } from "../../ao/wallets.ts";
import type { OracleMessage, Simnet } from "../../simnet/index.ts";
import { rngOf } from "../../simnet/rng.ts";
import { type FaultCase, failuresOf, type Lab } from "../case.ts";
import { type Client, clientOf } from "../client.ts";
import { Engine } from "../engine.ts";
import { LEDGER, type Spec, smallFleet } from "../spec.ts";

const CONTROL = ["UPDATE_CONFIG", "WIRE_PEERS", "RETIRE", "RESUME", "DRAIN", "IMPORT_STATE"] as const;

async function deployed(lab: Lab): Promise<{ net: Simnet; spec: Spec }> {
  const net = await lab.network();
  const spec = smallFleet(net, await lab.folder());
  const [failure] = failuresOf("up", await new Engine(spec).up());
  if (failure !== undefined) throw new Error(failure);
  return { net, spec };
}

const idOf = (net: Simnet, name: string): string => {
  const [first] = net.oracle.byDeploymentKey(`game/test/${name}`);
  if (!first) throw new Error(`no ${name}`);
  return first.id;
};

/** The part of a process' state that a control message can change. */
function held(net: Simnet): string {
  return JSON.stringify(
    net.oracle.processes().map(({ id }) => {
      const fleet = net.oracle.state(id)?.fleet;
      const { configs, peers, status, epoch, sourceHash, allowed, ledger } = fleet ?? {};
      // A repeated registration is recorded, and changes nothing.
      const entries = ledger?.entries
        .filter(({ kind }) => kind !== "PROCESS_UPDATED")
        .map(({ kind, deploymentId, processId }) => [kind, deploymentId, processId]);
      return { id, configs, peers, status, epoch, sourceHash, allowed, order: ledger?.order, entries };
    }),
  );
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const rng = rngOf(seed);
  return list
    .map((item) => ({ item, at: rng.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** D1: every signed message arrives again, up to four times more, late and in any order. */
export function sameBytesAgain(seed: number): FaultCase {
  return {
    family: "D1",
    name: `the same bytes, seed ${seed}`,
    seed,
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const rng = rngOf(seed);
      const seen = new Set<string>();
      const late: Promise<string>[] = [];
      const isNode = net.network.kind === "mainnet";
      // Spawns are excluded on legacy units: posting their bytes again ruins the process, on real ones as here.
      net.faults.add({
        on: isNode ? "mu.post" : "mu.message",
        match: ({ messageId = "" }) => !seen.has(messageId) && seen.add(messageId) !== undefined,
        fault: {
          kind: "rewrite",
          with(answer, { body, item }) {
            const id = item?.id ?? "";
            for (let copies = 1 + Math.floor(rng.next() * 4); copies > 0; copies -= 1) {
              const wait = rng.next() * 300;
              net.oracle.copies.set(id, (net.oracle.copies.get(id) ?? 0) + 1);
              late.push(
                new Promise((done) => setTimeout(done, wait)).then(() =>
                  fetch(net.posts, {
                    method: "POST",
                    headers: { "content-type": net.itemType },
                    body: new Uint8Array(body),
                  }).then(
                    (copied) => copied.text(),
                    // A node's answer about a failing evaluation may be one that `fetch` cannot read.
                    (error: Error) => error.message,
                  ),
                ),
              );
            }
            return answer;
          },
        },
      });
      const result = await new Engine(spec).up();
      const answers = await Promise.all(late);
      lab.counts(late.length);
      net.faults.clear();
      const strange = answers.filter((text) => !isNode && !text.includes("MessageExists"));
      const refused = isNode ? [...net.oracle.copies.keys()].filter((id) => net.oracle.slots(id) < 2) : [];
      return [
        ...failuresOf("up", result),
        ...refused.map((id) => `no copy of ${id} got a slot`),
        ...strange.map((text) => `a copy was answered with ${text.slice(0, 200)}`),
        ...(await lab.check(spec, net)),
      ];
    },
  };
}

/** D1: the owner sends every control message again, newly signed, two to five times, in any order. */
export function saidAgain(seed: number): FaultCase {
  return {
    family: "D1",
    name: `said again, seed ${seed}`,
    seed,
    async run(lab) {
      const { net } = await deployed(lab);
      const owner = await clientOf(lab, net, { path: lab.walletPath });
      const rng = rngOf(seed);
      const again = net.oracle
        .messages()
        .filter(({ tags }) => tags.Epoch !== undefined && Number(tags.Epoch) > 0)
        .flatMap((message) => Array.from({ length: 1 + Math.floor(rng.next() * 4) }, () => message));
      const before = held(net);
      for (const message of shuffled(again, seed)) await repeat(owner, message);
      lab.counts(again.length);
      return held(net) === before
        ? []
        : [`as said again: ${held(net).slice(0, 500)}, before: ${before.slice(0, 500)}`];
    },
  };
}

async function repeat(owner: Client, { process, tags, data }: OracleMessage): Promise<void> {
  const { Action = "", Epoch = "", Phase, "Deployment-Id": id } = tags;
  await owner.say(
    process,
    {
      Action,
      Epoch,
      ...(Phase === undefined ? {} : { Phase }),
      ...(id === undefined ? {} : { "Deployment-Id": id }),
    },
    data,
  );
}

/** D2: control messages and starts of runs with any epoch but the right one. */
export function wrongEpochs(): FaultCase {
  return {
    family: "D2",
    name: "wrong epochs",
    async run(lab) {
      const { net } = await deployed(lab);
      const owner = await clientOf(lab, net, { path: lab.walletPath });
      const broken: string[] = [];
      const battle = idOf(net, "battle");
      const ledger = idOf(net, LEDGER);
      // Two more runs, so that there are older epochs.
      for (const n of [1, 2]) {
        await owner.say(ledger, {
          Action: "DEPLOY_PROCESS",
          Phase: "begin",
          "Deployment-Id": `d${n}`,
          Epoch: String(n),
        });
        await owner.say(battle, { Action: "WIRE_PEERS", Epoch: String(n + 1) }, { peers: {}, hash: "" });
      }
      const before = held(net);
      const refused = () => net.oracle.state(battle)?.fleet?.stats.staleEpochs ?? 0;
      let trials = 0;
      for (const action of CONTROL)
        for (const epoch of ["0", "1", "2", "-1", "1.5", "three", undefined]) {
          const counted = refused();
          const { code } = await owner.say(
            battle,
            { Action: action, ...(epoch === undefined ? {} : { Epoch: epoch }) },
            {
              peers: {},
              hash: "",
              configType: "PROCESS_CONFIG",
              configData: {},
              version: 9,
              state: {},
              digest: "",
            },
          );
          trials += 1;
          if (code !== "STALE_EPOCH")
            broken.push(`${action} with epoch ${epoch} was answered ${code || "ok"}`);
          if (refused() !== counted + 1) broken.push(`${action} with epoch ${epoch} was not counted`);
        }
      for (const epoch of ["0", "1", "2", "4", "99", undefined]) {
        const tags = { Action: "DEPLOY_PROCESS", Phase: "begin", "Deployment-Id": `late-${epoch}` };
        const { code } = await owner.say(ledger, epoch === undefined ? tags : { ...tags, Epoch: epoch });
        trials += 1;
        if (code !== "STALE_EPOCH") broken.push(`begin with epoch ${epoch} was answered ${code || "ok"}`);
      }
      const known = await owner.say(ledger, {
        Action: "DEPLOY_PROCESS",
        Phase: "begin",
        "Deployment-Id": "d2",
        Epoch: "2",
      });
      if (known.data.epoch !== 3) broken.push(`a repeated begin was answered ${JSON.stringify(known.data)}`);
      lab.counts(trials + 1);
      return held(net) === before ? broken : [...broken, "something was changed by a refused message"];
    },
  };
}

/**
 * D2: messages to a process in the name of another. Pushed by the authority, they are judged by their sender and refused; a process
 * that was spawned without that authority does not accept them at all.
 */
export function pushed(authority: "right" | "missing"): FaultCase {
  return {
    family: "D2",
    name: `pushed messages, the authority ${authority}`,
    async run(lab) {
      const net = await lab.network();
      const base = smallFleet(net, await lab.folder());
      const stranger = await clientOf(lab, net, { jwk: await makeJwk() });
      const spec =
        authority === "right"
          ? base
          : { ...base, network: { ...base.network, authority: "nobody".padEnd(43, "0") } };
      const broken = failuresOf("up", await new Engine(spec).up());
      const owner = await clientOf(lab, net, { path: lab.walletPath });
      const [battle, shop, ledger] = [idOf(net, "battle"), idOf(net, "shop"), idOf(net, LEDGER)];
      const before = held(net);
      const count = () => net.oracle.state(battle)?.fleet?.stats.refused ?? 0;
      let trials = 0;
      for (const action of [...CONTROL, "SET_ALLOWED", "EXPORT_STATE", "AUDIT"]) {
        const refused = count();
        const known = new Set(net.oracle.messages(battle).map(({ id }) => id));
        await owner.say(
          shop,
          { Action: "Eval" },
          `Send({ Target = "${battle}", Action = "${action}", Epoch = "99" })`,
        );
        await net.oracle.quiet(20);
        const arrived = net.oracle.messages(battle).filter(({ id }) => !known.has(id));
        trials += 1;
        if (arrived.length !== 1) broken.push(`${action}: ${arrived.length} messages arrived`);
        if (count() !== refused + (authority === "right" ? 1 : 0))
          broken.push(`${action}: refused ${count() - refused} times`);
        const [one] = arrived;
        const heard = one && !JSON.stringify(net.oracle.result(battle, one.id)).includes("not trusted");
        if (heard !== (authority === "right")) broken.push(`${action}: it was ${heard ? "" : "not "}heard`);
      }
      // A stranger who only claims to push for the ledger.
      for (const action of CONTROL) {
        const { action: answered, output } = await stranger.say(battle, {
          Action: action,
          Epoch: "99",
          "From-Process": ledger,
          "Forwarded-For": ledger,
        });
        trials += 1;
        if (answered !== "" || !output.includes("not trusted"))
          broken.push(`${action} of a forged sender was answered ${answered}: ${output}`);
      }
      lab.counts(trials);
      if (held(net) !== before) broken.push("a message changed something");
      return broken;
    },
  };
}

/** D2 and A1: a stranger sends everything that a deployer may. */
export function strangers(family: "D2" | "A1"): FaultCase {
  return {
    family,
    name: "a stranger's messages",
    async run(lab) {
      const { net, spec } = await deployed(lab);
      const stranger = await clientOf(lab, net, { jwk: await makeJwk() });
      const broken: string[] = [];
      const before = held(net);
      const actions = [...CONTROL, "SET_ALLOWED", "EXPORT_STATE", "AUDIT", "GET_CONFIG", "LOGS"];
      const inLedger = ["DEPLOY_PROCESS", "PROCESS_REGISTRATION", "PROCESS_DEREGISTRATION"];
      let trials = 0;
      for (const name of Object.keys(spec.members)) {
        const id = idOf(net, name);
        for (const action of name === LEDGER ? [...actions, ...inLedger] : actions) {
          const { code } = await stranger.say(id, { Action: action, Epoch: "99" });
          trials += 1;
          if (code !== "FORBIDDEN") broken.push(`${name} answered ${action} with ${code || "ok"}`);
        }
        const evaluated = await stranger.say(id, { Action: "Eval" }, "Fleet = nil");
        if (!evaluated.output.includes("New Message From")) broken.push(`${name} ran a stranger's Eval`);
        const audit = net.oracle.state(id)?.fleet?.audit ?? [];
        const missing = CONTROL.filter(
          (action) => !audit.some((entry) => entry.action === action && entry.from === stranger.address),
        );
        broken.push(...missing.map((action) => `${name} did not audit ${action}`));
      }
      lab.counts(trials);
      if (held(net) !== before) broken.push("a stranger changed something");
      return [...broken, ...(await lab.check(spec, net))];
    },
  };
}
