/** Two fleets of real aos processes, as the stacks `old` and `new` of one project, and a move between them that can be killed. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Ao, Evaluation } from "../../src/ao/port.ts";
import { throwAll } from "../../src/core/errors.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import type { MoveRecord } from "../../src/fleet/move-record.ts";
import { finishMove } from "../../src/operations/move/finish.ts";
import { move, standingOf } from "../../src/operations/move/move.ts";
import { movedTo, type OpenMove, openMoves } from "../../src/operations/move/moved-setting.ts";
import { type MoveOptions, type MovePlan, planMove } from "../../src/operations/move/plan.ts";
import { fakeAo, fakeFleet, member } from "../cli/fakes.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { type Aos, address, boot, OWNER } from "../processes/aos.ts";

export type Side = "old" | "new";
const OTHER = { old: "new", new: "old" } as const;

/** A program, and what differs in its process of the new fleet. */
export interface Program {
  readonly source: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly newSource?: string;
  /** Deployed without the library. */
  readonly lib?: false;
}

/** Each program's processes in both stacks. */
export type Processes = Readonly<Record<Side, Readonly<Record<string, Aos>>>>;

let worlds = 0;

export async function bootBoth(programs: Readonly<Record<string, Program>>): Promise<Processes> {
  worlds += 1;
  const made = { old: {} as Record<string, Aos>, new: {} as Record<string, Aos> };
  for (const [name, { source, newSource = source, files }] of Object.entries(programs)) {
    const more = files === undefined ? {} : { files };
    for (const side of ["old", "new"] as const)
      made[side][name] = await boot(name, {
        ...{ source: side === "old" ? source : newSource, ...more },
        id: address(`${side}-${name}-${worlds}`),
      });
  }
  return made;
}

/** Independent copies, with the same ids. */
export async function copyOf(processes: Processes): Promise<Processes> {
  const side = async (of: Readonly<Record<string, Aos>>) =>
    Object.fromEntries(
      await Promise.all(Object.entries(of).map(async ([name, p]) => [name, await p.clone()] as const)),
    );
  return { old: await side(processes.old), new: await side(processes.new) };
}

interface Options {
  readonly programs?: Readonly<Record<string, Program>>;
  readonly ledger?: string;
  /** Called after a message was evaluated. */
  readonly after?: (action: string, processId: string) => Promise<void>;
}

export class World {
  readonly processes: Processes;
  readonly dir: string;
  /** The actions of every message so far. */
  readonly asked: string[] = [];
  /** The stack and the reason of every export so far that serves as a snapshot. */
  readonly snapshots: string[] = [];
  /**
   * Kills the run after this many more messages: the last one is evaluated, and nobody learns of it. What the run had under way at other
   * processes stays dead too, whatever is set later.
   */
  killAfter = Number.POSITIVE_INFINITY;
  #run = { isDead: false };
  isStopped = false;
  /** Whether no deployment holds a stack. */
  isFree = true;
  /** What a deployment does before the move asks for that. */
  deploys = async (): Promise<void> => {};
  readonly #options: Options;
  #messages = 0;
  #killAt = { action: "", times: 0 };
  /** The journal and the network: open intents with their messages, and what was evaluated. Both outlive a killed run. */
  readonly #open = new Map<string, string>();
  readonly #sent = new Map<string, Parameters<Ao["send"]>[0]>();
  readonly #results = new Map<string, Evaluation>();

  constructor(processes: Processes, options: Options = {}) {
    this.processes = processes;
    this.#options = options;
    this.dir = temporaryFolder("move");
    writeFiles({ "Pulumi.yaml": "name: ao-fleet\nruntime: nodejs\n" }, this.dir);
    for (const side of ["old", "new"]) writeFiles({ [`Pulumi.${side}.yaml`]: "config: {}\n" }, this.dir);
  }

  process(side: Side, name: string): Aos {
    const found = this.processes[side][name];
    if (found === undefined) throw new Error(`${side} has no ${name}`);
    return found;
  }

  movedTo(side: Side): string | undefined {
    return movedTo(this.dir, side);
  }

  /** Moves that have not ended, by the stack's settings. */
  moving(side: Side): OpenMove[] {
    return openMoves(this.dir, side);
  }

  /** Kills the run after the next, or a later, message with an action. */
  killAt(action: string, times = 1): void {
    this.#killAt = { action, times };
  }

  fleet(side: Side): FleetSession {
    const own = this.processes[side];
    const programs = this.#options.programs ?? {};
    const members = Object.entries(own).map(([name, p]) =>
      member(name, { processId: p.id, ...(programs[name]?.lib === false ? { lib: false as const } : {}) }),
    );
    const known = fakeFleet(this.#aoOf(own), members, this.#options.ledger);
    const { network } = known.session;
    const scope = {
      ...{ project: "ao-fleet", stack: side },
      ...{ home: join(this.dir, ".fleet"), build: join(this.dir, "build") },
    };
    const journal = {
      ...known.session.journal,
      void: async (intent: string) => void this.#open.delete(intent),
    };
    const session = {
      ...{ ...known.session, scope, journal },
      network: { ...network, protocol: "legacy" as const },
    };
    return { ...known, stack: side, session };
  }

  #aoOf(own: Readonly<Record<string, Aos>>): Ao {
    // The next run begins with a fleet that is opened after the kill.
    if (this.#run.isDead && this.killAfter > 0) this.#run = { isDead: false };
    const run = this.#run;
    return {
      ...fakeAo(() => ({})),
      address: OWNER,
      settle: async (intent) => void this.#open.delete(intent),
      send: async (input) => {
        assertAlive(run);
        const open = this.#open.get(input.intent);
        if (open !== undefined) return { id: open, resent: true };
        this.#messages += 1;
        const id = address(`message-${this.#messages}`);
        this.#open.set(input.intent, id);
        this.#sent.set(id, input);
        return { id, resent: false };
      },
      evaluation: async ({ processId, messageId }): Promise<Evaluation> => {
        assertAlive(run);
        const earlier = this.#results.get(messageId);
        if (earlier !== undefined) return earlier;
        const { tags = {}, data = "" } = this.#sent.get(messageId) ?? {};
        const p = Object.values(own).find(({ id }) => id === processId);
        if (p === undefined) throw new Error(`no process ${processId}`);
        const { Action: action = "", ...others } = tags;
        this.asked.push(action);
        const reason = tags["Snapshot-Reason"];
        if (reason !== undefined)
          this.snapshots.push(`${own === this.processes.old ? "old" : "new"} ${reason}`);
        const request = { From: OWNER, Id: messageId, Action: action, Data: data, Tags: others };
        const { messages, output, error } = await p.send(request);
        assertAlive(run);
        await this.#options.after?.(action, processId);
        const evaluation: Evaluation = {
          ...{ messageId, output, spawns: [] },
          messages: messages.map(({ Target, Tags, Data }) => ({
            target: Target,
            tags: Object.fromEntries(Tags.map(({ name, value }) => [name, value])),
            data: Data ?? "",
          })),
          ...(error === undefined ? {} : { error }),
        };
        this.#results.set(messageId, evaluation);
        this.killAfter -= 1;
        if (action === this.#killAt.action) {
          this.#killAt.times -= 1;
          if (this.#killAt.times === 0) this.killAfter = 0;
        }
        if (this.killAfter <= 0) run.isDead = true;
        assertAlive(run);
        return evaluation;
      },
    };
  }

  sides(from: Side = "old") {
    return { source: this.fleet(from), target: this.fleet(OTHER[from]) };
  }

  plan(options: Partial<MoveOptions> = {}, from: Side = "old"): Promise<MovePlan> {
    return planMove(this.sides(from), {
      ...{ id: "move-1", withoutState: [], acceptLoss: [], seconds: 60, isContinued: false },
      ...options,
    });
  }

  /** What the command does, without its terminal. */
  async move(
    options: Partial<MoveOptions> & { readonly retires?: boolean } = {},
    from: Side = "old",
  ): Promise<MoveRecord> {
    const sides = this.sides(from);
    const standing = await standingOf(sides, this.dir);
    if (standing.kind === "to-finish") return finishMove(sides, standing.record, this.#settings(), 60);
    const { id, isContinued } = standing;
    const { members, problems } = await this.plan({ ...options, id, isContinued }, from);
    throwAll(problems);
    const run = {
      ...{ ...sides, members, id, isContinued, seconds: 60, note: () => {}, pause: async () => {} },
      reopensTarget: this.movedTo(OTHER[from]) === undefined,
      isFree: async () => {
        await this.deploys();
        return this.isFree;
      },
      isStopped: () => this.isStopped,
    };
    const { retires = false, withoutState = [], acceptLoss = [], seconds: timeout = 60 } = options;
    return move(run, this.#settings(), {
      retires,
      options: { withoutState: [...withoutState], acceptLoss: [...acceptLoss], timeout },
    });
  }

  #settings() {
    const run = this.#run;
    const workspace = { projectDir: this.dir, env: {}, pulumi: "pulumi" };
    const pulumi: World["pulumi"] = async (...asked) => {
      assertAlive(run);
      return this.pulumi(...asked);
    };
    return { host: { pulumi }, workspaces: { source: workspace, target: workspace } };
  }

  /** `pulumi config set` and `rm`. */
  readonly pulumi = async (_workspace: unknown, [, verb, key, ...rest]: readonly string[]) => {
    const path = join(this.dir, `Pulumi.${rest.at(-1)}.yaml`);
    const config = (parse(readFileSync(path, "utf8")) as { config: Record<string, string> }).config;
    const { [`ao-fleet:${key}`]: _, ...others } = config;
    const next = verb === "set" ? { ...others, [`ao-fleet:${key}`]: rest[0] } : others;
    writeFileSync(path, stringify({ config: next }));
    return { code: 0, stdout: "", output: "" };
  };
}

function assertAlive({ isDead }: { readonly isDead: boolean }): void {
  if (isDead) throw new Error("killed");
}
