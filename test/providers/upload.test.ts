import { afterEach, expect, it } from "vitest";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import type { FaultRule, Script } from "../simnet/index.ts";
import { checked, createProcess, type Stack, simulatedStack } from "./fixture.ts";

/** An uploaded program, on a network that loses calls and answers. */

let stack: Stack;
afterEach(() => stack.close());

/** A program of over 30 kB; another `build` makes another program. */
async function large(name: string, build = 1): Promise<Record<string, unknown>> {
  const script: Script = { state: { build, padding: "x".repeat(30_000) } };
  const { network, ...rest } = await stack.inputs(name, script);
  const { endpoints } = stack.net;
  return {
    ...rest,
    network: { ...(network as object), uploadUrl: endpoints.gatewayUrl, maxMessageBytes: 20_000 },
  };
}

const posted = (on: FaultRule["on"]): { readonly bytes: number[] } => {
  const bytes: number[] = [];
  stack.net.faults.add({
    on,
    name: "counter",
    match: ({ body }) => {
      bytes.push(body.length);
      return false;
    },
    fault: { kind: "reset" },
  });
  return { bytes };
};

it.each<[string, FaultRule[]]>([
  ["nothing", []],
  ["the upload, twice", [{ on: "gateway.post", nth: [1, 2], fault: { kind: "reset" } }]],
  ["the answer of the upload", [{ on: "gateway.post", nth: 1, fault: { kind: "loseAnswer" } }]],
  [
    "the upload to a proxy that answers with an error",
    [{ on: "gateway.post", nth: 1, fault: { kind: "html", status: 502 } }],
  ],
  ["the assignment, twice", [{ on: "mu.assign", nth: [1, 2], fault: { kind: "reset" } }]],
  ["the answer of the assignment", [{ on: "mu.assign", nth: 1, fault: { kind: "loseAnswer" } }]],
  [
    "the gateway's index, for a while",
    [
      {
        on: "mu.assign",
        nth: [1, 2],
        fault: {
          kind: "status",
          status: 500,
          body: '{"error":"Error: 400: {\\"error\\":\\"Invalid gateway tx for assigning\\"}"}',
        },
      },
    ],
  ],
])("loses %s: one healthy process, one load of the whole program", async (_, rules) => {
  stack = await simulatedStack();
  for (const rule of rules) stack.net.faults.add(rule);
  const sent = posted("mu.message");
  const outs = await createProcess(await large("battle"));
  expect(outs.health.status).toBe("HEALTHY");
  const evals = stack.net.oracle.messages(outs.processId).filter(({ tags }) => tags.Action === "Eval");
  expect(evals.map(({ id }) => id)).toEqual([outs.revision?.evalId]);
  expect(evals[0]?.data.length).toBeGreaterThan(30_000);
  expect(Math.max(...sent.bytes)).toBeLessThan(20_000);
  const { outs: next } = await lifecycle.update("id", outs, await checked(await large("battle", 2)));
  expect(next.processId).toBe(outs.processId);
  expect(stack.evalsOf("battle")).toBe(2);
});
