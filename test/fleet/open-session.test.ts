import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openJournal } from "../../src/ao/journal/index.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { openSession } from "../../src/fleet/session/open.ts";
import type { RunRequest } from "../../src/fleet/session/run-request.ts";
import { journal, units, wallet } from "../ao/bench.ts";
import { AUTHORITY, MODULE, SCHEDULER } from "../ao/units.ts";
import { temporaryFolder } from "../kit/folder.ts";

const home = temporaryFolder("open-session");
const scope = { project: "p", stack: "s", home, build: join(home, "build") };
const spawn = (tags: Readonly<Record<string, string>>) => ({
  ...{ intent: "k", module: MODULE, scheduler: SCHEDULER, authority: AUTHORITY, tags },
});

/** A session on the test's units. */
function opened(used: typeof journal, rest: Partial<Parameters<typeof openSession>[0]>) {
  const network = { kind: "legacy", ...units.endpoints } as const;
  return openSession({ scope, network, wallet, journal: used, request: {} as RunRequest, ...rest });
}

test("a journal that lost its last record is reported: by a command, and as a step of a run", async () => {
  const path = join(home, "torn.jsonl");
  await (await openJournal(path)).close();
  await appendFile(path, "1234 {torn");
  const torn = await openJournal(path);
  const lines: string[] = [];
  const events = join(home, "events.jsonl");
  await opened(torn, { note: (line) => lines.push(line) });
  await opened(torn, { reportsSteps: true, request: { events } as RunRequest });
  await torn.close();
  const line = `journal ${path}: dropped the last 10 bytes (no end of line); record 0 is the last good one; what is missing is looked up on the network`;
  expect(lines).toEqual([line]);
  await expect.poll(() => readFile(events, "utf8").catch(() => "")).toContain("\n");
  expect(JSON.parse(await readFile(events, "utf8"))).toMatchObject({ phase: "notice", detail: line });
});

test("a notice of the adapter reaches the user of a command", async () => {
  const lines: string[] = [];
  const { ao } = await opened(journal, { note: (line) => lines.push(line) });
  const { id } = await ao.spawn(spawn({ Name: "battle" }), budgetOf(10));
  expect(lines).toEqual([]);
  await ao.spawn(spawn({ Name: "other" }), budgetOf(10));
  expect(lines).toEqual([
    `k: sending the spawn ${id} as it was signed earlier, because it may already be on the network`,
  ]);
});
