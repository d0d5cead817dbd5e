import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { previewMarker } from "../../src/operations/deploy/plan-markdown.ts";
import { fakeEngine, fleet, projectFolder, type Script, urn } from "./fakes.ts";

const hash = (letter: string) => letter.repeat(64);
const code = (letter: string, version: string, modules: Record<string, string>, more = {}) => ({
  version,
  bundle: { hash: hash(letter), bytes: 12_000, entry: "x.lua", modules },
  ...more,
});
const settings = (configData: object, more = {}) => ({
  ...{
    name: "battle-process-config",
    configType: "PROCESS_CONFIG",
    configData,
    targets: [{ name: "battle" }],
  },
  ...more,
});

/** An event of the engine about a resource that has old and new values. */
const step = (type: string, name: string, op: string, old: object | undefined, now: object | undefined) => ({
  resourcePreEvent: {
    metadata: {
      ...{ op, urn: urn(type, name), type, provider: "" },
      ...(old === undefined ? {} : { old: { inputs: old, outputs: old } }),
      ...(now === undefined ? {} : { new: { inputs: now, outputs: now } }),
    },
  } as never,
});

const changes: Script = async ({ say }) => {
  const before = code("a", "1.0.0", { main: "1", turn: "2", old: "3" });
  say(step("Process", "battle", "update", before, code("b", "1.1.0", { main: "1", turn: "9", ui: "4" })));
  say(step("Process", "shop", "create", undefined, code("c", "1.0.0", { main: "1" })));
  say(step("Process", "taken", "create", undefined, code("d", "1.0.0", {}, { adopt: "x" })));
  say(step("Process", "same", "same", before, before));
  // Only its health is checked again.
  say(step("Process", "checked", "update", before, before));
  const old = settings({ maxConcurrentRequests: 5, banner: "hi" }, { secretData: { key: "[secret]" } });
  const now = settings(
    { maxConcurrentRequests: 9, note: "a|b `c` @all\n## d" },
    { secretData: { key: "[secret]" } },
  );
  say(step("ConfigBundle", "battle-process-config", "update", old, now));
  say(step("Wiring", "battle-wiring", "update", {}, {}));
  say(step("Process", "gone", "delete", before, undefined));
  say({
    summaryEvent: {
      maybeCorrupt: false,
      durationSeconds: 1,
      resourceChanges: { update: 4, create: 2, same: 1 },
      policyPacks: {},
    },
  });
  return { ok: true };
};

const preview = async (script: Script, ...words: string[]) => {
  const cwd = projectFolder();
  const ran = await fleet(["preview", ...words], { cwd, engine: fakeEngine(script) });
  return { ...ran, text: (file: string) => readFileSync(join(cwd, file), "utf8") };
};

describe("fleet preview", () => {
  test("names the modules and settings that differ, and what the plan sends, as data", async () => {
    const ran = await preview(changes, "--json");
    expect(ran.code).toBe(0);
    expect(ran.json()).toMatchObject({
      success: true,
      code: [
        {
          member: "battle",
          before: { version: "1.0.0", sourceHash: hash("a") },
          after: { version: "1.1.0", sourceHash: hash("b"), bytes: 12_000 },
          newProcess: false,
          modules: [
            { name: "old", change: "removed" },
            { name: "turn", change: "changed" },
            { name: "ui", change: "added" },
          ],
        },
        { member: "shop", newProcess: true, modules: [{ name: "main", change: "added" }] },
        { member: "taken", newProcess: false, modules: [] },
      ],
      settings: [
        {
          member: "battle",
          configType: "PROCESS_CONFIG",
          fields: [
            { field: "banner", before: "hi" },
            { field: "maxConcurrentRequests", before: "5", after: "9" },
            { field: "note", after: "a|b `c` @all\n## d" },
          ],
        },
      ],
      cost: { spawns: 1, loads: 3, bytes: 36_000, settings: 1, wirings: 1 },
    });
  });

  test("writes it as Markdown in which names and values are only shown", async () => {
    const ran = await preview(changes, "--markdown", "plan.md");
    expect(ran.code).toBe(0);
    const text = ran.text("plan.md");
    expect(text.split("\n")[0]).toBe(previewMarker("ao-fleet", "dev"));
    expect(text).toContain("### ao-fleet: plan for `ao-fleet/dev` on `local`");
    expect(text).toContain("4 to update, 2 to create, 1 unchanged");
    expect(text).toContain(
      "**Code of `battle`**: `1.0.0` (`aaaaaaaa`) → `1.1.0` (`bbbbbbbb`), 12 kB, loaded in place",
    );
    expect(text).toContain("| `turn` | changed |");
    expect(text).toContain("| `battle` | `PROCESS_CONFIG.maxConcurrentRequests` | `5` | `9` |");
    // No bar, backtick, line or mention of a value ends its cell or its code.
    expect(text).toContain("| `battle` | `PROCESS_CONFIG.note` | unset | ``a\\|b `c` @all ## d`` |");
    expect(text).toContain(
      "**Cost**, at least: 1 process spawned, 3 loads (36 kB), 1 message with settings, 1 wiring.",
    );
  });

  test("shows that secrets differ, and never a value", async () => {
    const ran = await preview(
      async ({ say }) => {
        const old = settings({}, { secretData: { key: "hunter2-old-value" } });
        say(
          step(
            "ConfigBundle",
            "b",
            "update",
            old,
            settings({}, { secretData: { key: "hunter2-new-value" } }),
          ),
        );
        return { ok: true };
      },
      ...["--json", "--markdown", "plan.md"],
    );
    expect(ran.json()).toMatchObject({ settings: [{ fields: [{ field: "(secrets)" }] }] });
    expect(ran.stdout + ran.stderr + ran.text("plan.md")).not.toContain("hunter2");
  });

  test("exits with 3 for changes with --expect-no-changes, with 0 for none, and writes both", async () => {
    const differs = await preview(changes, "--expect-no-changes", "--markdown", "plan.md");
    expect([differs.code, differs.text("plan.md")]).toEqual([3, expect.stringContaining("to update")]);
    const same = await preview(async () => ({ ok: true }), "--expect-no-changes", "--markdown", "plan.md");
    expect([same.code, same.text("plan.md")]).toEqual([0, expect.stringContaining("No changes")]);
  });

  test("writes the problems of a preview that fails, and exits with 1", async () => {
    const failing: Script = async ({ say }) => {
      const message = "battle is wrong [BUNDLE_ERROR]\n  at:       battle.lua:3\n  fix:      Fix `it`.";
      say({ diagnosticEvent: { urn: urn("Process", "battle"), severity: "error", message, color: "never" } });
      return { ok: false };
    };
    const ran = await preview(failing, "--markdown", "plan.md");
    expect(ran.code).toBe(1);
    const text = ran.text("plan.md");
    expect(text).toContain("**The preview failed.** Nothing was changed.");
    expect(text).toContain(
      "- `battle`: `battle is wrong` [BUNDLE_ERROR]\n  - at: `battle.lua:3`\n  - fix: ``Fix `it`.``",
    );
  });

  test("leaves out what would make the comment too long, and says so", async () => {
    const long: Script = async ({ say }) => {
      for (let n = 0; n < 400; n++) {
        const now = settings({ text: "x".repeat(1000) }, { targets: [{ name: `m${n}` }] });
        say(step("ConfigBundle", `m${n}-config`, "create", undefined, now));
      }
      return { ok: true };
    };
    const text = (await preview(long, "--markdown", "plan.md")).text("plan.md");
    expect(text.length).toBeLessThan(65_536);
    expect(text).toContain("left out: the text is too long");
  });

  test("names a file that it cannot write", async () => {
    const ran = await preview(changes, "--markdown", "none/plan.md");
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("[PREVIEW_NOT_WRITTEN]")]);
  });
});
