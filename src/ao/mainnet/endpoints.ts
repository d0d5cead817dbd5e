import { z } from "zod";

const NodeEndpointsSchema = z.object({
  nodeUrl: z.string(),
  gatewayUrl: z.string(),
  graphqlUrl: z.string(),
  /** The node's own address, if it has to be this one: compared before anything is signed. */
  nodeAddress: z.string().exactOptional(),
  /** The address that schedules new processes. Default: the node's, which is asked. */
  scheduler: z.string().exactOptional(),
  /** The address that may push messages between processes. Default: the node's, which is asked. */
  authority: z.string().exactOptional(),
  /** Upload service for modules; without it nothing can be published. */
  uploadUrl: z.string().exactOptional(),
});

/** The endpoints of AO's production network: a HyperBEAM node, and the gateway that knows the modules. */
export type NodeEndpoints = Readonly<z.output<typeof NodeEndpointsSchema>>;

/** Reads the roles of a resolved network as those of a node. @throws ZodError if one is missing */
export const nodeEndpointsOf = (network: {
  readonly units: Readonly<Record<string, string>>;
}): NodeEndpoints => NodeEndpointsSchema.parse(network.units);
