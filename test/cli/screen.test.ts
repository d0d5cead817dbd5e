/** The operator's screen: what processes, nodes and strangers write is only shown, by every command, however it reaches it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { withPlainQuestions } from "../../src/cli/host.ts";
import { Output } from "../../src/cli/output.ts";
import { table } from "../../src/cli/table.ts";
import { FleetError } from "../../src/core/errors.ts";
import { say } from "../../src/core/say.ts";
import { writeStep } from "../../src/fleet/session/progress.ts";
import { lineOf } from "../../src/monitor/notify/message.ts";
import { postsTo } from "../../src/monitor/notify/shapes.ts";
import { junitOf } from "../../src/operations/validate/junit.ts";
import { actingIn } from "../kit/acting.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { HOSTILE, harmIn, poisonedAnswer } from "../kit/hostile.ts";
import { answerOf } from "../simnet/index.ts";
import { type Simulated, simulatedFleet, strangerWrites } from "../validate/fleet.ts";
import { fakeEngine, fleet, projectFolder } from "./fakes.ts";

/** Every byte that acts, and every line that pretends to be one of the command's own. */
function expectHarmless(text: string, what: string): void {
  expect([what, harmIn(text)]).toEqual([what, []]);
}

let here: Simulated;
beforeAll(async () => {
  here = await simulatedFleet({ battle: { errors: ["BREAK"] } });
  const owner = here.fleet.session.ao.address;
  const forged: Record<string, string>[] = [
    { Action: "Eval", "From-Process": owner },
    { Action: HOSTILE, "Correlation-Id": "traced" },
    { Action: "Info", [`X${HOSTILE}`]: HOSTILE, "Correlation-Id": "traced" },
  ];
  await strangerWrites(
    here,
    "shop",
    forged.map((tags) => ({ tags, data: HOSTILE })),
  );
}, 60_000);
afterAll(() => here.close());

describe("what a stranger wrote", () => {
  const owner = () => here.fleet.session.ao.address;

  test("is not taken for the owner's: a refused Eval is shown with its signer, and with whom it claims to be", async () => {
    const logs = await here.run("logs", "shop", "--limit", "50");
    const line = logs.stdout.split("\n").find((each) => each.includes("claims to be")) ?? "";
    expect(line).toMatch(/Eval from \S+, which claims to be /);
    const { messages } = (await here.run("logs", "shop", "--limit", "50", "--json")).json<{
      messages: { action: string; from: string; claims?: string }[];
    }>();
    const forged = messages.filter(({ claims }) => claims !== undefined);
    expect(forged).toMatchObject([{ action: "Eval", claims: owner() }]);
    expect(forged[0]?.from).not.toBe(owner());
    const query = await here.run("query", "shop", "--direction", "received", "--from", owner(), "--json");
    expect(
      query
        .json<{ messages: { messageId: string; claims?: string }[] }>()
        .messages.filter((one) => one.claims),
    ).toEqual([]);
    expect((await here.run("query", "shop", "--action", "Eval")).stdout).toContain("which claims to be");
    const audit = await here.run("audit");
    expect(audit.stdout).toMatch(/EVAL_ELSEWHERE.* by (\S+), which claims to be /);
    expect(audit.stdout).not.toContain(`by ${owner()}`);
    const found = (await here.run("audit", "--json")).json<{ findings: { code: string; what: string }[] }>();
    expect(found.findings.find(({ code }) => code === "EVAL_ELSEWHERE")?.what).toContain(
      `by ${forged[0]?.from}, which claims to be ${owner()}`,
    );
  });

  test("stays in its place in `logs`, `query` and `trace`, and is whole in their JSON", async () => {
    for (const words of [
      ["logs", "shop", "--full"],
      ["logs", "shop"],
      ["query", "shop"],
      ["trace", "traced"],
    ]) {
      const ran = await here.run(...words);
      expectHarmless(ran.stdout + ran.stderr, words.join(" "));
      expect(ran.stdout).toContain("FORGED");
      const json = await here.run(...words, "--json");
      expectHarmless(json.stdout, `${words.join(" ")} --json`);
      expect(JSON.stringify(json.json())).toContain(JSON.stringify(HOSTILE).slice(1, -1));
    }
  });
});

/** Every command that reads the network, with the exit code that it may have. */
const COMMANDS: readonly (readonly string[])[] = [
  ["status"],
  ["status", "--quick"],
  ["statistics", "--verbose"],
  ["call", "shop", "Info"],
  ["call", "shop", "Info", "--dry-run"],
  ["call", "battle", "BREAK"],
  ["call", "battle", "Eval", "--raw", "--data", "return 1"],
  ["call", "shop", "NO_SUCH_ACTION"],
  ["history"],
  ["audit"],
  ["query", "battle"],
  ["logs", "battle", "--errors"],
  ["alerts", "list", "--all"],
  ["discover"],
  ["config", "show"],
  ["config", "diff"],
  ["config", "history", "shop"],
  ["config", "export"],
  ["backup"],
  ["validate", "--types", "configuration", "--answer-timeout", "5"],
];

describe("what processes and nodes reply", () => {
  test.each(COMMANDS.map((words) => [words.join(" "), words]))(
    "is only shown by fleet %s",
    async (what, words) => {
      const { faults } = here.stack.net;
      const rewrite = faults.add({
        on: ["cu.result", "cu.results", "cu.dryrun"],
        fault: {
          kind: "rewrite",
          with: (answer) => poisonedAnswer(answer),
        },
      });
      try {
        for (const words2 of [words, [...words, "--json"]]) {
          const ran = await here.run(...words2);
          expectHarmless(ran.stdout, `${what}: stdout`);
          expectHarmless(ran.stderr, `${what}: stderr`);
          expect(ran.stderr).not.toContain("This is a bug in fleet");
          if (words2.length > words.length && ran.stdout !== "") expect(ran.json()).toBeTypeOf("object");
        }
      } finally {
        rewrite();
      }
    },
  );

  test("is only shown if a unit fails, with its status text and headers", async () => {
    const { faults } = here.stack.net;
    const remove = faults.add({
      on: "cu.dryrun",
      fault: {
        kind: "answer",
        with: () => ({
          ...answerOf(400, `{"error":${JSON.stringify(HOSTILE)}}`),
          headers: { "content-type": "application/json", "retry-after": "\u009b1m", server: "\u0085x" },
        }),
      },
    });
    try {
      const called = await here.run("call", "shop", "Info", "--dry-run");
      expectHarmless(called.stdout + called.stderr, "call");
      expect(called.stderr).toContain("FORGED");
      const status = await here.run("status", "--quick");
      expectHarmless(status.stdout + status.stderr, "status");
      expect(status.stdout).toContain("[UNIT_REFUSED]");
    } finally {
      remove();
    }
  });

  test("reaches files of this machine without control characters", async () => {
    const logs = join(here.stack.home, "build/logs");
    for (const name of readdirSync(logs)) expectHarmless(readFileSync(join(logs, name), "utf8"), name);
  });
});

describe("every way to a terminal", () => {
  test("a reply of several lines is marked, and so is what pulumi prints for a provider", async () => {
    const printed = vi.spyOn(console, "log").mockImplementation(() => {});
    say(`battle: ${HOSTILE}`);
    const build = temporaryFolder("steps");
    const step = {
      at: "now",
      deploymentId: "d",
      name: `battle${HOSTILE}`,
      phase: "ready",
      detail: HOSTILE,
    } as const;
    await writeStep({ project: "p", stack: "s", home: build, build }, step, join(build, "events"));
    const lines = printed.mock.calls.map(([line]) => String(line));
    printed.mockRestore();
    expect(lines).toHaveLength(2);
    for (const line of lines) expectHarmless(line, "console");
    for (const name of readdirSync(join(build, "logs")))
      expectHarmless(readFileSync(join(build, "logs", name), "utf8"), name);
    // The events are data.
    expect(JSON.parse(readFileSync(join(build, "events"), "utf8"))).toMatchObject({ detail: HOSTILE });
  });

  test("pulumi's own text, a failed step and a warning of a program", async () => {
    const cwd = projectFolder();
    const engine = fakeEngine(async ({ say: event }) => {
      event({ diagnosticEvent: { severity: "warning", message: HOSTILE, color: "never" } } as never);
      event({ diagnosticEvent: { severity: "error", message: HOSTILE, color: "never" } } as never);
      return { ok: false, text: HOSTILE };
    });
    const error = new FleetError({ code: "NONE", what: "none", remedy: "none" });
    const ran = await fleet(["deploy", "--yes"], { cwd, engine, fleet: error });
    expect(ran.code).toBe(1);
    expect(ran.stdout + ran.stderr).toContain("FORGED");
    expectHarmless(ran.stdout + ran.stderr, "deploy");
  });

  test("an error of the program itself, a question and a table; colours of our own stay", async () => {
    const stream = () => {
      const pass = Object.assign(new PassThrough(), { isTTY: true });
      let text = "";
      pass.on("data", (part) => {
        text += part;
      });
      return { pass, text: () => text };
    };
    const [stdout, stderr] = [stream(), stream()];
    vi.stubEnv("FORCE_COLOR", "1");
    vi.stubEnv("NO_COLOR", undefined);
    const out = new Output({ stdout: stdout.pass, stderr: stderr.pass });
    out.error(new Error(HOSTILE));
    out.error(
      new FleetError({
        code: "A",
        what: HOSTILE,
        got: HOSTILE,
        at: HOSTILE,
        expected: HOSTILE,
        remedy: HOSTILE,
      }),
    );
    out.note(HOSTILE);
    out.redraw(0, [HOSTILE]);
    expectHarmless(stderr.text(), "stderr");
    const red = out.style("red", `bad${HOSTILE}`);
    const rows = [
      [red, "\u001b[31mprocess"],
      [out.style("green", "ok"), HOSTILE],
    ];
    for (const line of table(["a", "b"], rows)) out.line(line);
    vi.unstubAllEnvs();
    const shown = stdout.text();
    expect(shown).toContain("\u001b[31mbad");
    expect(shown).toContain("\u001b[32mok\u001b[39m");
    expect(shown).toContain("\\u001b[31mprocess");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours that the command added.
    const plain = shown.replace(/\u001b\[(31|32|39)m/g, "");
    expectHarmless(plain, "stdout");
    // Both columns begin at the same place: what is shown is what was measured.
    const [head = "", first = "", second = ""] = plain.split("\n");
    expect(
      new Set([head.indexOf("b"), first.indexOf("\\u001b[31mprocess"), second.indexOf("x\\u001b")]).size,
    ).toBe(1);
    const asked: string[] = [];
    const host = withPlainQuestions({
      confirm: async (question: string) => Boolean(asked.push(question)),
      choose: async (question: string, choices: readonly { name: string; description?: string }[]) =>
        void asked.push(question, ...choices.flatMap(({ name, description = "" }) => [name, description])),
    } as never);
    await host.confirm(HOSTILE);
    await host.choose(HOSTILE, [{ value: 1, name: HOSTILE, description: HOSTILE }]);
    expect(asked).toHaveLength(4);
    for (const each of asked) expectHarmless(each, "question");
  });

  test("notifications and reports", async () => {
    const alert = {
      ...{
        alertId: "a",
        type: "PROCESS_UNHEALTHY" as const,
        source: `shop${HOSTILE}`,
        message: `Bearer abcDEF123456 ${HOSTILE}`,
      },
      ...{
        level: "ERROR" as const,
        state: "OPEN" as const,
        count: 1,
        raisedAt: 0,
        lastAt: 0,
        escalatedAt: 0,
      },
    } as const;
    const changes = [
      { kind: "raised", alert: { ...alert, message: `${alert.message}](https://evil.example) *b*` } },
    ] as const;
    expectHarmless(lineOf(changes[0]), "line");
    for (const kind of ["webhook", "slack", "discord", "pagerduty"] as const) {
      const [post] = postsTo(kind, changes, { project: "p", stack: "s", network: "local" }, "key");
      // Receivers show the strings of the body.
      const strings: string[] = [];
      JSON.stringify(post?.body, (_, value) =>
        typeof value === "string" ? String(strings.push(value)) : value,
      );
      for (const text of strings) expectHarmless(text, kind);
      expect(strings.join(" ")).not.toContain("abcDEF123456");
      if (kind === "discord") expect(strings.join(" ")).toContain("\\](https");
    }
    const finding = {
      type: "health",
      process: HOSTILE,
      test: `health_${HOSTILE}`,
      status: "FAIL",
      detail: HOSTILE,
    } as const;
    const xml = await junitOf({
      project: "p",
      stack: "s",
      validationTimestamp: "now",
      findings: [finding],
    } as never);
    expect(actingIn(xml, "\n")).toEqual([]);
  });

  test("nothing but these files writes to a terminal", () => {
    const root = join(import.meta.dirname, "../..");
    const writes = /console\.\w+\(|std(out|err)\.write\(|\bwrite(Out|Err)\b/;
    const found = ["src", "components", "providers"].flatMap((room) =>
      readdirSync(join(root, room), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts") && writes.test(readFileSync(join(root, room, name), "utf8")))
        .map((name) => `${room}/${name}`),
    );
    expect(found.sort()).toEqual([
      // The bundle itself, for a file; and problems, by `formatProblem`.
      "src/cli/commands/bundle.ts",
      "src/cli/host.ts",
      "src/cli/output.ts",
      "src/cli/program.ts",
      "src/core/say.ts",
      // The network's own log file.
      "src/localnet/daemon.ts",
      // The aos images, downloaded by a program of its own at set-up.
      "src/localnet/fetch-images.ts",
      // Before any project exists: set-up, start, the checks of this repository and its packages.
      "src/toolchain/check.ts",
      "src/toolchain/licences.ts",
      "src/toolchain/progress.ts",
      "src/toolchain/sbom.ts",
      "src/toolchain/start.ts",
    ]);
  });
});

test("an action is given once: a tag that would replace it is refused before anything is sent", async () => {
  const sent = here.stack.net.oracle.counts().messages;
  for (const name of ["Action", "action", "ACTION"]) {
    const ran = await here.run("call", "shop", "Info", "--tag", `${name}=RETIRE`, "--json");
    expect(ran.code).toBe(2);
    expect(ran.json()).toMatchObject({ success: false, error: { code: "ACTION_TAG" } });
  }
  expect(here.stack.net.oracle.counts().messages).toBe(sent);
});
