/** Runs the tests of one file: the file itself in a process of an aos image, and what it asks for in a machine. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Bundle, bundle, explainLuaError, sourceLine } from "../../bundler/index.ts";
import { FleetError } from "../../core/errors.ts";
import type { Evaluator } from "../../localnet/evaluator.ts";
import type { EvaluatedMessage, ProcessRecord } from "../../localnet/types.ts";
import type { Coverage } from "./coverage.ts";
import { RUNNER_IMAGE } from "./evaluators.ts";
import { runnerText } from "./lua-text.ts";
import type { Machine } from "./machine.ts";
import { BootOptionsSchema, type Programs } from "./programs.ts";
import type { Failure, FileOutcome, TestOutcome } from "./report.ts";
import { EVAL, type TestMessage } from "./subject.ts";

interface RunFileInput {
  readonly projectDir: string;
  readonly evaluator: Evaluator;
  readonly machine: Machine;
  readonly programs: Programs;
  readonly coverage?: Coverage | undefined;
  /** Runs only tests whose titles contain it. @default all */
  readonly only?: string | undefined;
  /** Gets the sources that the file is made of. */
  readonly uses: (bundle: Bundle) => void;
}

const LIBRARY = fileURLToPath(new URL("../../runtime", import.meta.url));
const OWNER = "fleet-test-runner".padEnd(43, "0");

const FailedSchema = z.looseObject({
  message: z.string(),
  trace: z.preprocess((given) => (Array.isArray(given) ? given : []), z.array(z.number())),
  expected: z.string().optional(),
  got: z.string().optional(),
});
const StepSchema = z.looseObject({
  done: z.boolean().optional(),
  failure: FailedSchema.optional(),
  op: z.string().optional(),
  tests: z
    .array(z.looseObject({ title: z.string(), suites: z.array(z.string()), line: z.number() }))
    .optional(),
  printed: z.array(z.string()).optional(),
  lines: z.array(z.number()).optional(),
});
type Step = z.infer<typeof StepSchema>;

/** @returns the outcome of each test; a file that cannot be bundled or loaded has a failure instead */
export async function runFile(file: string, input: RunFileInput): Promise<FileOutcome> {
  const { projectDir } = input;
  let made: Bundle;
  try {
    made = await bundle({
      ...{ name: "test", entry: file, root: projectDir, cache: join(projectDir, ".fleet", "facts") },
      ...{
        search: [dirname(file), "processes/lib", LIBRARY],
        library: { folder: LIBRARY, label: "ao-fleet" },
      },
      externals: ["fleet.test"],
    });
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const [{ what, at }] = error.problems;
    return { file, tests: [], failure: { message: `${what}${at === undefined ? "" : ` (${at})`}` } };
  }
  input.uses(made);
  const runner = new Runner(made, input);
  const loaded = await runner.load();
  const failure =
    loaded.failure ??
    (loaded.tests?.length ? undefined : { message: "It has no tests: it(…) was not called.", trace: [] });
  if (failure !== undefined) return { file, tests: [], failure: runner.explained(failure) };
  const tests: TestOutcome[] = [];
  for (const [at, { title, suites, line }] of (loaded.tests ?? []).entries()) {
    if (input.only !== undefined && ![...suites, title].join(" ").includes(input.only)) continue;
    const place = sourceLine(made.map, line);
    const outcome = await runner.run(at + 1);
    tests.push({ suites, title, ...(place === undefined ? {} : { line: place.line }), ...outcome });
  }
  return { file, tests };
}

/** The process that a file of tests runs in. */
class Runner {
  readonly #made: Bundle;
  readonly #input: RunFileInput;
  readonly #record: ProcessRecord;
  #memory: Uint8Array | null = null;

  constructor(made: Bundle, input: RunFileInput) {
    this.#made = made;
    this.#input = input;
    const tags = Object.entries({ Type: "Process", Module: RUNNER_IMAGE }).map(([name, value]) => ({
      name,
      value,
    }));
    this.#record = { id: OWNER, owner: OWNER, module: RUNNER_IMAGE, scheduler: OWNER, tags };
  }

  async load(): Promise<Step> {
    await this.#evaluate({ Id: OWNER, Tags: this.#record.tags, Data: " " });
    await this.#evaluate({ Tags: EVAL, Data: runnerText(this.#input.coverage !== undefined) });
    return this.#turn({ load: this.#made.text });
  }

  async run(test: number): Promise<Pick<TestOutcome, "status" | "ms" | "failure" | "printed">> {
    const started = performance.now();
    const printed: string[] = [];
    this.#input.machine.forget();
    // A test that did not end leaves its coroutine behind, which nothing continues.
    const note = (step: Step) => printed.push(...(step.printed ?? []));
    let step = await this.#turn({ run: test });
    note(step);
    while (step.done !== true) {
      const answer = await this.#answer(step).catch((error: unknown) => {
        if (error instanceof FleetError) return { problem: briefOf(error) };
        throw error;
      });
      step = await this.#turn({ answer });
      note(step);
    }
    const failure = step.failure === undefined ? undefined : this.explained(step.failure);
    return {
      status: failure === undefined ? "passed" : "failed",
      ms: Math.round(performance.now() - started),
      ...(failure === undefined ? {} : { failure }),
      ...(printed.length === 0 ? {} : { printed }),
    };
  }

  /** What a test asked for. */
  async #answer(step: Step): Promise<unknown> {
    const { machine, programs } = this.#input;
    const now = Number(step.now);
    const process = String(step.process);
    switch (step.op) {
      case "boot": {
        const options = optionsIn(step.options);
        return machine.boot(
          await programs.find(nameIn(step.program), options),
          options,
          String(step.owner),
          now,
        );
      }
      case "load":
        return machine.load(process, await programs.find(nameIn(step.program), {}), now);
      case "send":
        return machine.send(process, messageIn(step.message), step.dry === true);
      case "read":
        return { value: await machine.read(process, String(step.expression), now) };
      case "state":
        return { value: await machine.state(process, String(step.name), now) };
      case "deliver":
        return machine.deliver(process, String(step.message), now);
      default:
        throw new Error(`a test asked for ${step.op}`);
    }
  }

  /** A failure at the innermost line of the project's own files. */
  explained({ message, trace, expected, got }: z.infer<typeof FailedSchema>): Failure {
    const { map } = this.#made;
    const raised = explainLuaError(message, map);
    const first = trace.map((line) => sourceLine(map, line)).find((at) => at !== undefined);
    const place =
      raised.file === undefined
        ? first
        : { file: raised.file, line: raised.line ?? 1, source: raised.source };
    return {
      message: raised.message,
      ...(place === undefined ? {} : { file: place.file, line: place.line }),
      ...(place?.source === undefined ? {} : { source: place.source.trim() }),
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
    };
  }

  async #turn(data: object): Promise<Step> {
    const output = await this.#evaluate({ Data: data }).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      return { data: JSON.stringify({ done: true, failure: { message, trace: [] } }) };
    });
    const step = StepSchema.parse(JSON.parse(String((output as { data?: unknown }).data)));
    if (step.lines !== undefined) this.#input.coverage?.note(this.#made.hash, this.#made.map, step.lines);
    return step;
  }

  /** @throws Error if the evaluation failed, as by its time limit; the memory is the one before then */
  async #evaluate(fields: Partial<EvaluatedMessage>): Promise<unknown> {
    const message: EvaluatedMessage = {
      ...{ Id: "m".repeat(43), Owner: OWNER, From: OWNER, Target: OWNER, Tags: [], Epoch: 0, Nonce: 0 },
      ...{ Cron: false, Timestamp: 1_700_000_000_000, "Block-Height": 1_500_000, ...fields },
    };
    const { evaluator } = this.#input;
    const made = await evaluator.evaluate({
      process: this.#record,
      memory: this.#memory,
      message,
      dryRun: false,
    });
    if (made.result.Error !== undefined) throw new Error(made.result.Error);
    this.#memory = made.memory;
    return made.result.Output;
  }
}

const refused = (what: string, got: string, expected: string): FleetError =>
  new FleetError({ code: "TEST_REQUEST", what, got, expected, remedy: "Fix the test." });

function nameIn(given: unknown): string {
  if (typeof given === "string" && given !== "") return given;
  throw refused(
    "test.boot and load need a program.",
    String(given),
    "the name of a member, or the path of a Lua file",
  );
}

function optionsIn(given: unknown): z.infer<typeof BootOptionsSchema> {
  const parsed = BootOptionsSchema.safeParse(Array.isArray(given) && given.length === 0 ? {} : (given ?? {}));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refused(
    "Invalid options of test.boot.",
    `${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(),
    Object.keys(BootOptionsSchema.shape).join(", "),
  );
}

const MessageSchema = z.looseObject({
  ...{ From: z.string(), Owner: z.string(), Data: z.string(), Id: z.string().optional() },
  Tags: z.preprocess(
    (given) => (Array.isArray(given) ? given : []),
    z.array(z.strictObject({ name: z.string(), value: z.string() })),
  ),
  Timestamp: z.number().int(),
  Cron: z.boolean().default(false),
});

function messageIn(given: unknown): TestMessage {
  const parsed = MessageSchema.safeParse(given);
  if (parsed.success) return parsed.data as TestMessage;
  const [issue] = parsed.error.issues;
  throw refused(
    "Invalid message.",
    `${issue?.path.join(".")} ${issue?.message}`,
    "From, Owner, Id, Data and tags as text",
  );
}

/** The problems of an error in one text: what, at, got. */
const briefOf = (error: FleetError): string =>
  error.problems
    .map(({ what, at, got, expected }) =>
      [what, at && `at ${at}`, got && `got: ${got}`, expected && `expected: ${expected}`]
        .filter(Boolean)
        .join("\n"),
    )
    .join("\n");
