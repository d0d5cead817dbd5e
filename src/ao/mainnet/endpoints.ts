import { z } from "zod";

/** The endpoints of AO's production network: a HyperBEAM node, and the gateway that knows the modules. */
export interface NodeEndpoints {
  readonly nodeUrl: string;
  readonly gatewayUrl: string;
  readonly graphqlUrl: string;
  /** The node's address, which schedules new processes. */
  readonly scheduler: string;
  /** The address that may push messages between processes: the node's. */
  readonly authority: string;
  /** Upload service for modules; without it nothing can be published. */
  readonly uploadUrl?: string;
}

const UnitsSchema = z.object({
  nodeUrl: z.string(),
  gatewayUrl: z.string(),
  graphqlUrl: z.string(),
  scheduler: z.string(),
  authority: z.string(),
  uploadUrl: z.string().optional(),
});

/** Reads the roles of a resolved network as those of a node. @throws ZodError if one is missing */
export function nodeEndpointsOf(network: {
  readonly units: Readonly<Record<string, string>>;
}): NodeEndpoints {
  const { uploadUrl, ...rest } = UnitsSchema.parse(network.units);
  return { ...rest, ...(uploadUrl === undefined ? {} : { uploadUrl }) };
}
