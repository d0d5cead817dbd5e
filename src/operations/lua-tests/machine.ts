/** Processes under test: booted, loaded as a deployment loads them, and sent messages by real evaluators. */
import { explainLuaError } from "../../bundler/index.ts";
import { LUA_DEVICE } from "../../core/devices.ts";
import { LIBRARY_LUA } from "../../fleet/code/library-lua.ts";
import { luaErrorIn } from "../../fleet/code/lua-error.ts";
import { composeProgram, readLoadOutcome } from "../../fleet/code/program.ts";
import { composeWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { EvaluatedMessage, EvaluationResult } from "../../localnet/types.ts";
import { messageFields } from "../../localnet/units/pushed.ts";
import type { Coverage } from "./coverage.ts";
import type { Evaluators } from "./evaluators.ts";
import { WATCHED_PROCESS } from "./lua-text.ts";
import type { BootOptions, Program } from "./programs.ts";
import {
  type Booted,
  controlsOf,
  EVAL,
  messageTo,
  NETWORK,
  outputText,
  problem,
  recordOf,
  STEP,
  type Subject,
  type TestMessage,
  type TestResult,
} from "./subject.ts";

/** Most messages that one delivery causes. */
const MOST_DELIVERED = 1000;
const EMPTY: EvaluationResult = { Output: "", Messages: [], Spawns: [], Assignments: [] };

interface EvaluateOptions {
  /** Whether the lines that run count. */
  readonly counts: boolean;
  /** Whether the process is told that it is a dry run. @default false */
  readonly isDry?: boolean;
  /** Whether the effects are discarded. @default isDry */
  readonly discards?: boolean;
  /** The message that began the chain. @default the message itself */
  readonly root?: string;
}

export class Machine {
  readonly #evaluators: Evaluators;
  readonly #coverage: Coverage | undefined;
  readonly #subjects = new Map<string, Subject>();
  /** Memories of loaded programs: tests boot the same one again and again. */
  readonly #booted = new Map<string, Booted>();
  #count = 0;

  /** @param coverage gets the lines that run. @default they are not noted */
  constructor(evaluators: Evaluators, coverage?: Coverage) {
    this.#evaluators = evaluators;
    this.#coverage = coverage;
  }

  /** Forgets the processes of a test. */
  forget(): void {
    this.#subjects.clear();
    this.#count = 0;
  }

  /**
   * Boots a process and loads its program, wires its peers and sends its settings.
   *
   * @returns the process, and the time after it
   * @throws FleetError if the program does not load
   */
  async boot(program: Program, options: BootOptions, owner: string, now: number) {
    const { evaluator, module } = await this.#evaluators.of(program);
    const record = recordOf(program, options, options.owner ?? owner, module, ++this.#count);
    const subject: Subject = {
      ...{ record, evaluator, program, offset: 0, loads: 0, memory: null, nonce: 0 },
      sent: new Map(),
    };
    const process = `${this.#count}`;
    const settings = { ...program.config, ...options.config };
    const key = JSON.stringify([record, program.hash, options.peers, settings, now]);
    const known = this.#booted.get(key);
    let at = known?.now ?? now;
    if (known) Object.assign(subject, known);
    else {
      await this.#start(subject, now + STEP);
      at = now + 2 * STEP;
      await this.#load(process, subject, program, at);
      for (const [action, data] of program.lib ? controlsOf(options.peers, settings) : []) {
        at += STEP;
        await this.#control(process, subject, action, data, at);
      }
      const { memory, nonce, offset, loads } = subject;
      this.#booted.set(key, { memory, nonce, offset, loads, now: at });
    }
    this.#subjects.set(process, subject);
    return { process, id: record.id, owner: record.owner, now: at };
  }

  async #start(subject: Subject, now: number): Promise<void> {
    const { record, evaluator } = subject;
    const { id, owner, tags } = record;
    const spawn = {
      ...this.#message(subject, { From: owner, Owner: owner, Data: " ", Tags: tags, Timestamp: now }),
      Id: id,
    };
    const made = await evaluator.evaluate({ process: record, memory: null, message: spawn, dryRun: false });
    subject.memory = made.memory;
    if (made.result.Error !== undefined) throw problem(`The process did not boot: ${made.result.Error}`);
    if (this.#coverage === undefined || subject.program.device === LUA_DEVICE) return;
    const watch = { From: owner, Owner: owner, Data: WATCHED_PROCESS, Tags: EVAL, Timestamp: now };
    const watched = await evaluator.evaluate({
      ...{ process: record, memory: subject.memory, dryRun: false },
      message: this.#message(subject, watch),
    });
    if (watched.result.Error !== undefined) throw new Error(`no coverage: ${watched.result.Error}`);
    subject.memory = watched.memory;
  }

  /** Loads a program into a process, as an update in place does. @throws FleetError if it is not committed */
  async load(process: string, program: Program, now: number): Promise<TestResult> {
    return this.#load(process, this.#subject(process), program, now);
  }

  async #load(process: string, subject: Subject, program: Program, now: number): Promise<TestResult> {
    const commit = {
      ...{ process: program.name, release: `r${++subject.loads}`, sourceHash: program.hash },
      ...{ version: program.version, epoch: 1 },
    };
    const { text, offsetLines } = program.lib
      ? composeProgram(program.text, commit)
      : composeWithoutLibrary(program.text, commit);
    const before = { program: subject.program, offset: subject.offset };
    Object.assign(subject, { program, offset: offsetLines });
    const { owner } = subject.record;
    const message = { From: owner, Owner: owner, Data: text, Tags: EVAL, Timestamp: now };
    const made = await this.#evaluate(process, subject, message, { counts: true });
    if (made.error === undefined && readLoadOutcome(made.output).kind === "committed") return made;
    Object.assign(subject, before);
    throw problem(`${program.name} did not load: ${made.error ?? made.output}`);
  }

  async #control(
    process: string,
    subject: Subject,
    action: string,
    data: object,
    now: number,
  ): Promise<void> {
    const { owner } = subject.record;
    const tags = [
      { name: "Action", value: action },
      { name: "Epoch", value: "1" },
      { name: "Correlation-Id", value: `${action}-${now}` },
    ];
    const message = { From: owner, Owner: owner, Data: JSON.stringify(data), Tags: tags, Timestamp: now };
    const { messages, error } = await this.#evaluate(process, subject, message, { counts: true });
    const reply = String(messages.find(({ Target }) => Target === owner)?.Data ?? "no reply");
    if (error === undefined && reply.includes('"success":true')) return;
    throw problem(`${subject.program.name} refused ${action}: ${error ?? reply}`);
  }

  /** @param isDry whether its effects are discarded, as a compute unit does at a dry run */
  send(process: string, message: TestMessage, isDry = false): Promise<TestResult> {
    const isEval = message.Tags.some(({ name, value }) => name === "Action" && value === "Eval");
    return this.#evaluate(process, this.#subject(process), message, { counts: !isEval, isDry });
  }

  /** The value of a Lua expression in a process, which stays as it is. @throws FleetError if it has none */
  async read(process: string, expression: string, now: number): Promise<unknown> {
    const { owner } = this.#subject(process).record;
    const data = `return require("json").encode({ ${expression} })`;
    const message = { From: owner, Owner: owner, Data: data, Tags: EVAL, Timestamp: now };
    // A dry run has no sender whom a process on lua@5.3a believes to be its owner.
    const options = { counts: false, discards: true };
    const { error, output } = await this.#evaluate(process, this.#subject(process), message, options);
    try {
      if (error === undefined) return (JSON.parse(output) as unknown[])[0];
    } catch {
      // Reported below with what it printed.
    }
    throw problem(`${expression} has no value that JSON can express: ${error ?? output}`);
  }

  /** A table of `fleet.state`. */
  state(process: string, name: string, now: number): Promise<unknown> {
    if (!this.#subject(process).program.lib)
      throw problem("A program without the library has no fleet.state: use read.");
    return this.read(process, `${LIBRARY_LUA}.store.states[${JSON.stringify(name)}]`, now);
  }

  /** Delivers what a message caused, and what that causes, to the processes of the test, as a messenger does. */
  async deliver(process: string, message: string, now: number) {
    const queue = [{ process, message }];
    const results: (TestResult & { from: string; correlation?: string | undefined })[] = [];
    let at = now;
    for (const next of queue) {
      const sender = this.#subject(next.process);
      const { items, root } = sender.sent.get(next.message) ?? { items: [], root: next.message };
      for (const item of items) {
        const target = this.#withId(item.Target);
        if (target === undefined) continue;
        if (results.length >= MOST_DELIVERED)
          throw problem(`The exchange does not end: ${MOST_DELIVERED} messages.`);
        const { id, module, scheduler } = sender.record;
        const { tags, data } = messageFields(
          { process: id, module, scheduler, root, variant: "ao.TN.1" },
          item,
        );
        at += STEP;
        const pushed = { From: id, Owner: NETWORK, Data: String(data), Tags: tags ?? [], Timestamp: at };
        const made = await this.#evaluate(target, this.#subject(target), pushed, { counts: true, root });
        const correlation = tags?.find(({ name }) => name === "Correlation-Id")?.value;
        results.push({ ...made, from: id, correlation });
        queue.push({ process: target, message: made.id });
      }
    }
    return { results, now: at };
  }

  #withId(id: string | undefined): string | undefined {
    return [...this.#subjects].find(([, { record }]) => record.id === id)?.[0];
  }

  #subject(process: string): Subject {
    const found = this.#subjects.get(process);
    if (found === undefined)
      throw problem("The process belongs to an earlier test: boot one in before_each or in the test.");
    return found;
  }

  async #evaluate(
    process: string,
    subject: Subject,
    given: TestMessage,
    { counts, isDry = false, discards = isDry, root }: EvaluateOptions,
  ): Promise<TestResult> {
    const message = this.#message(subject, given, counts, isDry);
    const { record, evaluator, memory } = subject;
    const result = await evaluator
      .evaluate({ process: record, memory, message, dryRun: discards })
      .then((made) => {
        if (!discards) subject.memory = made.memory;
        return this.#taken(subject, made.result);
      })
      // The module of lua@5.3a failed: a node would run the slot again and again.
      .catch((error: unknown) => ({
        ...EMPTY,
        Error: error instanceof Error ? error.message : String(error),
      }));
    const id = message.Id ?? "";
    if (!discards) {
      subject.nonce += 1;
      subject.sent.set(id, { items: result.Messages, root: root ?? id });
    }
    return { process, id, messages: result.Messages, spawns: result.Spawns, ...this.#said(subject, result) };
  }

  /** The result without the lines that ran, which are noted. */
  #taken(subject: Subject, result: EvaluationResult): EvaluationResult {
    const watched = result.Output as { readonly lines?: number[]; readonly output?: unknown } | undefined;
    if (this.#coverage === undefined || !Array.isArray(watched?.lines)) return result;
    const { map, hash } = subject.program;
    this.#coverage.note(
      hash,
      map,
      watched.lines.map((line) => line - subject.offset),
    );
    return { ...result, Output: watched.output ?? "" };
  }

  #said({ program, offset }: Subject, result: EvaluationResult): Pick<TestResult, "output" | "error"> {
    const output = outputText(result.Output);
    const messages = result.Messages.map(({ Data }) => ({ data: String(Data ?? "") }));
    const raised = result.Error === undefined ? {} : { error: result.Error };
    const error = luaErrorIn({ output, messages, ...raised });
    if (error === undefined) return { output };
    const { message, file, line } = explainLuaError(error, program.map, offset);
    return { output, error: file === undefined ? message : `${file}:${line}: ${message}` };
  }

  #message(subject: Subject, given: TestMessage, counts = false, isDry = false): EvaluatedMessage {
    return messageTo(subject, given, { isDry, counts: counts && this.#coverage !== undefined });
  }
}
