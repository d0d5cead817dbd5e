import { afterEach, expect, test } from "vitest";
import type { Evaluator } from "../../src/localnet/evaluator.ts";
import { aosImages } from "../../src/localnet/images.ts";
import type { EvaluatedMessage, ProcessRecord } from "../../src/localnet/types.ts";
import { wasmEvaluator } from "../../src/localnet/wasm/evaluator.ts";

const OWNER = "O".repeat(43);
const images = aosImages();
const open: Evaluator[] = [];
afterEach(async () => {
  for (const evaluator of open.splice(0)) await evaluator.close?.();
});

function evaluatorWith(options: { workers?: number; timeoutSeconds?: number } = {}): Evaluator {
  const evaluator = wasmEvaluator({
    loadModule(id) {
      const image = images.find((each) => each.id === id);
      return image && { id, owner: OWNER, tags: image.tags, wasm: image.read() };
    },
    ...options,
  });
  open.push(evaluator);
  return evaluator;
}

/** A process whose memory is kept here, as the units do. */
class Live {
  memory: Uint8Array | null = null;
  #nonce = 0;
  #evaluator: Evaluator;
  readonly process: ProcessRecord;

  constructor(evaluator: Evaluator, letter: string, module = images[0]?.id ?? "") {
    this.#evaluator = evaluator;
    const tags = Object.entries({ Type: "Process", Module: module }).map(([name, value]) => ({
      name,
      value,
    }));
    this.process = { id: letter.repeat(43), owner: OWNER, module, scheduler: OWNER, tags };
  }

  async #evaluate(fields: Partial<EvaluatedMessage>) {
    const { id } = this.process;
    const message = {
      ...{ Owner: OWNER, From: OWNER, Target: id, Epoch: 0, Nonce: this.#nonce, Cron: false },
      ...{ Timestamp: 1_700_000_000_000 + this.#nonce++, "Block-Height": 1_500_000, Tags: [], ...fields },
    };
    const { memory, result } = await this.#evaluator.evaluate({
      ...{ process: this.process, memory: this.memory, message, dryRun: false },
    });
    this.memory = memory;
    return result;
  }

  boot() {
    return this.#evaluate({ Id: this.process.id, Tags: this.process.tags, Data: " " });
  }

  async eval(code: string): Promise<string> {
    const id = String(this.#nonce).padStart(43, "e");
    const result = await this.#evaluate({ Id: id, Tags: [{ name: "Action", value: "Eval" }], Data: code });
    if (result.Error !== undefined) return `Error: ${result.Error}`;
    const { data } = result.Output as { data: string | { output: unknown } };
    return String(typeof data === "object" ? data.output : data);
  }
}

test("the evaluator boots and evaluates every image, more of them than instances are kept", async () => {
  const evaluator = evaluatorWith({ workers: 1 });
  const lives = images.map(({ id }, index) => new Live(evaluator, "pqrst"[index] ?? "u", id));
  for (const live of lives) {
    expect((await live.boot()).Error).toBeUndefined();
    expect(await live.eval("X = 20 return X + 1")).toBe("21");
    expect(await live.eval("X = 99 error('boom')")).toMatch(/^Error: .*boom/s);
  }
  // An older image warns about a missing message after a failed one.
  for (const live of lives) expect(await live.eval("return X")).toMatch(/(^|\n)20$/);
  // The thread held each of these memories last in its image's instance, which it then dropped for other images.
  for (const live of lives) expect(await live.eval("X = X + 1 return X")).toMatch(/(^|\n)21$/);
  for (const live of lives) expect(await live.eval("return X")).toMatch(/(^|\n)21$/);
});

test("the evaluator isolates processes that share an instance", async () => {
  const evaluator = evaluatorWith({ workers: 1 });
  const [a, b] = [new Live(evaluator, "a"), new Live(evaluator, "b")];
  await a.boot();
  await a.eval("SECRET = string.rep('s', 3000000)");
  await b.boot();
  expect(await b.eval("return tostring(SECRET) .. ' ' .. ao.id:sub(1, 1)")).toBe("nil b");
  expect(await a.eval("return #SECRET .. ' ' .. ao.id:sub(1, 1)")).toBe("3000000 a");
  // A failed evaluation of one does not affect the other either.
  await a.eval("SECRET = 'changed' LEFT = 1 error('x')");
  expect(await b.eval("return tostring(LEFT)")).toBe("nil");
  expect(await a.eval("return #SECRET")).toBe("3000000");
});

test("a process that exits does not damage the instance that it shares", async () => {
  const evaluator = evaluatorWith({ workers: 1 });
  const [a, b] = [new Live(evaluator, "a"), new Live(evaluator, "b")];
  await a.boot();
  await b.boot();
  await b.eval("KEPT = 1");
  // An exit does not give back what the calls around it have taken of the instance's stack.
  for (let n = 0; n < 3; n += 1)
    expect(await a.eval("os.exit()")).toBe(
      "Error: Error: the program called os.exit(0), and nothing was kept",
    );
  expect(await b.eval("return KEPT")).toBe("1");
  expect(await a.eval("return 'again'")).toBe("again");
  // What the stack has below the place where it now begins is a part of the memory.
  const other = new Live(evaluatorWith({ workers: 1 }), "b");
  await other.boot();
  await other.eval("KEPT = 1");
  await other.eval("return KEPT");
  expect(Buffer.from(b.memory ?? []).equals(other.memory ?? new Uint8Array())).toBe(true);
});

test("no file of an evaluation is seen by a later one, of any process", async () => {
  const evaluator = evaluatorWith({ workers: 1 });
  const sqlite = images.find(({ name }) => name === "aos-sqlite")?.id ?? "";
  const [a, b] = [new Live(evaluator, "a", sqlite), new Live(evaluator, "b", sqlite)];
  await a.boot();
  await b.boot();
  const write = "local db = require('lsqlite3').open('/x.db') return db:exec('create table t (v)')";
  expect(await a.eval(write)).toBe("0");
  // The same thread, and another process: a table that exists would be an error.
  expect(await b.eval(write)).toBe("0");
  expect(await b.eval(write)).toBe("0");
  const rename = "return tostring(os.rename('/data', '/mine'))";
  expect(await a.eval(rename)).toBe("true");
  expect(await b.eval(rename)).toBe("true");
  expect(await b.eval(`KEPT = 1 ${rename}`)).toBe("true");
  // What is in the memory is kept.
  expect(await b.eval("return KEPT")).toBe("1");
});

test("the clock of an evaluation does not depend on what the thread evaluated before", async () => {
  const evaluator = evaluatorWith({ workers: 1 });
  const [a, b] = [new Live(evaluator, "a"), new Live(evaluator, "b")];
  await a.boot();
  await b.boot();
  await a.eval("for i = 1, 3000 do io.write('x\\n') end");
  expect(await b.eval("return os.date('!%H:%M:%S')")).toBe("00:00:10");
});

test("a program that uses a temporary file gets an error, and its process continues", async () => {
  const live = new Live(evaluatorWith({ workers: 1 }), "p");
  await live.boot();
  expect(await live.eval("X = 1 io.tmpfile():write('x')")).toMatch(/^Error: .*WeaveDrive/);
  expect(await live.eval("return tostring(X)")).toBe("nil");
});

test("any evaluator makes the same memory from the same messages", async () => {
  const run = async (evaluator: Evaluator) => {
    const live = new Live(evaluator, "p");
    await live.boot();
    await live.eval("T = {} for i = 1, 500 do T['k' .. math.random(1000)] = i end");
    return [
      Buffer.from(live.memory ?? []).toString("base64"),
      await live.eval("return math.random(1000000) .. ' ' .. os.time()"),
    ];
  };
  const first = evaluatorWith({ workers: 1 });
  const second = evaluatorWith({ workers: 1 });
  const other = new Live(second, "q");
  await other.boot();
  await other.eval("NOISE = {} for i = 1, 20000 do NOISE[i] = tostring(i) end");
  const [a, b] = [await run(first), await run(second)];
  expect(a).toEqual(b);
});

test("an endless evaluation ends after its time, and the process continues unchanged", async () => {
  const live = new Live(evaluatorWith({ workers: 1, timeoutSeconds: 4 }), "p");
  await live.boot();
  await live.eval("X = 1");
  expect(await live.eval("X = 2 while true do end")).toMatch(/^Error: .*longer than 4 s/);
  expect(await live.eval("return X")).toBe("1");
});

test("a memory that exceeds the image's limit is an error", async () => {
  const live = new Live(evaluatorWith({ workers: 1 }), "p");
  await live.boot();
  expect(
    await live.eval("X = 1 local t = {} for i = 1, 64 do t[i] = string.rep('x', 100000000) .. i end"),
  ).toMatch(/^Error: /);
  expect(await live.eval("return tostring(X)")).toBe("nil");
});

test("an unknown module gives no result", async () => {
  await expect(new Live(evaluatorWith(), "p", "m".repeat(43)).boot()).rejects.toThrow("was not found");
});

test("evaluations that wait for a thread end with the evaluator", async () => {
  const evaluator = evaluatorWith({ workers: 1 });
  const lives = ["p", "q", "r"].map((letter) => new Live(evaluator, letter));
  const boots = lives.map((live) => live.boot().then(String, (error: Error) => error.message));
  await evaluator.close?.();
  const [first, ...waiting] = await Promise.all(boots);
  expect(first).toBe("the evaluating thread ended");
  expect(waiting).toEqual(["the evaluator is closed", "the evaluator is closed"]);
});
