import { z } from "zod";
import { resolveNetwork } from "../../../src/ao/network.ts";
import { portContract } from "./suite.ts";

/**
 * The contract of the port against a real HyperBEAM node. It spawns processes there.
 *
 * - `NODE_URL`: the node
 * - `NODE_MODULE`: an aos module for `genesis-wasm@1.0` that the node can load
 * - `GATEWAY_URL`: a gateway with GraphQL and `POST /tx`, to which the node uploads what it accepts
 */
const { NODE_URL, NODE_MODULE, GATEWAY_URL } = z
  .looseObject({ NODE_URL: z.url(), NODE_MODULE: z.string().length(43), GATEWAY_URL: z.url() })
  .parse(process.env);

portContract(`the node at ${NODE_URL}`, async () => ({
  network: await resolveNetwork(
    { kind: "mainnet", nodeUrl: NODE_URL, gatewayUrl: GATEWAY_URL, uploadUrl: GATEWAY_URL },
    () => Promise.reject(new Error("not the embedded network")),
  ),
  module: NODE_MODULE,
  drivesCrons: false,
  servesState: true,
  isWhole: false,
  close: async () => undefined,
}));
