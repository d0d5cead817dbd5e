import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { stateComparisonLines } from "../../src/fleet/code/state-comparison.ts";
import { checked, createProcess, type Stack, simulatedStack } from "./fixture.ts";

/** A run's report about a state after a load in place. */

const HASH = "ab".repeat(32);

let stack: Stack;
beforeEach(async () => {
  stack = await simulatedStack();
});
afterEach(() => stack.close());

const log = async () =>
  (await readFile(join(stack.scope.build, "logs", "deploy_output.txt"), "utf8")).replace(/ +/g, " ");

const change = (name: string, what: string, why?: string) => ({ kind: "GLOBAL", name, change: what, why });

async function edited(kept: Record<string, unknown>, extra: Record<string, unknown> = {}) {
  const made = await createProcess(await stack.inputs("notes", { state: { seen: { n: 1 } } }));
  const next = await stack.inputs("notes", { kept, state: { seen: { n: 1 } } }, extra);
  await lifecycle.update("id", made, await checked(next));
  return log();
}

test("a saved state is reported as kept if the process compared it, with what was restored", async () => {
  const text = await edited({ globals: ["Notes"], states: ["seen"], changes: [change("Notes", "PUT_BACK")] });
  expect(text).toMatch(/notes saved state [0-9a-f]{8}, 1 state \(seen\), \d+ bytes/);
  // A name has one line: what was restored was not left unchanged.
  expect(text).toContain("notes kept 1 state (seen): unchanged, compared after");
  expect(text).toContain(
    "notes kept Notes: the code assigns it at load; the value that messages set was restored",
  );
});

test("a global that was there before the library is not reported as set by messages", async () => {
  const text = await edited({
    globals: ["Limit"],
    states: [],
    changes: [change("Limit", "PUT_BACK", "OLDER")],
  });
  expect(text).toContain("notes kept Limit: the code assigns it at load; it was there before the library");
  expect(text).toContain("state: { globals: [...] }");
  expect(text).not.toContain("messages set");
});

test("nothing is reported as kept without a comparison", async () => {
  const made = await createProcess(await stack.inputs("notes", { state: { seen: { n: 1 } } }));
  await lifecycle.update(
    "id",
    made,
    await checked(await stack.inputs("notes", { older: true, state: { seen: { n: 2 } } })),
  );
  const text = await log();
  expect(text).toMatch(/notes saved state [0-9a-f]{8}/);
  expect(text).toContain("notes not compared: the library of this code is an earlier version");
  expect(text).not.toContain("notes kept");
  expect(text).not.toContain("unchanged, compared");
});

test("state that the declaration releases is reported as reset, with the command to restore it if there is a backup", async () => {
  const reset = [{ ...change("seen", "RESET", "NONE"), kind: "STATE" }, change("Notes", "RESET", "NONE")];
  const text = await edited({ globals: [], states: [], changes: reset }, { state: "none" });
  const digest = /saved state ([0-9a-f]{8})/.exec(text)?.[1];
  expect(text).toContain(
    `notes reset fleet.state seen: the code assigns it at load, and state: "none" keeps nothing. npx fleet restore notes --digest ${digest} restores it, together with the rest of that state`,
  );
  expect(text).toContain(
    'notes reset Notes: the code assigns it at load, and state: "none" keeps nothing. No backup contains it',
  );
  expect(
    JSON.stringify(stack.net.oracle.messages((await stack.processesOf("notes"))[0]?.id ?? "")),
  ).toContain(String.raw`keep = \"none\"`);
});

test("no command is offered that the process would refuse: a name that is a function now accepts no state", () => {
  const changes = [change("Notes", "RESET", "NONE"), change("Log", "RESET", "CODE")];
  const backup = { digest: HASH, states: [], globals: ["Log", "Notes"] };
  const lines = stateComparisonLines({ name: "notes" }, { globals: [], states: [], changes }, true, backup);
  const back =
    "The backup abababab contains it. Code that does not use these names can import it: npx fleet restore notes --digest abababab";
  expect(lines.map(({ text }) => text)).toEqual([
    `Notes: the code assigns it at load, and state: "none" keeps nothing. ${back}`,
    `Log: the name is now used for code. ${back}`,
  ]);
});

test("state in the code that a run lets go is reported by its kind, and no backup is offered for it", () => {
  const changes = [{ ...change("Notes", "RESET", "ACCEPTED"), kind: "MODULE" }];
  const backup = { digest: HASH, states: [], globals: ["Notes"] };
  const lines = stateComparisonLines({ name: "notes" }, { globals: [], states: [], changes }, true, backup);
  expect(lines).toEqual([
    {
      phase: "reset",
      text: "module Notes: the code creates it again at load, and this run accepts that state is lost. No backup contains it",
    },
  ]);
});

test("without the library the run reports nothing", () => {
  expect(stateComparisonLines({ name: "notes", lib: false }, undefined, true, undefined)).toEqual([
    { phase: "not-compared", text: "without the library, its code decides which state survives" },
  ]);
});

test("later changes by migrations are counted", () => {
  const kept = { globals: ["Notes"], states: [], changes: [], migrations: 1 };
  expect(stateComparisonLines({ name: "notes" }, kept, true, undefined)).toEqual([
    {
      phase: "kept",
      text: "1 global (Notes): unchanged, compared after the code had run; 1 migration ran since",
    },
  ]);
});

test("each name has one line, whatever the load did to it, and none of two lines denies the other", () => {
  const changes = [
    change("Notes", "PUT_BACK"),
    change("Limit", "PUT_BACK", "OLDER"),
    change("Index", "ADDED"),
    change("Cache", "RESET", "NOT_DECLARED"),
    { ...change("seen", "ADDED"), kind: "STATE" },
    // A module may have the name of a global.
    { ...change("Count", "RESET", "ACCEPTED"), kind: "MODULE" },
  ];
  const kept = { globals: ["Count", "Index", "Limit", "Notes"], states: ["seen", "shop"], changes };
  const lines = stateComparisonLines({ name: "notes" }, { ...kept, migrations: 1 }, true, undefined);
  const short = lines.map(({ phase, text }) => `${phase} ${text.split(/: |;/)[0]}`);
  expect(short).toEqual([
    "kept 1 state (shop), 1 global (Count)",
    "kept Notes",
    "kept Limit",
    "kept Index, fleet.state seen",
    "reset Cache",
    "reset module Count",
  ]);
  for (const { phase, text } of lines) expect(text.includes("1 migration ran since")).toBe(phase === "kept");
});
