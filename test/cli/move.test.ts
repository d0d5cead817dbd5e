/** The command `fleet move`: what it prints and asks, on two fleets of real aos processes. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Context } from "../../src/cli/command.ts";
import { showMoved } from "../../src/cli/move/show.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { continueCommand, type MoveRecord } from "../../src/fleet/move-record.ts";
import type { Sides } from "../../src/operations/move/plan.ts";
import { failureOf } from "../kit/failure.ts";
import { writeFiles } from "../kit/folder.ts";
import { bootBoth, World } from "../move/aos-fleets.ts";
import { address } from "../processes/aos.ts";
import { fleet, projectFolder } from "./fakes.ts";

const COUNTER = `local fleet = require("fleet")
fleet.process { name = "counter", version = "1.0.0", capabilities = {} }
local S = fleet.state("counter", { n = 0 })
fleet.on("ADD", { who = "anyone" }, function() S.n = S.n + 1 return { n = S.n } end)`;
const IDLE = `local fleet = require("fleet")
fleet.process { name = "idle", version = "1.0.0", capabilities = {} }`;

async function world(): Promise<World> {
  const made = new World(await bootBoth({ counter: { source: COUNTER }, idle: { source: IDLE } }));
  await made.process("old", "counter").send({ From: address("stranger"), Action: "ADD" });
  return made;
}

const run = (at: World, words: readonly string[], more: { tty?: boolean; confirm?: boolean } = {}) =>
  fleet(["move", "--stack", "old", "--to", "new", ...words], {
    ...more,
    fleets: { old: at.fleet("old"), new: at.fleet("new") },
    cwd: at.dir,
    pulumi: at.pulumi,
  });

describe("fleet move", () => {
  test("--dry-run shows both ids and the state of every member, and changes nothing", async () => {
    const at = await world();
    const ran = await run(at, ["--dry-run"]);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    expect(ran.stdout.split("\n")).toEqual([
      "From old (local, legacy) to new (local, legacy):",
      expect.stringMatching(/^process +old id +new id +state$/),
      `counter  ${at.process("old", "counter").id}  ${at.process("new", "counter").id}  1 state (counter)`,
      `idle     ${at.process("old", "idle").id}  ${at.process("new", "idle").id}  no state`,
      "",
    ]);
    const { processes } = (await run(at, ["--dry-run", "--json"])).json<{ processes: object }>();
    expect(processes).toMatchObject({
      counter: { state: "carried", digest: expect.stringMatching(/^\w{64}$/), slot: expect.any(Number) },
      idle: { state: "empty" },
    });
    expect(new Set(at.asked)).toEqual(new Set(["Info", "EXPORT_STATE"]));
  });

  test("asks to commit the old stack's settings, except those of the dev stack, which belong to one machine", () => {
    const at = new Map<string, string[]>();
    for (const stack of ["dev", "staging"]) {
      const lines: string[] = [];
      at.set(stack, lines);
      const side = { stack, network: { kind: "local", protocol: "legacy", units: {} } };
      const scope = { project: "ao-fleet", stack, home: ".fleet", build: "build" };
      const projectDir = projectFolder();
      writeFiles({ [`Pulumi.${stack}.yaml`]: "config: {}\n" }, projectDir);
      const context = { projectDir, out: { document() {}, line: lines.push.bind(lines) } };
      const sides = { source: { session: { scope } } };
      const record: MoveRecord = {
        version: 1,
        id: "m",
        from: side,
        to: { ...side, stack: "node" },
        startedAt: "",
        phase: "moved",
        retires: false,
        members: [],
      };
      showMoved(context as object as Context, sides as object as Sides, record);
    }
    expect(at.get("dev")?.at(-1)).toBe("Deployments to dev are refused (movedTo in Pulumi.dev.yaml).");
    expect(at.get("staging")?.at(-1)).toBe(
      "Deployments to staging are refused (movedTo in Pulumi.staging.yaml): commit that file.",
    );
  });

  test("--dry-run says before it asks where its signed messages are permanent", async () => {
    const at = await world();
    const node = (stack: "old" | "new") => {
      const one = at.fleet(stack);
      const network = { ...one.session.network, kind: "mainnet" as const };
      return { ...one, session: { ...one.session, network } };
    };
    const plan = (fleets: Record<string, FleetSession>) =>
      fleet(["move", "--stack", "old", "--to", "new", "--dry-run"], {
        ...{ fleets, cwd: at.dir, pulumi: at.pulumi },
      });
    const one = await plan({ old: at.fleet("old"), new: node("new") });
    expect([one.code, one.stderr]).toEqual([
      0,
      "The plan asks every process by signed messages (Info, EXPORT_STATE). They are permanent in new, and may cost something.\n",
    ]);
    expect((await plan({ old: node("old"), new: node("new") })).stderr).toContain(
      "permanent in old and new,",
    );
  });

  test("asks for confirmation, and changes nothing without it", async () => {
    const at = await world();
    const ran = await run(at, ["--json"], { tty: true, confirm: false });
    expect([ran.code, ran.stderr]).toEqual([0, "Nothing was changed.\n"]);
    expect(ran.json()).toEqual({ success: true, stack: "old", declined: true });
    expect(new Set(at.asked)).toEqual(new Set(["Info", "EXPORT_STATE"]));
  });

  test("prints ids, digest and slot of every member, and where its callers find them", async () => {
    const at = await world();
    const ran = await run(at, ["--yes"]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^counter +\S{43} +\S{43} +equal by digest +[0-9a-f]{12} +\d+$/m);
    expect(ran.stdout).toMatch(/^idle +\S{43} +\S{43} +no state$/m);
    expect(ran.stdout).toContain("build/moved.ao-fleet.old.json");
    expect(ran.stdout).toContain("movedTo in Pulumi.old.yaml");
    const again = await run(at, ["--yes", "--json"]);
    expect([again.code, again.json()]).toMatchObject([1, { success: false, error: { code: "STACK_MOVED" } }]);
  });

  test("finishes a killed move by what this command says of the old processes, and asks before it retires them", async () => {
    const at = await world();
    at.killAt("RESUME");
    await failureOf(at.move({ retires: true }));
    at.killAfter = Number.POSITIVE_INFINITY;
    const refused = await run(at, ["--retire", "--json"], { tty: true, confirm: false });
    expect([refused.code, refused.stderr]).toEqual([0, expect.stringContaining("Nothing was changed.")]);
    expect(refused.json()).toEqual({ success: true, stack: "old", declined: true });
    const kept = await run(at, ["--yes"]);
    expect([kept.code, kept.stderr]).toEqual([0, expect.stringContaining("not retired")]);
    expect(kept.stdout).toContain("The old processes are kept: they refuse requests (DRAINING)");
    expect(at.asked).not.toContain("RETIRE");
  });

  describe("a move that was killed continues as it began", () => {
    /** The count of the new counter, which had its own count of 10: 1 if the old state was copied over it. */
    const held = async (at: World) => {
      const { reply } = await at.process("new", "counter").send({ From: address("stranger"), Action: "ADD" });
      return Number(reply?.data.n) - 1;
    };
    const begun = async (killedAt: string, times = 1) => {
      const at = await world();
      for (let n = 0; n < 10; n += 1)
        await at.process("new", "counter").send({ From: address("stranger"), Action: "ADD" });
      at.killAt(killedAt, times);
      await failureOf(at.move({ withoutState: ["counter"], acceptLoss: ["idle"] }));
      at.killAfter = Number.POSITIVE_INFINITY;
      return at;
    };
    const OPTIONS = "--without-state counter --accept-loss idle";
    const LINE = `npx fleet move --stack old --to new ${OPTIONS} --timeout 60`;

    test.each([
      ["DRAIN", 1],
      // The plan exports the other member's states.
      ["EXPORT_STATE", 3],
      ["RESUME", 1],
    ] as const)("with its options, if it was killed at %s", async (killedAt, times) => {
      const at = await begun(killedAt, times);
      const line = await continueCommand(at.fleet("old").session.scope, { from: "old", to: "new" });
      expect(line).toBe(LINE);
      const ran = await fleet([...line.split(" ").slice(2), "--yes"], {
        fleets: { old: at.fleet("old"), new: at.fleet("new") },
        cwd: at.dir,
        pulumi: at.pulumi,
      });
      expect([ran.code, ran.stderr]).toEqual([0, expect.not.stringContaining("options of the killed one")]);
      expect(await held(at)).toBe(10);
    });

    test.each(["DRAIN", "RESUME"])("by a command without options, which says so: %s", async (killedAt) => {
      const at = await begun(killedAt);
      const ran = await run(at, ["--yes"]);
      expect([ran.code, ran.stderr]).toEqual([
        0,
        expect.stringContaining(`options of the killed one: ${OPTIONS}\n`),
      ]);
      expect(await held(at)).toBe(10);
    });

    test.each(["DRAIN", "RESUME"])("and not with other ones: %s", async (killedAt) => {
      const at = await begun(killedAt);
      const asked = at.asked.length;
      for (const words of [
        ["--without-state", "idle"],
        ["--without-state", "counter", "--accept-loss", "idle,counter"],
      ]) {
        const ran = await run(at, ["--yes", ...words]);
        expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("[MOVE_OPTIONS_DIFFER]")]);
        expect(ran.stderr).toContain(`${LINE}. If`);
      }
      expect(at.asked.slice(asked)).toEqual([]);
    });
  });

  test("retires the old processes at the end of a killed move if this command says so", async () => {
    const at = await world();
    at.killAt("RESUME");
    await failureOf(at.move());
    at.killAfter = Number.POSITIVE_INFINITY;
    const ran = await run(at, ["--retire", "--yes"]);
    expect([ran.code, ran.stdout]).toEqual([
      0,
      expect.stringContaining("The old processes are retired (GONE)."),
    ]);
    const { reply } = await at.process("old", "counter").send({ Action: "Info" });
    expect(reply?.data.status).toBe("RETIRED");
  });

  test("finds the settings of a stack in the folder and with the ending that the project uses", async () => {
    const at = await world();
    const config = "config: {}\n";
    writeFiles(
      {
        "Pulumi.yaml": "name: ao-fleet\nruntime: nodejs\nstackConfigDir: stacks\n",
        "stacks/Pulumi.new.yml": config,
        "stacks/Pulumi.old.yaml": config,
      },
      at.dir,
    );
    rmSync(join(at.dir, "Pulumi.new.yaml"));
    const ran = await run(at, ["--dry-run"]);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
  });

  test.each([
    [["--to", "new"], "NOT_CONFIRMED"],
    [["--to", "old", "--yes"], "SAME_STACK"],
    [["--to", "elsewhere", "--yes"], "STACK_UNKNOWN"],
    [[], "--to"],
  ])("%j is a usage error", async (words, said) => {
    const ran = await fleet(["move", "--stack", "old", ...words], {
      cwd: new World({ old: {}, new: {} }).dir,
    });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(said);
  });
});
