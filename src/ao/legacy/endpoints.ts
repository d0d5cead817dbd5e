import { z } from "zod";

/** The units of a network of the legacy protocol, and what they accept. */
export interface LegacyEndpoints {
  readonly gatewayUrl: string;
  readonly graphqlUrl: string;
  readonly muUrl: string;
  readonly cuUrl: string;
  /** The address of the scheduler for new processes. */
  readonly scheduler: string;
  /** The unit of that scheduler. Default: its `Scheduler-Location` on the gateway. */
  readonly suUrl?: string;
  /** The address that may push messages between processes: the messenger unit's. */
  readonly authority: string;
  /** Upload service for data items of any size; without it nothing can be uploaded. */
  readonly uploadUrl?: string;
  /** Largest message in bytes that the messenger unit accepts. Default 10,000,000. */
  readonly maxMessageBytes?: number;
}

const UnitsSchema = z.object({
  gatewayUrl: z.string(),
  graphqlUrl: z.string(),
  muUrl: z.string(),
  cuUrl: z.string(),
  scheduler: z.string(),
  suUrl: z.string().optional(),
  authority: z.string(),
  uploadUrl: z.string().optional(),
});

/** Reads the roles of a resolved network as those of the legacy protocol. @throws ZodError if one is missing */
export function endpointsOf(network: {
  readonly units: Readonly<Record<string, string>>;
  readonly maxMessageBytes: number;
}): LegacyEndpoints {
  const { suUrl, uploadUrl, ...rest } = UnitsSchema.parse(network.units);
  return {
    ...rest,
    maxMessageBytes: network.maxMessageBytes,
    ...(suUrl === undefined ? {} : { suUrl }),
    ...(uploadUrl === undefined ? {} : { uploadUrl }),
  };
}
