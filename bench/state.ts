/**
 * What a message costs by the size of the state, and the export and import of that state in parts, on real aos.
 * Run: `node bench/state.ts [--keys 100,10000,1000000] [--messages 40] [--json]`.
 *
 * Each program has as many accounts as there are keys, as numbers and as small tables. A message adds to one of them, and another one
 * creates one; `fails` changes one and then raises an error. `plain aos` is the same data and the same change in a program without the
 * library: aos collects all garbage after each message, so its cost grows with the data. Milliseconds are medians, without the
 * copying of memory that a compute unit does in addition.
 */
import { parseArgs } from "node:util";
import { FLEET_REQUEST } from "../src/core/fleet-actions.ts";
import { canonicalJson, sha256 } from "../src/core/hash.ts";
import { partsOf, runningDigest, StateParts } from "../src/fleet/snapshot/parts.ts";
import { CHANGE, filled, median, program, type Shape, timesOf } from "../test/processes/accounts.ts";
import { type Aos, boot } from "../test/processes/aos.ts";

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "100,10000,1000000" },
    messages: { type: "string", default: "40" },
    json: { type: "boolean", default: false },
  },
});
const SIZES = values.keys.split(",").map(Number);
const MESSAGES = Number(values.messages);

const times = (p: Aos, keyOf: (i: number) => string, fail = false) => timesOf(p, keyOf, MESSAGES, fail);

interface Row {
  readonly shape: Shape;
  readonly keys: number;
  readonly changes: number;
  readonly slowest: number;
  readonly creates: number;
  readonly fails: number;
  readonly plain: number;
}

async function measure(shape: Shape, keys: number): Promise<{ row: Row; p: Aos }> {
  const bare = await filled(shape, keys, true);
  const existing = (i: number) => `account-${((i * 7919) % keys) + 1}`;
  const floor = await times(bare, existing);
  await bare.drop();
  const p = await filled(shape, keys, false);
  const changes = await times(p, existing);
  const creates = await times(p, (i) => `new-${i}`);
  const fails = await times(p, existing, true);
  const row = {
    shape,
    keys,
    changes: median(changes),
    slowest: Math.max(...changes),
    creates: median(creates),
    fails: median(fails),
    plain: median(floor),
  };
  return { row, p };
}

interface Moved {
  readonly parts: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly slowest: number;
  readonly digest: string;
}

async function exported(p: Aos): Promise<Moved & { state: Record<string, unknown> }> {
  const all = new StateParts();
  let [n, id, bytes, ms, slowest, chain] = [0, "", 0, 0, 0, ""];
  let header: unknown;
  for (;;) {
    const r = await p.send({
      Action: "EXPORT_STATE",
      ...FLEET_REQUEST,
      Data: { whole: true, part: { n: n + 1, id } },
    });
    ms += r.ms;
    slowest = Math.max(slowest, r.ms);
    const data = r.reply?.data as Record<string, unknown> | undefined;
    const part = data?.part as Record<string, unknown> | undefined;
    if (part === undefined) throw new Error(r.error ?? r.reply?.text.slice(0, 300) ?? "no answer");
    const text = String(part.text);
    header ??= part.header;
    chain = runningDigest(chain, sha256(text));
    if (chain !== part.chain) throw new Error("the running digest differs");
    all.add(text);
    [n, id, bytes] = [Number(part.n), String(part.id), bytes + Buffer.byteLength(text)];
    if (part.isLast === true) break;
  }
  const state = all.state(header as Parameters<StateParts["state"]>[0]);
  return { parts: n, bytes, seconds: ms / 1000, slowest, digest: sha256(canonicalJson(state)), state };
}

async function imported(p: Aos, state: Record<string, unknown>): Promise<Moved> {
  let [n, bytes, ms, slowest, chain] = [0, 0, 0, 0, ""];
  const header = {
    schema: state.schema,
    stateVersion: state.stateVersion,
    hasGlobals: state.globals !== undefined,
  };
  for (const part of partsOf(state)) {
    const r = await p.send({
      Action: "IMPORT_STATE",
      Epoch: "1",
      Data: { part: { ...part, id: "bench", header } },
    });
    ms += r.ms;
    slowest = Math.max(slowest, r.ms);
    chain = runningDigest(chain, part.digest);
    const taken = (r.reply?.data as { part?: { chain?: string } } | undefined)?.part;
    if (taken?.chain !== chain) throw new Error(r.error ?? r.reply?.text.slice(0, 300) ?? "no answer");
    [n, bytes] = [part.n, bytes + Buffer.byteLength(part.text)];
  }
  return { parts: n, bytes, seconds: ms / 1000, slowest, digest: chain };
}

const rows: Row[] = [];
const ms = (value: number): string => value.toFixed(1).padStart(9);
const say = (text: string): void => {
  if (!values.json) process.stdout.write(`${text}\n`);
};
say(`${"shape".padEnd(8)}${"keys".padStart(9)}   changes  slowest  creates    fails  plain aos`);
for (const shape of Object.keys(CHANGE) as Shape[]) {
  for (const keys of SIZES) {
    const { row, p } = await measure(shape, keys);
    rows.push(row);
    const { changes, slowest, creates, fails, plain } = row;
    say(
      `${shape.padEnd(8)}${String(keys).padStart(9)} ${[changes, slowest, creates, fails, plain].map(ms).join("")}`,
    );
    if (keys === SIZES.at(-1)) {
      const out = await exported(p);
      await p.drop();
      say(
        `  export: ${out.parts} parts, ${out.bytes} bytes, ${out.seconds.toFixed(1)} s, slowest part ${out.slowest.toFixed(0)} ms`,
      );
      const to = await boot(`to-${shape}`, { source: program(shape) });
      const into = await imported(to, out.state);
      say(
        `  import: ${into.parts} parts, ${into.bytes} bytes, ${into.seconds.toFixed(1)} s, slowest part ${into.slowest.toFixed(0)} ms`,
      );
      const again = await exported(to);
      say(
        `  exported again from there: ${again.digest === out.digest ? "the same digest" : "ANOTHER DIGEST"}`,
      );
      await to.drop();
    }
    await p.drop();
  }
  const [first, last] = [rows.find((row) => row.shape === shape), rows.at(-1)];
  if (first && last)
    say(
      `  ratio of ${last.keys} to ${first.keys} keys: ${(last.changes / first.changes).toFixed(2)}, plain aos ${(last.plain / first.plain).toFixed(2)}`,
    );
}
if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
process.exit(0);
