import { expect, test } from "vitest";
import { address, boot, DEVICES, OWNER, type SendResult } from "./aos.ts";
import { program } from "./compose.ts";

/** What modules of the library add to what a process publishes on a HyperBEAM node. */

const USER = address("user");
const NODE = { Variant: "ao.N.1" };

const published = ({ patches }: SendResult): Record<string, unknown>[] =>
  patches.flatMap(({ Tags }) =>
    Tags.filter(({ name }) => name === "fleet").map(({ value }) => value as never),
  );

test.each(DEVICES)(
  "a part that fails drops nothing of the others, and is published when it works again (%s)",
  async (_, on) => {
    const source = `local fleet = require("fleet")
fleet.process { name = "odd", version = "1.0.0" }
Mode = "mark"
require("fleet.published").add("odd", function()
  if Mode == "mark" then error("boom") end
  return { Mode }
end, function()
  if Mode == "read" then error("boom") end
  return { mode = Mode }
end)
fleet.on("MODE", {}, function(data) Mode = data.mode return {} end)`;
    const p = await boot("shown", { bare: true, tags: NODE, ...on });
    const loaded = await p.eval(await program("shown", { source, repeats: true }));
    expect(published(loaded)).toMatchObject([{ release: "r1", status: "ACTIVE" }]);
    const Data = { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 7 }, version: 1 };
    const mode = async (to: string) =>
      published(await p.send({ From: USER, Action: "MODE", Data: { mode: to } }));
    expect((await mode("read")).map((part) => part.odd)).toEqual([undefined]);
    expect(published(await p.send({ From: OWNER, Action: "UPDATE_CONFIG", Epoch: "3", Data }))).toMatchObject(
      [{ epoch: 3, health: "HEALTHY" }],
    );
    expect(await mode("works")).toEqual([{ odd: '{"mode":"works"}' }]);
    await p.drop();
  },
);
