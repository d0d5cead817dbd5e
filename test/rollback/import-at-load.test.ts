import { expect, it } from "vitest";
import { canonicalJson } from "../../src/core/hash.ts";
import { type Aos, boot } from "../processes/aos.ts";
import { program } from "../processes/compose.ts";

const source = `local fleet = require("fleet")
fleet.process{ name = "counter", processType = "COUNTER", version = "1.0.0", capabilities = {} }
local S = fleet.state("counter", { n = 0 })
local M = fleet.state("more", { fresh = true })
fleet.on("ADD", { schema = { by = { type = "integer", required = true } } }, function(data)
  S.n = S.n + data.by
  return { n = S.n, fresh = M.fresh }
end)
`;
const add = async (p: Aos, by: number) => (await p.send({ Action: "ADD", Data: { by } })).reply?.data;

it("a new process starts with the last state of another one, in the single message that loads it", async () => {
  const before = await boot("counter", { source });
  await add(before, 5);
  await before.send({ Action: "RETIRE", Epoch: "1", Data: {} });
  const exported = (await before.send({ Action: "EXPORT_STATE", Data: {} })).reply?.data as unknown as {
    state: { states: Record<string, unknown> };
    digest: string;
  };
  const state = { text: canonicalJson(exported.state), digest: exported.digest };
  const after = await boot("counter", { source, bare: true, id: "anew" });
  // A state that does not match its digest leaves nothing behind, not even the code.
  const wrong = await program("counter", { source, state: { ...state, digest: "0".repeat(64) } });
  expect((await after.eval(wrong)).error).toContain("DIGEST_MISMATCH");
  expect(await after.value("Fleet == nil")).toBe(true);
  const loaded = await after.eval(await program("counter", { source, state }));
  expect([loaded.error, loaded.output]).toEqual([undefined, expect.stringContaining("committed")]);
  expect(await add(after, 2)).toMatchObject({ n: 7, fresh: true });
  const now = (await after.send({ Action: "EXPORT_STATE", Data: {} })).reply
    ?.data as unknown as typeof exported;
  expect(now.state.states).toEqual({ ...exported.state.states, counter: { n: 7 } });
}, 60_000);
