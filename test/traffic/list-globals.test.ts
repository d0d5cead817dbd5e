/** The globals of a process whose library does not export them. */
import { beforeAll, describe, expect, it } from "vitest";
import { listGlobals } from "../../providers/traffic/list-globals.ts";
import { budgetOf } from "../../src/core/budget.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { type Aos, boot } from "../processes/aos.ts";

/** A session whose Evals run in this process. */
function sessionOf(evaluate: (lua: string) => Promise<{ output: string; error?: string | undefined }>) {
  let lua = "";
  return {
    scope: { project: "p", stack: "s" },
    ao: {
      send: async ({ data = "" }: { data?: string }) => {
        lua = data;
        return { id: "message", resent: false };
      },
      evaluation: () => evaluate(lua),
      settle: async () => {},
    },
  } as unknown as Session;
}
const at = { name: "token", processId: "p".repeat(43) };

describe("the globals of a process with an earlier library", () => {
  let plain: Aos;
  beforeAll(async () => {
    plain = await boot("plain", { source: "Balances = Balances or { owner = 100 }" });
  }, 60_000);
  const listed = (p: Aos) =>
    listGlobals(
      sessionOf((lua) => p.eval(lua)),
      at,
      budgetOf(30),
    );

  it("are named whatever their names contain", async () => {
    const p = await plain.clone();
    await p.eval('_G["$fee"] = 1 _G[""] = 2 _G["a,b;c"] = 3 _G["Größe\\n"] = 4');
    const own = ["Balances", "$fee", "", "a,b;c", "Größe\n"];
    expect((await listed(p)).filter((name) => own.includes(name)).sort()).toEqual([...own].sort());
  });

  it("are not taken for none if the process does not list them", async () => {
    for (const answer of [{ output: "" }, { output: "", error: "no room" }, { output: "globals:Balances" }])
      await expect(
        listGlobals(
          sessionOf(async () => answer),
          at,
          budgetOf(30),
        ),
      ).rejects.toThrow("STATE_NOT_KNOWN");
  });
});
