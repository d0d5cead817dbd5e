import { expect, test } from "vitest";
import { answerFindings } from "../../components/answer-warnings.ts";
import { FleetDeclarationSchema } from "../../components/declaration.ts";

const NODE = { kind: "local", dir: "x", protocol: "mainnet" };
function findings(token: object, { network, peers = ["token"] }: { network: object; peers?: string[] }) {
  const fleet = FleetDeclarationSchema.parse({ network, processes: { router: { peers }, shop: {}, token } });
  const planned = ["router", "shop", "token"].map((name) => {
    const { lib = true, peers = [] } = fleet.processes[name] ?? {};
    return { name, declared: { peers, ...(lib ? {} : { lib: false as const }) } };
  });
  return answerFindings(fleet, planned).map(({ code, at, got, what }) => [code, at, got, what.slice(0, 24)]);
}

test.each([
  ["a node, which names no chains", NODE, "Anybody who sees a reque"],
  ["a network that names chains", { kind: "local", dir: "x" }, "Whoever causes a request"],
])(
  "the answers of a member without the library can be forged on %s, if others call it",
  (_where, network, who) => {
    expect(findings({ lib: false }, { network })).toEqual([
      ["ANSWERS_UNPROVEN", "processes.token.lib", "lib: false, called by router", who],
    ]);
    expect(
      findings({ lib: false, silence: { ANSWERS_UNPROVEN: "nothing depends on them" } }, { network }),
    ).toEqual([]);
    expect(findings({ lib: false }, { network, peers: [] })).toEqual([]);
    expect(findings({ lib: true }, { network })).toEqual([]);
  },
);
