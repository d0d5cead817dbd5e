import { z } from "zod";

const most = Number.MAX_SAFE_INTEGER;
const whole = () => z.number().int().positive();
const text = () => z.string().min(1).max(4096);
const MEMORYLESS = "an AO process has no such gauge, and nobody who could hold it to one";

/** An object with keys of one's own: at most so many, each of `values`. */
function dictionary<V extends z.ZodType>(key: RegExp, values: V, atMost: number) {
  return z
    .record(z.string().regex(key).max(128), values)
    .refine((value) => Object.keys(value).length <= atMost)
    .meta({ maxProperties: atMost });
}

/** What a service of `SERVICES` is: exactly one of these. */
const ServiceSchema = z
  .strictObject({
    /** A member of this fleet, by its name; the process is told the member's id. */
    member: z
      .string()
      .regex(/^[a-z][a-z0-9-]*$/)
      .max(63)
      .optional()
      .meta({ examples: ["shop"] }),
    /** Any AO process, a router among them, by its id. */
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
    /** Something off AO. A process cannot call it: it hands the address on. */
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
 * The settings that every process knows. The first six are the guide's; unknown keys are refused. The rules that a process
 * checks them by (`src/runtime/fleet/config-rules.lua`) are made from these schemas.
 *
 * `idle` says why nothing on AO can enforce a setting: it is kept and reported.
 */
export const CONFIG_TYPES = {
  /** How the process works. */
  PROCESS_CONFIG: z.strictObject({
    /** The kind of process, as clients may look for it. */
    processType: text()
      .optional()
      .meta({ examples: ["BATTLE"], idle: "a process says its kind itself, in its program" }),
    /** Requests that may be under way at once: those whose answer waits for another process. One more is answered `BUSY`. */
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
    /** Whether requests are counted by their action. */
    enableMetrics: z.boolean().optional().meta({ default: true }),
  }),
  /** Texts by name, for the program: `fleet.config("ENVIRONMENT_VARS", "NAME")`. */
  ENVIRONMENT_VARS: dictionary(/^[A-Za-z_][A-Za-z0-9_.-]*$/, z.string().max(4096), 200),
  /** What it may use. */
  RESOURCE_LIMITS: z.strictObject({
    /** Megabytes of Lua heap. Beyond them changes are refused with `MEMORY_LIMIT` and health is DEGRADED. */
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
      .meta({ examples: [100], idle: MEMORYLESS }),
    /** Share of a processor. */
    maxCpuPercent: z
      .number()
      .min(1)
      .max(100)
      .optional()
      .meta({ examples: [50], idle: MEMORYLESS }),
  }),
  /** Who may do what. */
  SECURITY_CONFIG: z.strictObject({
    /** Who may change something: STANDARD as the program says, HIGH only through the fleet's processes, MAXIMUM only deployers. */
    authLevel: z.enum(["STANDARD", "HIGH", "MAXIMUM"]).optional().meta({ default: "STANDARD" }),
    /** Whether data is encrypted. */
    encryptionEnabled: z.boolean().optional().meta({
      idle: "all that an AO process is sent and holds can be read by everybody; seal secrets instead",
    }),
  }),
  /** What it keeps of what it has to say. */
  LOGGING_CONFIG: z.strictObject({
    /** The lowest level that is kept in the process' log. */
    logLevel: z.enum(["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]).optional().meta({ default: "INFO" }),
  }),
  /** What is counted and watched. */
  MONITORING_CONFIG: z.strictObject({
    /** Whether requests are counted by their action. */
    metricsEnabled: z.boolean().optional().meta({ default: true }),
    /** Milliseconds between two rounds of the process that monitors the others. */
    healthCheckInterval: z
      .number()
      .positive()
      .max(86_400_000)
      .optional()
      .meta({ examples: [30_000] }),
  }),
  /** How often one sender may ask for an action; `*` is every other one. Beyond it: `RATE_LIMITED`. The fleet's own processes are free. */
  RATE_LIMITS: dictionary(
    /^[A-Za-z0-9_*.-]+$/,
    z.strictObject({
      /** Requests that may come at once. */
      capacity: whole()
        .max(100_000)
        .meta({ examples: [20] }),
      /** Requests that are allowed again each second. */
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

/** Name of a type that every process knows. */
export type ConfigType = keyof typeof CONFIG_TYPES;

/** Whether every process knows the type. */
export const isBuiltIn = (configType: string): configType is ConfigType =>
  Object.hasOwn(CONFIG_TYPES, configType);
