/** A string that is cut inside a character arrives as U+FFFD, and a node loses the message: wherever a process cuts, it cuts at a character. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, MESSENGER } from "./aos.ts";

const SOURCE = `
local fleet = require("fleet")
fleet.process { name = "counter", processType = "COUNTER", version = "1.0.0" }
fleet.on("FAIL", {}, function(data) error(data.text) end)
fleet.on("REFUSE", {}, function(data) error(fleet.fail(data.text, data.text)) end)
fleet.on("LOG", {}, function(data) fleet.log("WARN", data.text) return {} end)
fleet.check("words", "LIVENESS", function() return false, Words end)
`;
/** Characters of two, three and four bytes. */
const CHARACTERS = ["é", "漢", "😀"];

describe.each([
  ["on aos", {}],
  ["on lua@5.3a", { lua: true }],
])("%s", (_where, device) => {
  let p: Aos;
  beforeAll(async () => {
    p = await boot("counter", { source: SOURCE, ...device });
    const peers = { coordinator: address("coordinator") };
    await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers } });
  }, 60_000);

  test.each(CHARACTERS)(
    "no text that a process writes, sends or publishes ends inside %s",
    async (character) => {
      const said: unknown[] = [];
      for (let offset = 0; offset < 4; offset++) {
        const text = "x".repeat(offset) + character.repeat(600);
        await p.eval(`Words = "${text}"`);
        for (const Action of ["FAIL", "REFUSE", "LOG"]) said.push(await p.send({ Action, Data: { text } }));
        said.push(await p.send({ Action: [...text].slice(0, 60).join(""), Data: {} }));
        said.push(
          await p.send({
            From: address("other"),
            Owner: MESSENGER,
            Action: [...text].slice(0, 60).join(""),
            "Correlation-Id": text,
          }),
        );
        said.push(await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { [text]: text } } }));
        said.push(await p.send({ Action: "HEALTH_CHECK", Data: { healthCheck: { checkType: "ALL" } } }));
        said.push(await p.send({ Action: "DRAIN", Epoch: [...text].slice(0, 50).join("") }));
      }
      for (const Action of ["LOGS", "AUDIT", "GET_STATISTICS"]) said.push(await p.send({ Action }));
      const all = JSON.stringify(said);
      expect(all).toContain(character.repeat(16));
      expect(all).not.toContain("\ufffd");
    },
  );

  test("bytes that are not UTF-8 are cut at the limit", async () => {
    const lengths = await p.eval(`local cut = require("fleet.cut")
      return #cut(("\\128"):rep(9), 5) .. " " .. #cut("abc", 5) .. " " .. #cut(("\\240\\159\\152\\128"):rep(2), 7) .. " " .. #cut("é", 0)`);
    expect(lengths.output).toBe("5 3 4 0");
  });
});
