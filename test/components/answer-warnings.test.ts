import { expect, test } from "vitest";
import { answerFindings } from "../../components/answer-warnings.ts";
import { FleetDeclarationSchema } from "../../components/declaration.ts";

const NODE = { kind: "local", dir: "x", protocol: "mainnet" };
function findings(
  token: object,
  { network = NODE, peers = ["token"] }: { network?: object; peers?: string[] } = {},
) {
  const fleet = FleetDeclarationSchema.parse({ network, processes: { router: { peers }, shop: {}, token } });
  const planned = ["router", "shop", "token"].map((name) => {
    const { lib = true, peers = [] } = fleet.processes[name] ?? {};
    return { name, declared: { peers, ...(lib ? {} : { lib: false as const }) } };
  });
  return answerFindings(fleet, planned).map(({ code, at, got }) => [code, at, got]);
}

test("the answers of a member without the library can be forged on a node, if others call it", () => {
  expect(findings({ lib: false })).toEqual([
    ["ANSWERS_UNPROVEN", "processes.token.lib", "lib: false, called by router"],
  ]);
  expect(findings({ lib: false, silence: { ANSWERS_UNPROVEN: "nothing depends on them" } })).toEqual([]);
  expect(findings({ lib: false }, { peers: [] })).toEqual([]);
  expect(findings({ lib: true })).toEqual([]);
  expect(findings({ lib: false }, { network: { kind: "local", dir: "x" } })).toEqual([]);
});
