/**
 * Runs in a process of its own, which tests kill, stop or starve.
 *
 *     node child.ts deploy <journal> <wallet> <endpoints as JSON> [<extra bytes>]   spawns, sends, reads back, settles
 *     node child.ts hold   <journal> <heartbeat in ms>               holds the journal; writes on a line of input
 *     node child.ts fill   <journal>                                writes until it fails
 */
import { createInterface } from "node:readline";
import { type Journal, openJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import type { FleetError } from "../../src/core/errors.ts";

const [task, path = "", second = "", endpoints = "{}", size = "0"] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);
const record = (journal: Journal, key: string, size: number) =>
  journal.record({ key, kind: "message", target: "p", signer: "w", content: "c" }, async () => ({
    id: key,
    raw: new Uint8Array(size),
  }));

async function deploy(): Promise<void> {
  const journal = await openJournal(path, { patience: 2000 });
  const ao = connectLegacy({
    endpoints: JSON.parse(endpoints),
    wallet: await loadWallet({ path: second }),
    journal,
    limits: { firstRead: 0, inFlight: 20, backoff: { base: 5, cap: 20, floor: 1 } },
  });
  const { scheduler, authority, module } = JSON.parse(endpoints);
  const spawn = { intent: "spawn", module, scheduler, authority, tags: { Name: "battle" } };
  const { id } = await ao.spawn(spawn, budgetOf(60));
  const message = {
    intent: "eval",
    processId: id,
    tags: { Action: "Eval" },
    data: `return 1${" ".repeat(Number(size))}`,
  };
  const { id: messageId } = await ao.send(message, budgetOf(60));
  await ao.evaluation({ processId: id, messageId, expectOutput: true }, budgetOf(60));
  await ao.settle("spawn");
  await ao.settle("eval");
  await journal.close();
  say(`done ${id} ${messageId}`);
}

async function hold(): Promise<void> {
  const journal = await openJournal(path, { heartbeat: Number(second), stale: 400 });
  say("held");
  for await (const _ of createInterface({ input: process.stdin })) {
    await record(journal, "late", 10).then(
      () => say("written"),
      (error: FleetError) => say(error.code),
    );
  }
}

async function fill(): Promise<void> {
  // Without a handler the system ends a process that writes beyond its limit.
  process.on("SIGXFSZ", () => {});
  const journal = await openJournal(path);
  let written = 0;
  try {
    for (;;) {
      await record(journal, `k${written}`, 9000);
      written += 1;
    }
  } catch (error) {
    await record(journal, "small", 10);
    say(`${written} ${(error as FleetError).code}`);
  }
  process.exit(0);
}

const tasks: Record<string, () => Promise<void>> = { deploy, hold, fill };
await tasks[task ?? ""]?.();
