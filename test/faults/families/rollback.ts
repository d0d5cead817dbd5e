import { rmSync } from "node:fs";
import type { Project, Ran } from "../../e2e/project.ts";
import { chain } from "../../rollback/chain.ts";
import { fleet, fleetProject, look, otherMachine, seen, write } from "../../rollback/fleet.ts";
import { rngOf } from "../../simnet/rng.ts";
import type { FaultCase } from "../case.ts";
import { type CliFleet, cliFleet, signalAll } from "../project.ts";
import { onFace } from "../real.ts";
import { stoppedProvider, until } from "./cli.ts";

const up = (project: Project, ...more: string[]) =>
  project.pulumi(["up", "--yes", "--skip-preview", ...more]);
const back = (project: Project, args: readonly string[], env?: Record<string, string>) =>
  fleet(project, ["rollback", "--yes", "--json", ...args], env);
const wrong = (what: string, ran: Ran): string[] =>
  ran.code === 0 ? [] : [`${what} ended with ${ran.code}: ${ran.text.slice(-1200)}`];
const differs = (what: string, found: unknown, wanted: unknown): string[] =>
  JSON.stringify(found) === JSON.stringify(wanted)
    ? []
    : [`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`];
const currentOf = (project: Project, name: string): string =>
  project.json<{ deploymentId: string }>(`.fleet/releases/${name}.dev/current.json`).deploymentId;

/** The points where a rollback is killed: its provider at each step, then the command itself between its phases. */
const PROVIDER = [
  "process.loaded:1",
  "process.loaded:2",
  "process.judged:1",
  "process.judged:2",
  "config.sent",
  "wiring.sent",
  "release.begun",
  "release.registered",
  "release.finished",
];
const COMMAND = [
  "rollback.opened",
  "rollback.pinned",
  "rollback.deployed",
  "rollback.validated",
  "rollback.told",
];

/**
 * K1 of a rollback, on real evaluators: killed at one step after another, each time continued by the same command, or by a plain
 * `pulumi up` if the stack is pinned already. Then code, config, wiring and state are those of the release, no state was lost
 * or doubled, and one more `up` changes nothing.
 */
function rollbackKilled(what: string, points: readonly string[]): FaultCase {
  return {
    family: "R1",
    name: `the ${what} is killed`,
    async run(lab) {
      const broken: string[] = [];
      const project = await fleetProject("killed");
      lab.onEnd(() => project.close());
      await onFace(lab, project);
      const ids: Record<number, string> = {};
      let count = 0;
      for (const release of [1, 3]) {
        write(project, release);
        broken.push(...wrong(`release ${release}`, await up(project)));
        broken.push(...differs(`release ${release}`, await look(project, 1), seen(release, ++count)));
        ids[release] = currentOf(project, "killed");
      }
      for (const [index, point] of points.entries()) {
        const release = index % 2 === 0 ? 1 : 3;
        const args = ["--to", ids[release] ?? "", "--emergency"];
        const killed = await back(project, args, { FLEET_CRASH_AT: point });
        if (killed.code === 0) broken.push(`nothing was killed at ${point}`);
        const isPinned = project.text("Pulumi.dev.yaml").includes(`killed:release: ${ids[release]}`);
        const again = await lab.recovering(() =>
          index % 3 === 2 && isPinned ? up(project) : back(project, args),
        );
        // The last killed run may have left nothing to do.
        if (!again.text.includes("ALREADY_RUNNING")) broken.push(...wrong(`after ${point}`, again));
        broken.push(...differs(`after ${point}`, await look(project, 1), seen(release, ++count)));
        broken.push(...wrong(`one more up after ${point}`, await up(project, "--expect-no-changes")));
      }
      lab.counts(points.length);
      return broken;
    },
  };
}

/**
 * Ten releases, each with other code, config and another shape of its state, then each returned to once in a random order: every
 * second time on another machine that has only the backend, the wallet and the network.
 */
function inAnyOrder(releases: number, seed: number): FaultCase {
  return {
    family: "R2",
    name: `${releases} releases in random order`,
    seed,
    async run(lab) {
      const broken: string[] = [];
      const { project, write: bring, look: ask, seen: wanted } = await chain("chain");
      lab.onEnd(() => project.close());
      await onFace(lab, project);
      const ids: string[] = [];
      let count = 0;
      for (let release = 1; release <= releases; release += 1) {
        bring(release);
        broken.push(...wrong(`release ${release}`, await up(project)));
        broken.push(...differs(`release ${release}`, await ask(project, 1), wanted(release, ++count)));
        ids.push(currentOf(project, "chain"));
      }
      const rng = rngOf(seed);
      const order = ids.map((_, index) => index + 1);
      for (let at = order.length - 1; at > 0; at -= 1) {
        const other = Math.floor(rng.next() * (at + 1));
        const [a = 0, b = 0] = [order[at], order[other]];
        order[at] = b;
        order[other] = a;
      }
      for (const [index, release] of order.entries()) {
        const isAway = index % 2 === 1;
        const machine = isAway ? await otherMachine(project) : project;
        const start = performance.now();
        const ran = await lab.recovering(() =>
          back(machine, ["--to", ids[release - 1] ?? "", "--emergency"]),
        );
        console.info(
          `       to release ${release}${isAway ? " on another machine" : ""}: ${((performance.now() - start) / 1000).toFixed(1)} s`,
        );
        if (!ran.text.includes("ALREADY_RUNNING"))
          broken.push(...wrong(`to ${release} of ${order.join(" ")}`, ran));
        broken.push(...differs(`at ${release}`, await ask(machine, 1), wanted(release, ++count)));
        if (isAway) rmSync(machine.dir, { recursive: true, force: true });
      }
      lab.counts(order.length);
      return broken;
    },
  };
}

/** The command reads the fleet's network from the stack's settings; the program declares it too. */
function writeSettings({ project, net }: CliFleet): void {
  const { kind, ...units } = net.network;
  const places = Object.entries({ network: kind, ...units });
  const lines = [["walletPath", ".fleet/dev-wallet.json"], ...places].map(
    ([key, value]) => `  faults:${key}: ${JSON.stringify(value)}`,
  );
  project.write("Pulumi.dev.yaml", `config:\n${lines.join("\n")}\n`);
}

/**
 * K2 of a rollback: `fleet rollback` dies while its `up` runs and the provider is at a point, with the pulumi that it started or alone.
 * The next command, the same one or `fleet deploy`, which is pinned to the release too, needs no help.
 */
function rollbackKilledInUp(
  at: string,
  what: "with its pulumi" | "alone",
  next: "rollback" | "deploy",
): FaultCase {
  return {
    family: "R4",
    name: `fleet rollback killed ${what} while its up is at ${at}, fleet ${next} follows`,
    async run(lab) {
      const made = await cliFleet(lab);
      const { project } = made;
      writeSettings(made);
      const first = await made.up();
      const id = currentOf(project, "faults");
      const before = project.json<Manifest>("build/deployment-manifest.json").processes;
      made.edit("battle", { slow: 1 });
      made.edit("shop", { slow: 1 });
      const broken = [...made.expect("first", first), ...made.expect("second", await made.up())];
      const args = ["rollback", "--to", id, "--yes"];
      const { child, ended } = made.start([...args, "--emergency"], { FLEET_STOP_AT: at });
      const pid = await stoppedProvider(made);
      const commands = await made.commands();
      if (commands.length === 0) broken.push("there was no pulumi to kill");
      // In this order: the kernel hangs up on a stopped process whose command dies, and this one must live on.
      process.kill(pid, "SIGCONT");
      child.kill("SIGKILL");
      if (what === "with its pulumi") signalAll(commands, "SIGKILL");
      // A pulumi that lives finishes its run.
      else if (!(await until(async () => (await made.commands()).length === 0)))
        broken.push("the pulumi of the dead command still runs a minute later");
      await ended;
      if (!project.text("Pulumi.dev.yaml").includes(`faults:release: ${id}`)) broken.push("it is not pinned");
      const again = await lab.recovering(() => made.fleet(next === "rollback" ? args : ["deploy", "--yes"]));
      // If its pulumi lived on, everything may be done.
      if (!again.text.includes("ALREADY_RUNNING")) broken.push(...made.expect("the next command", again));
      const now = project.json<Manifest>("build/deployment-manifest.json").processes;
      for (const [name, { sourceHash, processId }] of Object.entries(before))
        broken.push(...differs(name, [now[name]?.sourceHash, now[name]?.processId], [sourceHash, processId]));
      return [...broken, ...(await made.check({ asked: ASKED }))];
    },
  };
}

/** The actions that `fleet rollback` itself sends: the deployment's journal has none of them. Exports show which state could not be saved. */
const ASKED = ["Info", "HEALTH_CHECK", "EXPORT_STATE", "LEDGER", "DEPLOYMENT_STATUS", "DEPLOYMENT_ROLLBACK"];

type Manifest = { processes: Record<string, { sourceHash: string; processId: string }> };

/** The number of calls to the units that an emergency rollback needs until the earlier code runs, and until it is complete. */
function emergency(): FaultCase {
  return {
    family: "R3",
    name: "an emergency in round trips",
    async run(lab) {
      const made = await cliFleet(lab);
      const { project, net } = made;
      writeSettings(made);
      const first = await made.up();
      const id = currentOf(project, "faults");
      made.edit("battle", { slow: 1 });
      made.edit("shop", { slow: 1 });
      const broken = [...made.expect("first", first), ...made.expect("second", await made.up())];
      const from = net.faults.calls();
      let loaded = 0;
      net.faults.add({
        on: "mu.message",
        match: ({ item }) => item?.tags.Action === "Eval",
        fault: {
          kind: "answer",
          with: () => {
            loaded = net.faults.calls() - from;
            return undefined;
          },
        },
      });
      const start = performance.now();
      const ran = await lab.recovering(() => back(project, ["--to", id, "--emergency"]));
      const seconds = (performance.now() - start) / 1000;
      console.info(
        `       in place: ${loaded} calls until the last code was sent, ${net.faults.calls() - from} in all, ${seconds.toFixed(1)} s`,
      );
      return [...broken, ...made.expect("the emergency", ran)];
    },
  };
}

/** All cases about rollbacks that take longer than a test may. */
export function rollbackCases(): FaultCase[] {
  return [
    rollbackKilled("provider", PROVIDER),
    rollbackKilled("command", COMMAND),
    inAnyOrder(10, 1),
    emergency(),
    rollbackKilledInUp("process.loaded", "with its pulumi", "rollback"),
    rollbackKilledInUp("process.loaded:2", "with its pulumi", "deploy"),
    rollbackKilledInUp("release.begun", "with its pulumi", "rollback"),
    rollbackKilledInUp("process.judged", "alone", "rollback"),
  ];
}
