/** How repeated posts are judged on a node with real evaluators. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openJournal } from "../../src/ao/journal/index.ts";
import { connectMainnet } from "../../src/ao/mainnet/connect.ts";
import { budgetOf } from "../../src/core/budget.ts";
import type { Evaluator } from "../../src/localnet/evaluator.ts";
import { sqliteStore } from "../../src/localnet/store/sqlite.ts";
import { tagValue } from "../../src/localnet/types.ts";
import { createUnits } from "../../src/localnet/units/index.ts";
import { makeWallet } from "../ao/wallets.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { judgeRepeats } from "./real.ts";

const OTHER = "o".repeat(43);
const folder = temporaryFolder("fault-judge");

/** A process whose messages say in a tag what each of their evaluations does. */
function evaluator(): Evaluator {
  const times = new Map<string, number>();
  return {
    async evaluate({ message }) {
      const [id, does] = [message.Id ?? "", tagValue(message.Tags, "Does")];
      const count = (times.get(id) ?? 0) + 1;
      times.set(id, count);
      const patch = {
        Target: "",
        Tags: [
          { name: "device", value: "patch@1.0" },
          { name: "fleet", value: { n: count } },
        ],
      };
      const note = { Target: OTHER, Tags: [{ name: "Action", value: "Note" }], Data: "" };
      const answer = { ...note, Target: message.From ?? "" };
      const sent = {
        publish: [patch],
        send: [note],
        answer: [answer],
        once: count === 1 ? [patch, note] : [],
      };
      const Messages = (sent as Record<string, unknown[]>)[does ?? ""] ?? [];
      return {
        memory: Buffer.from("x"),
        result: { Output: "", Messages, Spawns: [], Assignments: [] } as never,
      };
    },
  };
}

test("a repeated message that sends to others, or changes what its process publishes, was not absorbed", async () => {
  const units = await createUnits({ store: sqliteStore(":memory:"), evaluator: evaluator() });
  const wallet = await makeWallet();
  const journal = await openJournal(join(mkdtempSync(join(folder, "journal-")), "p.s.jsonl"));
  const nodeUrl = units.urls.node;
  const ao = connectMainnet({
    endpoints: {
      ...{ nodeUrl, gatewayUrl: units.urls.gateway, graphqlUrl: units.graphqlUrl },
      ...{ nodeAddress: units.nodeAddress, uploadUrl: units.urls.gateway },
    },
    ...{ wallet, journal },
  });
  const tags = { "Data-Protocol": "ao", Type: "Module", Variant: "ao.N.1" };
  const module = await ao.publish({ intent: "module", tags, data: Buffer.from("wasm") }, budgetOf(10));
  const spawned = await ao.spawn({ intent: "spawn", module: module.id, tags: { Name: "x" } }, budgetOf(10));
  const twice = async (does: string) => {
    const { raw } = await wallet.sign({
      target: spawned.id,
      data: "",
      tags: [
        { name: "Action", value: does },
        { name: "Does", value: does },
      ],
    });
    for (const _ of [1, 2])
      await fetch(`${nodeUrl}/${spawned.id}~process@1.0/push`, {
        method: "POST",
        headers: { "content-type": "application/ans104", "codec-device": "ans104@1.0" },
        body: new Uint8Array(raw),
      });
  };
  for (const does of ["once", "answer", "nothing", "publish", "send"]) await twice(does);
  const { absorbed, broken } = await judgeRepeats(nodeUrl, [spawned.id]);
  await journal.close();
  await units.close();
  expect(absorbed).toBe(3);
  expect(broken).toEqual([
    expect.stringMatching(
      /\(publish\), repeated in slot 8 of the process .*, changed what the process publishes$/,
    ),
    expect.stringMatching(/\(send\), repeated in slot 10 of the process .*, sent 1 messages$/),
  ]);
});
