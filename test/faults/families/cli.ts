import { readdir, readFile, realpath, rm, symlink } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import type { FaultCase, Lab } from "../case.ts";
import { type CliFleet, cliFleet, signalAll } from "../project.ts";

/** Waits until the condition is true; false if it never was. */
export async function until(holds: () => Promise<boolean> | boolean, seconds = 60): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    if (await holds()) return true;
    await new Promise((done) => setTimeout(done, 50));
  }
  return false;
}

/** A recovery without help has a minute. The report of a slower one includes the machine's load. */
function tooSlow(seconds: number): string[] {
  if (seconds <= 60) return [];
  const [load = 0] = loadavg();
  return [
    `it took ${seconds.toFixed(0)} s (${load.toFixed(0)} processes wanted the machine's ${availableParallelism()} cores)`,
  ];
}

/** What a person does after the command died: the lock, then the operations that it left open, then the work itself. */
async function recover(fleet: CliFleet) {
  await fleet.project.pulumi(["cancel", "--yes"]);
  // An interrupted create stays listed until it is cleared; the process itself is found by its journal.
  await fleet.project.pulumi(["refresh", "--yes", "--skip-preview", "--clear-pending-creates"]);
  return fleet.up();
}

const isStopped = async (pid: number): Promise<boolean> => {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return text.slice(text.lastIndexOf(")") + 2).startsWith("T");
};

/** Waits until a provider is stopped at its point. */
export async function stoppedProvider(fleet: CliFleet): Promise<number> {
  let stopped: number | undefined;
  await until(async () => {
    for (const pid of await fleet.providers()) if (await isStopped(pid)) stopped = pid;
    return stopped !== undefined;
  });
  if (stopped === undefined) throw new Error("no provider stands still");
  return stopped;
}

async function prepared(
  lab: Lab,
  phase: "create" | "update",
): Promise<{ fleet: CliFleet; broken: string[] }> {
  const fleet = await cliFleet(lab);
  if (phase === "create") return { fleet, broken: [] };
  const broken = fleet.expect("the first up", await fleet.up());
  fleet.edit("battle", { slow: 1 });
  fleet.edit("shop", { slow: 1 });
  return { fleet, broken };
}

/** K1 with the real command: the provider dies, the command ends, one bare `up` recovers. */
export function providerKilled(phase: "create" | "update", crashAt: string): FaultCase {
  return {
    family: "K1",
    name: `pulumi, ${phase} ${crashAt}`,
    async run(lab) {
      const { fleet, broken } = await prepared(lab, phase);
      const died = await fleet.up({ FLEET_CRASH_AT: crashAt });
      const back = await lab.recovering(() => fleet.up());
      return [
        ...broken,
        ...fleet.expect("the run whose provider died", died, "not zero"),
        ...fleet.expect("recovery", back),
        ...(await fleet.check()),
      ];
    },
  };
}

/**
 * K1 with the real command: the gateway lags, and the provider is killed while it waits for the processes that it has just
 * spawned. One bare `up` recovers, and no process is lost.
 */
export function providerKilledWaiting(): FaultCase {
  return {
    family: "K1",
    name: "pulumi, create, waiting for the gateway",
    async run(lab) {
      const fleet = await cliFleet(lab);
      fleet.net.behaviours.gatewayLag(6000);
      const { ended } = fleet.project.start(["up", "--yes", "--skip-preview", "--parallel", "16"]);
      // Messages to a process that is not shown yet were refused several times, or on a node its slots: the run waits.
      const refused = lab.face === "legacy" ? "mu.post" : "su.other";
      const waits = () => fleet.net.faults.injected.filter(({ endpoint }) => endpoint === refused).length > 6;
      const isWaiting = await until(waits);
      const made = fleet.net.oracle.processes().map(({ id }) => id);
      signalAll(await fleet.providers(), "SIGKILL");
      const died = await ended;
      const back = await lab.recovering(() => fleet.up());
      return [
        ...(isWaiting ? [] : ["the run did not wait for the gateway"]),
        ...fleet.expect("the run whose provider died", died, "not zero"),
        ...fleet.expect("recovery", back),
        ...(made.length > 0 ? [] : ["nothing was spawned before it died"]),
        ...(back.text.includes("the request itself has to change") ? ["recovery ends in a dead end"] : []),
        ...(await fleet.check()),
      ];
    },
  };
}

/** K2: the command dies while its provider is at a point; the provider lives on for a moment. */
export function commandKilled(
  phase: "create" | "update",
  at: string,
  by: "pulumi" | "fleet deploy" = "pulumi",
): FaultCase {
  return {
    family: "K2",
    name: by === "pulumi" ? `${phase} ${at}` : `${phase} ${at}, ${by}`,
    async run(lab) {
      const { fleet, broken } = await prepared(lab, phase);
      const { ended } = fleet.project.start(["up", "--yes", "--skip-preview"], { FLEET_STOP_AT: at });
      const pid = await stoppedProvider(fleet);
      // In this order: the kernel hangs up on a stopped process whose command dies, and this one must live on.
      const commands = await fleet.commands();
      process.kill(pid, "SIGCONT");
      signalAll(commands, "SIGKILL");
      const from = performance.now();
      const back = await lab.recovering(() => (by === "pulumi" ? recover(fleet) : fleet.deploy()));
      const seconds = (performance.now() - from) / 1000;
      const zombie = (await fleet.providers()).includes(pid);
      await Promise.race([ended, until(() => false, 1)]);
      return [
        ...broken,
        ...fleet.expect("recovery", back),
        ...tooSlow(seconds),
        ...(zombie ? ["the provider of the dead command still runs"] : []),
        ...(await fleet.check()),
      ];
    },
  };
}

/**
 * K2: `fleet deploy` itself dies while its provider is at a point, with the pulumi that it started or alone. The next one recovers
 * without help.
 */
export function deployKilled(
  phase: "create" | "update",
  at: string,
  what: "with its pulumi" | "alone" = "with its pulumi",
): FaultCase {
  return {
    family: "K2",
    name: `${phase} ${at}, fleet deploy killed ${what}`,
    async run(lab) {
      const { fleet, broken } = await prepared(lab, phase);
      const { child, ended } = fleet.startDeploy({ FLEET_STOP_AT: at });
      const pid = await stoppedProvider(fleet);
      const commands = await fleet.commands();
      if (commands.length === 0) broken.push("there was no pulumi to kill");
      // In this order: the kernel hangs up on a stopped process whose command dies, and this one must live on.
      process.kill(pid, "SIGCONT");
      child.kill("SIGKILL");
      if (what === "with its pulumi") signalAll(commands, "SIGKILL");
      else {
        // Its pulumi may live: the next command reports it, or finds that everything was repaired.
        const next = await fleet.deploy();
        if (next.code !== 0 && !commands.some((owner) => next.text.includes(`pid ${owner}`)))
          broken.push(`the owner ${commands} is not named: ${next.text.slice(-500)}`);
        await until(async () => (await fleet.commands()).length === 0);
      }
      await ended;
      const from = performance.now();
      const back = await lab.recovering(() => fleet.deploy());
      const seconds = (performance.now() - from) / 1000;
      return [
        ...broken,
        ...fleet.expect("recovery", back),
        ...tooSlow(seconds),
        ...((await fleet.providers()).includes(pid) ? ["the provider of the dead run still runs"] : []),
        ...(await fleet.check()),
      ];
    },
  };
}

/** K4: the terminal is closed: its processes get a hangup, and nobody reads their output any more. */
export function terminalClosed(by: "pulumi" | "fleet deploy"): FaultCase {
  return {
    family: "K4",
    name: `the terminal of ${by} is closed`,
    async run(lab) {
      const fleet = await cliFleet(lab);
      const slow = fleet.net.faults.add({ on: "cu.result", fault: { kind: "delay", ms: 400 } });
      const { child, ended } =
        by === "pulumi" ? fleet.project.start(["up", "--yes", "--skip-preview"]) : fleet.startDeploy({});
      await until(() => fleet.net.oracle.counts().processes > 0);
      child.stdout?.destroy();
      child.stderr?.destroy();
      const all = [...(await fleet.commands()), ...(await fleet.providers())];
      child.kill("SIGHUP");
      signalAll(all, "SIGHUP");
      const over = await Promise.race([ended, until(() => false, 60)]);
      slow();
      const from = performance.now();
      const back = await lab.recovering(() => (by === "pulumi" ? recover(fleet) : fleet.deploy()));
      const seconds = (performance.now() - from) / 1000;
      return [
        ...(typeof over === "object" ? [] : ["the command still runs a minute later"]),
        ...fleet.expect("recovery", back),
        ...tooSlow(seconds),
        ...(await fleet.check()),
      ];
    },
  };
}

/** K3 with the real command: an Eval is delayed, the command dies, a later release finishes, the Eval arrives. */
export function evalHeld(): FaultCase {
  return {
    family: "K3",
    name: "pulumi, an Eval held on its way",
    async run(lab) {
      const { fleet, broken } = await prepared(lab, "update");
      let open = () => {};
      const gate = new Promise<void>((done) => {
        open = done;
      });
      let held: string | undefined;
      fleet.net.faults.add({
        on: "mu.message",
        times: 1,
        match: ({ item }) => item?.tags.Action === "Eval",
        fault: {
          kind: "answer",
          async with({ messageId }) {
            held = messageId;
            await gate;
            return undefined;
          },
        },
      });
      fleet.project.start(["up", "--yes", "--skip-preview"]);
      if (!(await until(() => held !== undefined))) throw new Error("no Eval was sent");
      const zombies = await fleet.providers();
      signalAll(await fleet.commands(), "SIGKILL");
      fleet.edit("battle", { slow: 2 });
      const later = await lab.recovering(() => recover(fleet));
      const still = (await fleet.providers()).filter((pid) => zombies.includes(pid));
      open();
      const find = () => fleet.net.oracle.messages().find(({ id }) => id === held);
      await until(() => find()?.evaluated === true, 20);
      const late = find();
      const result = late && JSON.stringify(fleet.net.oracle.result(late.process, late.id));
      return [
        ...broken,
        ...fleet.expect("the later up", later),
        ...(zombies.length > 0 ? [] : ["there was no provider"]),
        ...still.map((pid) => `the provider ${pid} of the dead command still runs`),
        ...(result?.includes("STALE_EPOCH") ? [] : [`the late Eval was not refused: ${result}`]),
        ...(await fleet.check()),
      ];
    },
  };
}

/** K4: the command gets a signal once the first messages are sent. */
export function signalled(signals: readonly NodeJS.Signals[]): FaultCase {
  return {
    family: "K4",
    name: signals.join(" "),
    async run(lab) {
      const isGentle = signals.length === 1 && signals[0] === "SIGINT";
      const fleet = await cliFleet(lab);
      const slow = fleet.net.faults.add({ on: "cu.result", fault: { kind: "delay", ms: 400 } });
      const { ended } = fleet.project.start(["up", "--yes", "--skip-preview"]);
      await until(() => fleet.net.oracle.counts().processes > 0);
      for (const signal of signals) {
        signalAll(await fleet.commands(), signal);
        await Promise.race([ended, new Promise((done) => setTimeout(done, 1500))]);
      }
      const ran = await ended;
      slow();
      const back = await lab.recovering(() => (isGentle ? fleet.up() : recover(fleet)));
      return [
        ...(ran.code === 0 ? ["the run ended well though it was told to stop"] : []),
        ...fleet.expect("recovery", back),
        ...(await fleet.check()),
      ];
    },
  };
}

/** C1: several concurrent `up` on one stack. */
export function upsAtOnce(count: number): FaultCase {
  return {
    family: "C1",
    name: `${count} at once`,
    async run(lab) {
      const fleet = await cliFleet(lab);
      const runs = await Promise.all(Array.from({ length: count }, () => fleet.up()));
      const won = runs.filter(({ code }) => code === 0);
      const others = runs.filter(({ code }) => code !== 0);
      const unnamed = others.filter(({ text }) => !/locked by|lock file|pid \d+/i.test(text));
      return [
        ...(won.length >= 1 ? [] : ["none came through"]),
        ...unnamed.map(({ text }) => `the owner is not named: ${text.slice(-500)}`),
        ...(await fleet.check()),
      ];
    },
  };
}

/** S2: state, backend and journal are gone; `fleet adopt` takes over what the network has, byte for byte. */
export function stackAdopted(): FaultCase {
  return {
    family: "S2",
    name: "fleet adopt, all but program and wallet lost",
    async run(lab) {
      const fleet = await cliFleet(lab);
      const { net, project } = fleet;
      const first = await fleet.up();
      const before = await project.output<Record<string, { processId: string }>>("processes");
      const state = join(project.dir, ".fleet");
      for (const name of await readdir(state))
        if (!name.includes("wallet")) await rm(join(state, name), { recursive: true });
      await rm(join(project.dir, "build"), { recursive: true });
      const evals = () => net.oracle.messages().filter(({ tags }) => tags.Action === "Eval").length;
      const [processes, loads] = [net.oracle.counts().processes, evals()];
      const adopted = await lab.recovering(() => fleet.fleet(["adopt", "--yes"]));
      if (adopted.code !== 0) return fleet.expect("adopt", adopted);
      const after = await project.output<Record<string, { processId: string }>>("processes");
      const idsOf = (members: typeof after) =>
        JSON.stringify(Object.entries(members).map(([name, { processId }]) => [name, processId]));
      return [
        ...fleet.expect("up", first),
        ...(idsOf(after) === idsOf(before) ? [] : [`other ids: ${idsOf(after)} were ${idsOf(before)}`]),
        ...(net.oracle.counts().processes === processes ? [] : ["a process was made"]),
        ...(evals() === loads ? [] : [`${evals() - loads} loads of code that ran already`]),
        ...(await fleet.check({ wholeJournal: false })),
      ];
    },
  };
}

/** S4: the provider's code has moved, no input changed. */
export function codeMoved(): FaultCase {
  return {
    family: "S4",
    name: "the package is at another place",
    async run(lab) {
      const fleet = await cliFleet(lab);
      const first = await fleet.up();
      const link = join(fleet.project.dir, "node_modules", "ao-fleet");
      const target = await realpath(link);
      const other = join(await lab.folder(), "elsewhere");
      await symlink(target, other);
      await rm(link);
      await symlink(other, link);
      const refreshed = await fleet.project.pulumi([
        "refresh",
        "--yes",
        "--skip-preview",
        "--expect-no-changes",
      ]);
      const broken = await fleet.check();
      const gone = await fleet.project.pulumi(["destroy", "--yes", "--skip-preview"]);
      const live = fleet.net.oracle
        .processes()
        .filter(({ id }) => fleet.net.oracle.state(id)?.fleet?.status !== "RETIRED");
      return [
        ...fleet.expect("up", first),
        ...fleet.expect("refresh", refreshed),
        ...broken,
        ...fleet.expect("destroy", gone),
        ...live.map(({ tags }) => `${tags.Name} was not retired`),
      ];
    },
  };
}

/** All cases with the real pulumi command. */
export function cliCases(): FaultCase[] {
  return [
    providerKilled("create", "ao.after-send:3"),
    providerKilled("create", "process.loaded:2"),
    providerKilled("create", "release.finished"),
    providerKilled("update", "ao.after-journal:4"),
    providerKilled("update", "process.judged:1"),
    providerKilledWaiting(),
    commandKilled("create", "ao.after-send:2"),
    commandKilled("create", "process.spawned:1"),
    commandKilled("create", "config.sent"),
    commandKilled("create", "release.begun"),
    commandKilled("update", "ao.after-journal:4"),
    commandKilled("update", "process.loaded:1"),
    commandKilled("create", "process.spawned:1", "fleet deploy"),
    commandKilled("create", "config.sent", "fleet deploy"),
    commandKilled("update", "ao.after-send:5", "fleet deploy"),
    deployKilled("create", "ao.after-send:3"),
    deployKilled("create", "release.begun"),
    deployKilled("update", "process.loaded:1"),
    deployKilled("update", "ao.after-journal:4", "alone"),
    evalHeld(),
    signalled(["SIGINT"]),
    signalled(["SIGINT", "SIGINT"]),
    signalled(["SIGTERM"]),
    terminalClosed("pulumi"),
    terminalClosed("fleet deploy"),
    upsAtOnce(2),
    upsAtOnce(5),
    stackAdopted(),
    codeMoved(),
  ];
}
