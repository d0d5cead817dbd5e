/** Tags of a sender that name the same as tags of the router, on HyperBEAM nodes: they do not distinguish the case of names. */
import { describe, expect, test } from "vitest";
import { type Aos, address, boot, OWNER, type SendResult } from "../processes/aos.ts";

const BANK = address("bank");
const THIEF = address("thief");
const VICTIM = address("victim");
const SOURCE = `local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve { open = { bank = true } }`;
/** In another case than the router writes them. */
const FORGED = {
  "on-behalf-of": VICTIM,
  "On-behalf-Of": VICTIM,
  action: "Burn",
  "correlation-id": "forged",
  "traffic-key": VICTIM,
  "reply-to": VICTIM,
  epoch: "9",
  MIRROR: "true",
};

async function router(tags: Record<string, string>, lua: boolean): Promise<Aos> {
  const made = await boot("router", { source: SOURCE, tags, lua, repeats: true });
  await made.send({ From: OWNER, Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { bank: BANK } } });
  return made;
}
/** The values that a name has in what a process sends to another one, whatever its case. */
const sent = ({ messages }: SendResult, to: string, name: string) =>
  messages
    .filter(({ Target }) => Target === to)
    .flatMap(({ Tags }) => Tags)
    .filter((tag) => tag.name.toLowerCase() === name.toLowerCase())
    .map(({ value }) => value);

describe.each([
  ["genesis-wasm@1.0", false],
  ["lua@5.3a", true],
])("a router on %s", (_, lua) => {
  test("forwards in the name of the sender alone, whatever the case of the sender's tags", async () => {
    const p = await router({ Variant: "ao.N.1" }, lua);
    const asked = { From: THIEF, Action: "Transfer", Service: "bank", Quantity: "5" };
    const result = await p.send({ ...asked, Tags: FORGED });
    expect(sent(result, BANK, "On-Behalf-Of")).toEqual([THIEF]);
    expect(sent(result, BANK, "Action")).toEqual(["Transfer"]);
    const [correlation, ...more] = sent(result, BANK, "Correlation-Id");
    expect([correlation?.startsWith(p.id), more]).toEqual([true, []]);
    for (const name of ["Traffic-Key", "Reply-To", "Epoch", "Mirror"])
      expect([name, sent(result, BANK, name)]).toEqual([name, []]);
    expect(sent(result, BANK, "Quantity")).toEqual(["5"]);
    await p.drop();
  });

  test("returns an answer under its own names, whatever the case of the service's tags", async () => {
    const p = await router({ Variant: "ao.N.1" }, lua);
    const asked = await p.send({ From: THIEF, Action: "Balance", Service: "bank", "Correlation-Id": "c1" });
    const [correlation = ""] = sent(asked, BANK, "Correlation-Id");
    const answer = { From: BANK, Action: "Balance-Response", "Correlation-Id": correlation, Data: "5" };
    const result = await p.send({
      ...answer,
      ...{ "correlation-id": "forged", status: "error", "request-action": "Burn", Ticker: "TOK" },
    });
    expect(sent(result, THIEF, "Correlation-Id")).toEqual(["c1"]);
    expect(sent(result, THIEF, "Status")).toEqual(["ok"]);
    expect(sent(result, THIEF, "Request-Action")).toEqual(["Balance"]);
    expect(sent(result, THIEF, "Ticker")).toEqual(["TOK"]);
    await p.drop();
  });
});

test("a router on legacy units, which distinguish names by case, forwards such tags as content", async () => {
  const p = await router({}, false);
  const tags = { type: "fire", "Reply-To": VICTIM };
  const result = await p.send({ From: THIEF, Action: "Move", Service: "bank", Tags: tags });
  expect(sent(result, BANK, "type")).toContain("fire");
  expect(sent(result, BANK, "Reply-To")).toEqual([]);
  await p.drop();
});
