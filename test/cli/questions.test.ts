import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { exitCodeOf } from "../../src/cli/exit.ts";
import { choose, confirm } from "../../src/cli/questions.ts";
import { Unanswered } from "../../src/cli/unanswered.ts";
import { FleetError } from "../../src/core/errors.ts";
import { failureOf } from "../kit/failure.ts";
import { began, failed, fakeEngine, fleet, projectFolder } from "./fakes.ts";

/** A terminal, on which a person presses these keys once the question is shown. */
function terminal(keys: string | undefined) {
  const stdin = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { isTTY: true });
  const press = () => (keys === undefined ? stdin.end() : stdin.write(keys));
  stderr.once("data", () => void setImmediate(press));
  return { stdin, stderr };
}

const CHOICES = [
  { value: 1, name: "one" },
  { value: 2, name: "two" },
];

test("a question is answered", async () => {
  expect(await confirm(terminal("y\r"), "Deploy?")).toBe(true);
  expect(await confirm(terminal("YES\r"), "Deploy?")).toBe(true);
  expect(await confirm(terminal("\r"), "Deploy?")).toBe(false);
  expect(await choose(terminal("\x1b[B\r"), "Which?", CHOICES)).toBe(2);
});

test.each([
  ["Ctrl-C", "\x03"],
  ["Ctrl-D", "\x04"],
  ["the end of the input", undefined],
])("%s at a question changes nothing, and exits with 130", async (_, keys) => {
  const [first, second] = [terminal(keys), terminal(keys)];
  for (const asked of [confirm(first, "Deploy?"), choose(second, "Which?", CHOICES)]) {
    const error = await failureOf(asked);
    expect(error).toBeInstanceOf(Unanswered);
    expect(exitCodeOf(error)).toBe(130);
  }
  expect(second.stdin.listenerCount("keypress")).toBe(0);
});

test("a command whose question is interrupted says that nothing was changed", async () => {
  const engine = fakeEngine(async ({ say }) => {
    say(began("Process", "battle", "update"));
    return { ok: true };
  });
  const ran = await fleet(["deploy", "--json"], {
    ...{ cwd: projectFolder(), engine, tty: true, confirm: new Unanswered() },
  });
  expect(ran.code).toBe(130);
  expect(ran.stderr).toContain("Nothing was changed. [INTERRUPTED]");
  expect(ran.json()).toMatchObject({ success: false, error: { code: "INTERRUPTED" } });
  expect(engine.runs.map(({ kind }) => kind)).toEqual(["preview"]);
});

describe("a question after a run that changed something", () => {
  /** A run that fails because a state cannot be saved; the plan is confirmed, the question after the run is interrupted. */
  const interrupted = async (words: readonly string[], more: Partial<Parameters<typeof fleet>[1]> = {}) => {
    const engine = fakeEngine(async ({ kind, say }) => {
      say(began("Process", "battle", "update"));
      if (kind === "preview") return { ok: true };
      for (const event of failed("Process", "battle", "No backup. [BACKUP_FAILED]\n  fix:      Try again."))
        say(event);
      return { ok: false };
    });
    let asked = 0;
    return fleet(["deploy", ...words], {
      ...{ cwd: projectFolder(), engine, tty: true, ...more },
      get confirm() {
        asked += 1;
        return asked > 1 ? new Unanswered() : true;
      },
    });
  };

  test("does not say that nothing was changed", async () => {
    const ran = await interrupted([]);
    expect(ran.code).toBe(130);
    expect(ran.stderr).toContain("The code of battle was not changed. [INTERRUPTED]");
    expect(ran.stderr).not.toContain("rollback");
  });

  test("does not prevent the automatic rollback", async () => {
    // It needs the fleet, which cannot be opened here.
    const silent = new FleetError({ code: "UNIT_DOWN", what: "The unit is down.", remedy: "Look." });
    const ran = await interrupted(["--rollback-on-failure"], { fleet: silent });
    expect(ran.code).toBe(130);
    expect(ran.stderr).toMatch(
      /no automatic rollback: The unit is down\. \[UNIT_DOWN\][\s\S]*The code of battle was not changed\. \[INTERRUPTED\]/,
    );
  });
});
