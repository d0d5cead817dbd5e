import { join } from "node:path";
import { type LocalNetworkInfo, start } from "../../src/localnet/index.ts";
import type { Project } from "./project.ts";

/** A member that carries a router, and nothing else. */
export const ROUTER = `local fleet = require("fleet")
fleet.process { name = "coordinator", version = "1.0.0", capabilities = {} }
require("fleet.carry").serve()
`;

/**
 * Sets the project's stack `dev` to `network: mainnet`, with the HyperBEAM node of its embedded network in the place of a public one.
 *
 * @param name the project's name
 * @param more further settings
 */
export async function setNode(
  project: Project,
  name: string,
  more: (network: LocalNetworkInfo) => Record<string, string> = () => ({}),
): Promise<LocalNetworkInfo> {
  const network = await start(join(project.dir, ".fleet/localnet"));
  const { nodeUrl, gatewayUrl, modules } = network;
  const settings = { network: "mainnet", nodeUrl, gatewayUrl, module: modules.aos ?? "", ...more(network) };
  const lines = Object.entries(settings).map(([key, value]) => `  ${name}:${key}: ${value}\n`);
  const replaced = new RegExp(`^ {2}${name}:(network|healthCronSeconds): .*\\n`, "gm");
  const rest = project.text("Pulumi.dev.yaml").replace(replaced, "");
  project.write("Pulumi.dev.yaml", rest.replace("config:\n", `config:\n${lines.join("")}`));
  return network;
}
