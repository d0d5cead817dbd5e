import { z } from "zod";

const most = Number.MAX_SAFE_INTEGER;
const whole = () => z.number().int().positive();
const text = () => z.string().min(1).max(4096);
const NOT_ENFORCEABLE = "AO neither measures nor limits this";

/** An object with arbitrary keys: at most `atMost`, each with a value of `values`. */
function dictionary<V extends z.ZodType>(key: RegExp, values: V, atMost: number) {
  return z
    .record(z.string().regex(key).max(128), values)
    .refine((value) => Object.keys(value).length <= atMost)
    .meta({ maxProperties: atMost });
}

/** A service of `SERVICES`: exactly one of these. */
const ServiceSchema = z
  .strictObject({
    /** A member of this fleet, by its name; the process receives the member's id. */
    member: z
      .string()
      .regex(/^[a-z][a-z0-9-]*$/)
      .max(63)
      .optional()
      .meta({ examples: ["shop"] }),
    /** Any AO process, such as a router, by its id. */
    process: z
      .string()
      .regex(/^[A-Za-z0-9_-]+$/)
      .min(43)
      .max(43)
      .optional(),
    /** A wallet's address. */
    wallet: z
      .string()
      .regex(/^[A-Za-z0-9_-]+$/)
      .min(43)
      .max(43)
      .optional(),
    /** An address outside AO. A process cannot call it, only pass the address on. */
    url: z
      .string()
      .regex(/^https?:[^ ]+$/)
      .max(2048)
      .optional()
      .meta({ examples: ["https://example.org/prices"] }),
  })
  .refine((value) => Object.values(value).filter((one) => one !== undefined).length === 1)
  .meta({ minProperties: 1, maxProperties: 1 });

/**
 * The built-in settings of every process. The first six are the guide's; unknown keys are refused. The rules with which a
 * process checks them (`src/runtime/fleet/config-rules.lua`) are generated from these schemas.
 *
 * `idle` explains why AO cannot enforce a setting: it is stored and reported.
 */
export const CONFIG_TYPES = {
  /** Processing of requests. */
  PROCESS_CONFIG: z.strictObject({
    /** The type of the process, for clients that search by type. */
    processType: text()
      .optional()
      .meta({ examples: ["BATTLE"], idle: "a process declares its type itself, in its program" }),
    /**
     * Maximum number of open requests: those whose answer waits for another process. Further ones are answered with `BUSY`, or another
     * one loses its place: no sender and no service gets more than others want, and new senders leave room for known ones.
     */
    maxConcurrentRequests: whole()
      .max(1_000_000)
      .optional()
      .meta({ examples: [100], default: 256 }),
    /** Milliseconds after which a call to another process counts as unanswered. */
    requestTimeout: z
      .number()
      .positive()
      .max(86_400_000)
      .optional()
      .meta({ examples: [30_000], default: 30_000 }),
    /** Whether requests are counted by action. */
    enableMetrics: z.boolean().optional().meta({ default: true }),
  }),
  /** Strings by name, for the program: `fleet.config("ENVIRONMENT_VARS", "NAME")`. */
  ENVIRONMENT_VARS: dictionary(/^[A-Za-z_][A-Za-z0-9_.-]*$/, z.string().max(4096), 200),
  /** Limits of resources. */
  RESOURCE_LIMITS: z.strictObject({
    /** Megabytes of Lua heap. Above this, changes are refused with `MEMORY_LIMIT` and health is DEGRADED. */
    maxMemoryMB: z
      .number()
      .positive()
      .max(most)
      .optional()
      .meta({ examples: [64] }),
    /** Connections. */
    maxConnections: z
      .number()
      .positive()
      .max(most)
      .optional()
      .meta({ examples: [100], idle: "an AO process has no connections, only messages" }),
    /** Megabytes of storage. */
    maxStorageMB: z
      .number()
      .positive()
      .max(most)
      .optional()
      .meta({ examples: [100], idle: NOT_ENFORCEABLE }),
    /** Share of a processor. */
    maxCpuPercent: z
      .number()
      .min(1)
      .max(100)
      .optional()
      .meta({ examples: [50], idle: NOT_ENFORCEABLE }),
  }),
  /** Authorization. */
  SECURITY_CONFIG: z.strictObject({
    /** Who may make changes: STANDARD as the program defines, HIGH only through the fleet's processes, MAXIMUM only deployers. */
    authLevel: z.enum(["STANDARD", "HIGH", "MAXIMUM"]).optional().meta({ default: "STANDARD" }),
    /** Whether data is encrypted. */
    encryptionEnabled: z.boolean().optional().meta({
      idle: "all messages and state of an AO process are public; seal secrets instead",
    }),
  }),
  /** The process' log. */
  LOGGING_CONFIG: z.strictObject({
    /** The lowest level that is stored in the process' log. */
    logLevel: z.enum(["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]).optional().meta({ default: "INFO" }),
  }),
  /** Metrics and health checks. */
  MONITORING_CONFIG: z.strictObject({
    /** Whether requests are counted by action. */
    metricsEnabled: z.boolean().optional().meta({ default: true }),
    /** Milliseconds between two rounds of the process that monitors the others. */
    healthCheckInterval: z
      .number()
      .positive()
      .max(86_400_000)
      .optional()
      .meta({ examples: [30_000] }),
  }),
  /** Rate limits per sender and action; `*` matches every other action. Requests above the limit get `RATE_LIMITED`. The fleet's own processes are exempt. */
  RATE_LIMITS: dictionary(
    /^[A-Za-z0-9_*.-]+$/,
    z.strictObject({
      /** Maximum burst of requests. */
      capacity: whole()
        .max(100_000)
        .meta({ examples: [20] }),
      /** Requests that are allowed per second. */
      perSecond: z
        .number()
        .min(0.0001)
        .max(100_000)
        .meta({ examples: [1] }),
    }),
    200,
  ),
  /** Features by name, for the program: `fleet.flag("ranked", true)`. */
  FEATURE_FLAGS: dictionary(/^[A-Za-z][A-Za-z0-9_.-]*$/, z.boolean(), 200),
  /** Addresses by name, for the program: `fleet.service("treasury")`. */
  SERVICES: dictionary(/^[A-Za-z][A-Za-z0-9_.-]*$/, ServiceSchema, 200),
} as const;

/** Name of a built-in type. */
export type ConfigType = keyof typeof CONFIG_TYPES;

/** Whether a type is built in. */
export const isBuiltIn = (configType: string): configType is ConfigType =>
  Object.hasOwn(CONFIG_TYPES, configType);
