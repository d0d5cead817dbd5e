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
