/** `--json` prints one document, however a command ends, and the exit code of a preview says how it ended. */
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import { startClock } from "../../src/operations/deploy/clock.ts";
import { preview } from "../../src/operations/deploy/preview.ts";
import { writeFiles } from "../kit/folder.ts";
import { began, fakeAo, fakeEngine, fakeFleet, fleet, member, projectFolder, type Script } from "./fakes.ts";

let cwd: string;
beforeEach(() => {
  cwd = projectFolder();
});

const changes: Script = async ({ say }) => {
  say(began("Wiring", "battle-wiring", "update"));
  return { ok: true };
};
const opened = () =>
  fakeFleet(
    fakeAo(() => ({})),
    [member("battle")],
  );

/** The lock of a running pulumi on the stack `dev`. */
const lockStack = () => {
  const owner = { pid: process.pid, username: "ann", hostname: hostname(), timestamp: new Date() };
  writeFiles({ ".pulumi/locks/organization/ao-fleet/dev/lock.json": JSON.stringify(owner) }, cwd);
};

test("fleet restore looks at the stack's lock before it opens the fleet", async () => {
  lockStack();
  const down = new FleetError({ code: "LOCALNET_START", what: "The network is down.", remedy: "Start it." });
  const ran = await fleet(["restore", "battle", "--yes", "--json"], {
    ...{ cwd, fleet: down, backend: `file://${cwd}` },
  });
  expect([ran.code, ran.json()]).toEqual([5, { success: false, error: { code: "STACK_LOCKED" } }]);
});

describe("a stack that another run holds ends, with a document and exit code 5,", () => {
  test.each([
    ["deploy", ["--yes"]],
    ["adopt", ["--yes"]],
    ["restore", ["battle", "--yes"]],
    ["rollback", ["--to", "1", "--yes"]],
    ["move", ["--to", "other", "--yes"]],
  ])("fleet %s", async (command, words) => {
    writeFileSync(join(cwd, "Pulumi.other.yaml"), "config: {}\n");
    lockStack();
    const engine = fakeEngine(changes);
    const ran = await fleet([command, ...words, "--json"], {
      ...{ cwd, engine, fleet: opened(), backend: `file://${cwd}` },
    });
    expect([ran.code, ran.json()]).toEqual([5, { success: false, error: { code: "STACK_LOCKED" } }]);
    expect(ran.stderr).toContain("locked by ann on");
    expect(engine.runs).toEqual([]);
  });
});

test.each([
  ["after its result", ["status"], 1, { success: true, processes: [] }],
  [
    "after an error, whose code it keeps",
    ["restore", "--yes"],
    2,
    { success: false, error: { code: "NOT_CHOSEN" } },
  ],
])(
  "a command that cannot close its fleet %s says so, and prints one document",
  async (_case, words, code, document) => {
    const full = new FleetError({ code: "DISK_FULL", what: "The disk is full.", remedy: "Make room." });
    const empty = fakeFleet(
      fakeAo(() => ({})),
      [],
    );
    const ran = await fleet([...words, "--json"], {
      cwd,
      fleet: { ...empty, close: () => Promise.reject(full) },
    });
    expect([ran.code, ran.json()]).toMatchObject([code, document]);
    expect(ran.stderr).toContain("The disk is full. [DISK_FULL]");
  },
);

describe("fleet deploy on a terminal", () => {
  const onTerminal = (script: Script) =>
    fleet(["deploy", "--json"], { cwd, engine: fakeEngine(script), tty: true, confirm: false });

  test("prints a document after a no", async () => {
    const ran = await onTerminal(changes);
    expect([ran.code, ran.json()]).toEqual([0, { success: true, stack: "dev", declined: true }]);
    expect(ran.stderr).toContain("Nothing was changed.");
  });

  test("prints the plan as the document if there is nothing to ask about", async () => {
    const ran = await onTerminal(async () => ({ ok: true }));
    expect([ran.code, ran.json()]).toMatchObject([0, { success: true, status: "succeeded", steps: [] }]);
  });
});

describe("a preview that is stopped", () => {
  /** An engine whose preview ends when it is asked to stop, in this way. */
  const stopped = (ok: boolean) =>
    fakeEngine(async ({ signal }) => {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { ok, text: "error: preview canceled" };
    });
  /** Asks for an end as soon as somebody listens. */
  const atOnce: NonNullable<Parameters<typeof fleet>[1]>["interrupts"] = (onInterrupt) => {
    const soon = setImmediate(() => onInterrupt(false));
    return () => clearImmediate(soon);
  };
  const codeOf = (json: { failures: { problems: { code: string }[] }[] }) =>
    json.failures.map(({ problems }) => problems.map(({ code }) => code));

  test.each([
    ["deploy", ["--dry-run"], true],
    ["deploy", ["--dry-run"], false],
    // It would go on to adopt.
    ["adopt", ["--yes"], true],
    ["adopt", ["--dry-run"], false],
  ])("by Ctrl-C ends fleet %s %j with 130 and the reason (result: %s)", async (command, words, ok) => {
    const engine = stopped(ok);
    const ran = await fleet([command, ...words, "--json"], { cwd, engine, interrupts: atOnce });
    expect([ran.code, ran.json()]).toMatchObject([130, { success: false, status: "interrupted" }]);
    expect(codeOf(ran.json())).toEqual([["INTERRUPTED"]]);
    expect(ran.stderr).toContain("The preview was interrupted. Nothing was changed. [INTERRUPTED]");
    expect(engine.runs.map(({ kind }) => kind)).toEqual(["preview"]);
  });

  test.each(["deploy", "adopt"])("by --timeout ends fleet %s with 124 and the reason", async (command) => {
    const words = [command, "--dry-run", "--timeout", "0.01", "--json"];
    const ran = await fleet(words, { cwd, engine: stopped(false) });
    expect([ran.code, ran.json()]).toMatchObject([124, { success: false, status: "timeout" }]);
    expect(codeOf(ran.json())).toEqual([["TIMEOUT"]]);
  });

  test("by its program, whose time ends a moment before the command's, has reached the limit too", async () => {
    const engine = fakeEngine(async () => ({ ok: false, text: "error: the time is over" }));
    const request = { only: [], parallel: 1, refresh: false };
    const statusWith = async (seconds: number) => {
      const clock = startClock(
        seconds,
        () => {},
        () => () => {},
      );
      return (await preview(engine, request, clock).finally(() => clock.stop())).status;
    };
    expect([await statusWith(0.9), await statusWith(60)]).toEqual(["timeout", "failed"]);
  });

  test("and ignores both interrupts is killed", async () => {
    const kill = vi.fn();
    const engine = { run: () => new Promise<never>(() => {}), kill };
    const request = { only: [], parallel: 1, refresh: false };
    const clock = startClock(0.01, () => {}, atOnce, { soft: 0.01, hard: 0.01 });
    const plan = await preview(engine, request, clock).finally(() => clock.stop());
    expect(kill).toHaveBeenCalledTimes(1);
    expect(plan).toMatchObject({ status: expect.stringMatching(/^(timeout|interrupted)$/), steps: [] });
  });
});

describe("fleet bundle --json", () => {
  test("prints a failure as a document, too", async () => {
    const ran = await fleet(["bundle", join(cwd, "none.lua"), "--json"], { cwd });
    expect([ran.code, ran.json()]).toMatchObject([
      1,
      { success: false, error: { code: expect.any(String) } },
    ]);
    const budget = await fleet(["bundle", "x.lua", "--budget", "-1", "--json"], { cwd });
    expect(budget.json()).toMatchObject({ error: { code: "BUDGET_INVALID" } });
  });

  test.each([["--out", "-"], ["--out=-"]])("leaves standard output to the bundle with %s", async (...out) => {
    const ran = await fleet(["bundle", join(cwd, "none.lua"), "--json", ...out], { cwd });
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toContain('"success": false');
  });
});
