/** A plain aos token without the fleet's code: minted tokens remain after every release and every rollback. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createSigner } from "@permaweb/aoconnect/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeJwk } from "../ao/wallets.ts";
import { fleet, networkOf, processOf } from "../rollback/fleet.ts";
import { plainClient } from "./player.ts";
import { newProject, type Project, type Ran } from "./project.ts";

const repository = join(dirname(fileURLToPath(import.meta.url)), "../..");

const TOKEN = `-- A token, edition 1
Ticker = "TKN"
Fee = 1
Balances = Balances or { owner = 100 }
Handlers.add("Mint", Handlers.utils.hasMatchingTag("Action", "Mint"), function(msg)
  Balances.owner = Balances.owner + 5
  msg.reply({ Data = "minted" })
end)
Handlers.add("Sum", Handlers.utils.hasMatchingTag("Action", "Sum"), function(msg)
  local sum = 0
  for _, each in pairs(Balances) do sum = sum + each end
  msg.reply({ Data = Ticker .. " " .. Fee .. " " .. tostring(sum) })
end)
`;

const program = (token: string): string => `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("coin", {
  ...settings(new pulumi.Config()),
  processes: { coordinator: { peers: ["token"] }, token: { dependsOn: ["coordinator"], ${token} } },
});
export const processes = fleet.processes;
`;

const INSTANT = { kind: "blue-green", intervalSeconds: 0, checks: [{ kind: "health" }], probes: 3 };
/** Nothing, then everything: a sequence of steps that an owned state allows. */
const STEPS = { ...INSTANT, steps: [{ weightBp: 0 }, { weightBp: 10_000 }] };

let project: Project;
let signer: ReturnType<typeof createSigner>;

beforeAll(async () => {
  const folder = join(repository, "processes/coordinator");
  const coordinator = readdirSync(folder).map((file) => [
    `processes/coordinator/${file}`,
    readFileSync(join(folder, file), "utf8"),
  ]);
  project = await newProject("coin", {
    ...Object.fromEntries(coordinator),
    "index.ts": program(""),
    "processes/token/process.lua": TOKEN,
  });
  signer = createSigner(await makeJwk());
});
afterAll(() => project.close());

/** As a client: any wallet, plain aoconnect, at the process with the traffic. */
async function ask(action: string): Promise<string> {
  const ao = plainClient(await networkOf(project));
  const process = processOf(project, "token");
  const tags = [{ name: "Action", value: action }];
  const message = String(await ao.message({ process, signer, tags, data: String(Math.random()) }));
  return (await ao.result({ process, message })).Messages[0].Data;
}

const withStrategy = (strategy: object): string[] => [
  "--config",
  `coin:strategy=${JSON.stringify(strategy)}`,
];
const up = (strategy: object): Promise<Ran> =>
  project.pulumi(["up", "--yes", "--skip-preview", ...withStrategy(strategy)]);
const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const edit = (from: string, to: string) => project.edit("processes/token/process.lua", from, to);

/** One story, in order: each step continues after the one before. */
describe("a token without the fleet's code", () => {
  let first: string;
  let release: string;

  it("is minted by anybody, as its program allows", async () => {
    ok(await up(INSTANT));
    first = processOf(project, "token");
    release = project.json<{ deploymentId: string }>("build/deployment-manifest.json").deploymentId;
    for (const _ of [1, 2]) expect(await ask("Mint")).toBe("minted");
    expect(await ask("Sum")).toBe("TKN 1 110");
  });

  it("keeps minted tokens when a comment is edited: blue-green INSTANT", async () => {
    edit("edition 1", "edition 2");
    edit("Fee = 1", "Fee = 2");
    const ran = await up(INSTANT);
    ok(ran);
    expect(processOf(project, "token")).not.toBe(first);
    expect(ran.text).toMatch(
      /token +handed over state [0-9a-f]{8} at slot \d+: .* 1 global \(Balances\), \d+ bytes, equal by digest/,
    );
    // The new code's own settings apply.
    expect(await ask("Sum")).toBe("TKN 2 110");
    expect(await project.idle()).toBe("");
  });

  it("returns to the earlier release with the tokens minted since", async () => {
    await ask("Mint");
    const ran = await fleet(project, ["rollback", "--to", release, "--yes"]);
    ok(ran);
    expect(ran.text).toMatch(/token +handed over state .* 1 global \(Balances\)/);
    expect(processOf(project, "token")).toBe(first);
    expect(await ask("Sum")).toBe("TKN 1 115");
    ok(await fleet(project, ["rollback", "--clear"]));
  });

  it("refuses GRADUAL in the preview, and keeps its tokens in steps that do not split", async () => {
    edit("edition 2", "edition 3");
    const refused = await project.pulumi([
      "preview",
      ...withStrategy({ ...INSTANT, trafficStrategy: "GRADUAL" }),
    ]);
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain("STATE_OWNED_SPLIT");
    expect(await ask("Sum")).toBe("TKN 1 115");
    const ran = await up(STEPS);
    ok(ran);
    expect(processOf(project, "token")).not.toBe(first);
    expect(await ask("Sum")).toBe("TKN 2 115");
  });

  it("switches nothing if a global cannot be handed over, and names it", async () => {
    const serving = processOf(project, "token");
    edit(
      "  Balances.owner = Balances.owner + 5\n",
      "  Balances.owner = Balances.owner + 5\n  Hook = { f = print }\n",
    );
    ok(await up({ kind: "sequential" }));
    expect(processOf(project, "token")).toBe(serving);
    await ask("Mint");
    edit("edition 3", "edition 4");
    const ran = await up(INSTANT);
    expect(ran.code).not.toBe(0);
    expect(ran.text).toContain("[HANDOVER_FAILED]");
    expect(ran.text).toContain("Hook.f is a function");
    expect(processOf(project, "token")).toBe(serving);
    expect(await ask("Mint")).toBe("minted");
    expect(await ask("Sum")).toBe("TKN 2 125");
  });

  it("hands over what the declaration names, and reports what stays behind", async () => {
    project.write("index.ts", program('state: { globals: ["Balances"] }'));
    const ran = await up(INSTANT);
    ok(ran);
    expect(ran.text).toMatch(
      /token +handed over state .* 1 global \(Balances\).* left behind because they are not declared: Hook/,
    );
    expect(await ask("Sum")).toBe("TKN 2 125");
  });

  it("is reported as refusing requests after a deployer died inside the hand-over, until the next deploy continues", async () => {
    const serving = processOf(project, "token");
    edit("edition 4", "edition 5");
    edit("Fee = 2", "Fee = 3");
    const died = await fleet(project, ["deploy", "--yes"], { FLEET_CRASH_AT: "handover.drained" });
    expect(died.code).toBe(1);
    expect(died.text).toContain("[PROVIDER_ENDED]");
    expect(died.text).toMatch(/refusing requests: +token \(DRAINING\)/);
    expect(died.text).toMatch(/running as before: +coordinator\n/);
    expect(died.text).toMatch(/next: +npx fleet deploy: it continues where this run stopped\n/);
    const status = await fleet(project, ["status"]);
    expect(status.code).toBe(1);
    expect(status.text).toMatch(/token: it refuses requests, .* npx fleet deploy completes or reverts it/);
    ok(await fleet(project, ["deploy", "--yes"]));
    expect(processOf(project, "token")).not.toBe(serving);
    expect(await ask("Sum")).toBe("TKN 3 125");
    expect((await fleet(project, ["status"])).code).toBe(0);
  });
});
