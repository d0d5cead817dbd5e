import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { newProject, type Project, processFiles } from "./project.ts";

/** A member without the library, a ledger and a member that names it as a peer, with the real pulumi. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("bare", {
  ...settings(new pulumi.Config()),
  ledger: "deployment-coordinator",
  processes: {
    "deployment-coordinator": {},
    shop: { dependsOn: ["deployment-coordinator"], peers: ["token"] },
    admin: { dependsOn: ["shop"], peers: ["shop", "token"] },
    token: { lib: false },
  },
});
export const processes = fleet.processes;
`;
const SHOP = `local fleet = require("fleet")
fleet.process { name = "shop", version = "1.0.0", capabilities = {} }
`;
const TOKEN = `moves = moves or 0
Handlers.add("Info", "Info", function(m) m.reply({ Ticker = "TKN", Data = "a token" }) end)
Handlers.add("Move", "Move", function(m)
  moves = moves + 1
  m.reply({ Data = "first " .. moves })
end)
`;

let project: Project;
type Members = Record<string, { processId: string; health: string }>;
let ids: Members;

async function fleet(...args: string[]) {
  const ran = await fleetCommand(project, [...args, "--stack", "dev"]);
  return { ...ran, json: () => JSON.parse(ran.stdout) };
}
const move = async () => (await fleet("call", "token", "Move")).text;

beforeAll(async () => {
  project = await newProject("bare", {
    ...processFiles("admin"),
    ...processFiles("deployment-coordinator"),
    "index.ts": INDEX,
    "processes/shop/process.lua": SHOP,
    "processes/token/process.lua": TOKEN,
  });
});
afterAll(() => project.close());

describe("a member without the library", { timeout: 240_000 }, () => {
  it("is previewed and deployed, and the next run has nothing to do", async () => {
    const preview = await project.pulumi(["preview"]);
    expect([preview.code, preview.text]).toEqual([0, expect.not.stringContaining("error")]);
    const up = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect([up.code, up.text]).toEqual([0, expect.stringMatching(/token +registered token/)]);
    ids = await project.output<Members>("processes");
    expect(ids.token?.health).toBe("HEALTHY");
    expect(await project.idle()).toBe("");
    expect(await move()).toContain("first 1");
  });

  it("is HEALTHY in status, signed and by dry run, and passes the checks that validate can make", async () => {
    for (const more of [[], ["--quick"]]) {
      const shown = await fleet("status", "--json", ...more);
      expect([shown.code, shown.json()]).toEqual([
        0,
        expect.objectContaining({
          success: true,
          processes: expect.arrayContaining([
            expect.objectContaining({ name: "token", health: "HEALTHY", version: "1.0.0", reasons: [] }),
          ]),
        }),
      ]);
    }
    const ran = await fleet("validate", "--types", "health");
    expect([ran.code, ran.text]).toEqual([0, expect.stringContaining("it runs without the fleet's library")]);
    expect(project.json<{ results: object }>("build/validation-report.json").results).toMatchObject({
      token_health_code: "PASS",
      token_health_liveness: "PASS",
      token_health_slots: "PASS",
      token_health_startup: "SKIP",
      token_health_info: "SKIP",
      shop_health_startup: "PASS",
      fleet_health_shares: "PASS",
    });
  });

  it("is healthy to the monitor, which raises nothing, and an audit finds no problem", async () => {
    const round = await fleet("monitor", "--once", "--json");
    expect([round.code, round.json()]).toEqual([
      0,
      expect.objectContaining({
        processes: expect.arrayContaining([expect.objectContaining({ name: "token", state: "HEALTHY" })]),
        alerts: [],
      }),
    ]);
    const audit = await fleet("audit");
    expect(audit).toMatchObject({ code: 0, text: expect.stringContaining("token: keeps no audit") });
    // This wallet sent the signed health checks of status and validate.
    expect(audit.text).not.toContain("EVAL_ELSEWHERE");
  });

  it("is asked nothing in the ledger's rounds", async () => {
    const round = await fleet("call", "deployment-coordinator", "DEPLOYMENT_HEALTH_CHECK", "--data", "{}");
    expect(round).toMatchObject({ code: 0, text: expect.stringContaining('"passed": true') });
    expect(round.text).toContain(ids.shop?.processId);
    expect(round.text).not.toContain(ids.token?.processId);
  });

  it("is UNKNOWN to the admin process, which does not ask it and judges the others", async () => {
    const { code, text } = await fleet("call", "admin", "ADMIN_HEALTH_CHECK", "--data", "{}");
    const reply = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
    expect([code, reply]).toMatchObject([
      0,
      {
        healthStatus: "HEALTHY",
        passed: true,
        counts: { HEALTHY: 1, UNKNOWN: 1, total: 2 },
        results: {
          [String(ids.shop?.processId)]: { healthStatus: "HEALTHY" },
          [String(ids.token?.processId)]: { name: "token", healthStatus: "UNKNOWN", code: "LIB_REQUIRED" },
        },
      },
    ]);
  });

  it("accepts other code in place, and is named after a change by hand", async () => {
    project.edit("processes/token/process.lua", '"first "', '"second "');
    const up = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect([up.code, up.text]).toEqual([0, expect.stringMatching(/token +loaded/)]);
    expect(await move()).toContain("second 2");
    await fleet("call", "token", "Eval", "--raw", "--data", 'Handlers.remove("Move")');
    const shown = await fleet("status");
    expect([shown.code, shown.text]).toEqual([
      1,
      expect.stringContaining("token: code: handlers are missing: Move"),
    ]);
  });

  it("is rolled back, keeps its state, and is destroyed", async () => {
    const back = await fleet("rollback", "--to", "1", "--yes");
    expect([back.code, back.text]).toEqual([0, expect.stringContaining("token")]);
    expect(await move()).toContain("first 3");
    expect(await fleet("status")).toMatchObject({ code: 0 });
    const gone = await project.pulumi(["destroy", "--yes", "--skip-preview"]);
    expect([gone.code, gone.text]).toEqual([
      0,
      expect.stringMatching(/token +forgotten \S+: without the library/),
    ]);
  });
});
