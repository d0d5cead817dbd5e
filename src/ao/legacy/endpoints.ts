import { z } from "zod";

const LegacyEndpointsSchema = z.object({
  gatewayUrl: z.string(),
  graphqlUrl: z.string(),
  muUrl: z.string(),
  cuUrl: z.string(),
  /** The address of the scheduler for new processes. */
  scheduler: z.string(),
  /** The unit of that scheduler. Default: its `Scheduler-Location` on the gateway. */
  suUrl: z.string().exactOptional(),
  /** The address that may push messages between processes: the messenger unit's. */
  authority: z.string(),
  /** Upload service for data items of any size; without it nothing can be uploaded. */
  uploadUrl: z.string().exactOptional(),
  /** Largest message in bytes that the messenger unit accepts. Default 10,000,000. */
  maxMessageBytes: z.number().exactOptional(),
});

/** The units of a network of the legacy protocol, and what they accept. */
export type LegacyEndpoints = Readonly<z.output<typeof LegacyEndpointsSchema>>;

/** Reads the roles of a resolved network as those of the legacy protocol. @throws ZodError if one is missing */
export const endpointsOf = (network: {
  readonly units: Readonly<Record<string, string>>;
  readonly maxMessageBytes: number;
}): LegacyEndpoints =>
  LegacyEndpointsSchema.parse({ ...network.units, maxMessageBytes: network.maxMessageBytes });
