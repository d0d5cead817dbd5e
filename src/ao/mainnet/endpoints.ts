import { z } from "zod";

/** The endpoints of AO's production network: a HyperBEAM node, and the gateway that knows the modules. */
export interface NodeEndpoints {
  readonly nodeUrl: string;
  readonly gatewayUrl: string;
  readonly graphqlUrl: string;
  /** The node's own address, if it has to be this one. */
  readonly nodeAddress?: string;
  /** The address that schedules new processes. Default: the node's, which is asked. */
  readonly scheduler?: string;
  /** The address that may push messages between processes. Default: the node's, which is asked. */
  readonly authority?: string;
  /** Upload service for modules; without it nothing can be published. */
  readonly uploadUrl?: string;
}

const UnitsSchema = z.object({
  nodeUrl: z.string(),
  gatewayUrl: z.string(),
  graphqlUrl: z.string(),
  nodeAddress: z.string().optional(),
  scheduler: z.string().optional(),
  authority: z.string().optional(),
  uploadUrl: z.string().optional(),
});

/** Reads the roles of a resolved network as those of a node. @throws ZodError if one is missing */
export function nodeEndpointsOf(network: {
  readonly units: Readonly<Record<string, string>>;
}): NodeEndpoints {
  const { nodeUrl, gatewayUrl, graphqlUrl, ...optional } = UnitsSchema.parse(network.units);
  const given = Object.entries(optional).filter(([, unit]) => unit !== undefined);
  return { nodeUrl, gatewayUrl, graphqlUrl, ...Object.fromEntries(given) };
}
