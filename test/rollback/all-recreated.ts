import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Project, Ran } from "../e2e/project.ts";
import { fleet, fleetProject, look, processOf, releases, seen, write } from "./fleet.ts";

let project: Project;
let first: string;
let count = 0;

const up = (...more: string[]): Promise<Ran> => project.pulumi(["up", "--yes", "--skip-preview", ...more]);
const back = (...args: string[]) => fleet(project, ["rollback", "--yes", "--json", ...args]);
const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const waysOf = ({ stdout }: { stdout: string }) =>
  JSON.parse(stdout).members as { name: string; kind: string; snapshot?: { digest: string } }[];

beforeAll(async () => {
  project = await fleetProject("anew");
  ok(await up());
  first = project.json<{ deploymentId: string }>(".fleet/releases/anew.dev/current.json").deploymentId;
  count += 5;
  expect(await look(project, count)).toEqual(seen(1, count));
}, 600_000);
afterAll(() => project.close());

describe("a rollback with the real pulumi", { timeout: 600_000 }, () => {
  it("creates a member again that the program dropped, with the last state of its retired process", async () => {
    const retired = processOf(project, "counter");
    const index = releases[0]?.["index.ts"] ?? "";
    const from = index.indexOf("    counter:");
    const alone = `${index.slice(0, from)}    reader: {},${index.slice(index.indexOf("\n  },\n});", from))}`;
    project.write("index.ts", alone);
    ok(await up());
    expect(() => processOf(project, "counter")).toThrow();
    const ran = await back("--to", first);
    ok(ran);
    expect(ran.text).toMatch(/counter +new process with imported state of/);
    expect(ran.text).toMatch(/\+ create process +counter/);
    expect(waysOf(ran).find(({ name }) => name === "counter")).toMatchObject({
      kind: "new",
      snapshot: { digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(processOf(project, "counter")).not.toBe(retired);
    expect(await look(project, 1)).toEqual(seen(1, ++count));
    expect(await project.idle()).toBe("");
  });

  it("returns one member with --only, and leaves the others as they run", async () => {
    ok(await back("--clear"));
    write(project, 2);
    ok(await up());
    expect(await look(project, 1)).toEqual(seen(2, ++count));
    const ids = ["counter", "reader"].map((name) => processOf(project, name));
    const ran = await back("--to", first, "--only", "counter");
    ok(ran);
    expect(waysOf(ran).map(({ name, kind }) => [name, kind])).toEqual([["counter", "in-place"]]);
    expect(ran.text).not.toMatch(/reader +loaded/);
    expect(ids).toEqual(["counter", "reader"].map((name) => processOf(project, name)));
    const { greeting } = seen(2, 0);
    expect(await look(project, 1)).toEqual({ ...seen(1, ++count), greeting });
    expect(await project.idle()).toBe("");
    ok(await back("--clear"));
    ok(await up());
    expect(await look(project, 1)).toEqual(seen(2, ++count));
  });
});
