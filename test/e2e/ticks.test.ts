import { afterAll, beforeAll, expect, it } from "vitest";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { newProject, type Project, type Ran } from "./project.ts";

/** Crons on a HyperBEAM node, which drives none: declared, deployed by the real pulumi, and ticked by the fleet's monitor. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const tags = (Action: string) => ({ "Cron-Interval": "5-seconds", "Cron-Tag-Action": Action });
const fleet = await Fleet.create("clocks", {
  ...settings(new pulumi.Config()),
  processes: { clock: { tags: tags("TICK") }, plain: { lib: false, tags: tags("Cron") } },
});
export const processes = fleet.processes;
`;
const CLOCK = `local fleet = require("fleet")
fleet.process { name = "clock", version = "1.0.0", capabilities = {} }
local S = fleet.state("clock", { ticks = 0 })
fleet.on("TICK", { who = fleet.isCron }, function() S.ticks = S.ticks + 1 end)
fleet.on("SEEN", { readonly = true }, function() return { ticks = S.ticks } end)
`;
const PLAIN = `Ticks = Ticks or 0
Handlers.add("tick", "Cron", function() Ticks = Ticks + 1 end)
Handlers.add("seen", "Seen", function(msg) msg.reply({ Action = "Seen-Response", Data = "ticks: " .. Ticks }) end)
`;

let project: Project;

const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);

beforeAll(async () => {
  project = await newProject("clocks", {
    "index.ts": INDEX,
    "processes/clock/process.lua": CLOCK,
    "processes/plain/process.lua": PLAIN,
  });
  const text = project.text("Pulumi.dev.yaml").replace(/^ {2}clocks:healthCronSeconds: .*\n/m, "");
  project.write("Pulumi.dev.yaml", text.replace("config:\n", "config:\n  clocks:localProtocol: mainnet\n"));
});
afterAll(() => project.close());

it("crons are refused without a driver, announced with one, and ticked while the monitor runs", async () => {
  const refused = await project.pulumi(["preview"]);
  expect([refused.code === 0, refused.text]).toEqual([false, expect.stringContaining("[CRON_NOT_DRIVEN]")]);
  ok(await project.pulumi(["config", "set", "cronDriver", "monitor"]));
  const preview = await project.pulumi(["preview"]);
  ok(preview);
  expect(preview.text).toContain("[CRON_BY_MONITOR]");
  ok(await project.pulumi(["up", "--yes", "--skip-preview"]));
  const ran = await fleet("monitor", "--rounds", "2", "--interval", "20", "--tick", "--no-notify");
  expect(ran.text).toContain("clock: a tick every 5 seconds");
  expect(ran.text).not.toContain("its tick was not sent");
  const counts = [
    /"ticks": (\d+)/.exec((await fleet("call", "clock", "SEEN")).text)?.[1],
    /ticks: (\d+)/.exec((await fleet("call", "plain", "Seen")).text)?.[1],
  ];
  for (const count of counts) expect(Number(count)).toBeGreaterThan(1);
  const status = await fleet("status");
  expect(status.text).toMatch(/clock: last tick \d+ s ago/);
  expect(status.text).toMatch(/plain: last tick \d+ s ago/);
  // Changing nothing is still idle: the tags of the cron are no spawn tags.
  expect(await project.idle()).toBe("");
}, 240_000);
