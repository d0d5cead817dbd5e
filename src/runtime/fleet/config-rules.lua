--- Allowed values of each setting. Generated from src/fleet/config/types.ts by `npm run docs`; a test compares the two.
return {
  ENVIRONMENT_VARS = {
    type = "object",
    values = { type = "string", maxLength = 4096 },
    keys = {
      type = "string",
      maxLength = 128,
      pattern = "^[A-Za-z%_][A-Za-z0-9%_%.%-]*$",
      like = "^[A-Za-z_][A-Za-z0-9_.-]*$",
    },
    maxKeys = 200,
  },
  FEATURE_FLAGS = {
    type = "object",
    values = { type = "boolean" },
    keys = { type = "string", maxLength = 128, pattern = "^[A-Za-z][A-Za-z0-9%_%.%-]*$", like = "^[A-Za-z][A-Za-z0-9_.-]*$" },
    maxKeys = 200,
  },
  LOGGING_CONFIG = {
    type = "object",
    fields = { logLevel = { type = "string", enum = { "DEBUG", "INFO", "WARN", "ERROR", "FATAL" }, default = "INFO" } },
  },
  MONITORING_CONFIG = {
    type = "object",
    fields = {
      metricsEnabled = { type = "boolean", default = true },
      healthCheckInterval = { type = "number", max = 86400000, above = 0, example = 30000 },
    },
  },
  PROCESS_CONFIG = {
    type = "object",
    fields = {
      processType = {
        type = "string",
        minLength = 1,
        maxLength = 4096,
        example = "BATTLE",
        idle = "a process declares its type itself, in its program",
      },
      maxConcurrentRequests = { type = "integer", max = 1000000, above = 0, example = 100, default = 256 },
      requestTimeout = { type = "number", max = 86400000, above = 0, example = 30000, default = 30000 },
      enableMetrics = { type = "boolean", default = true },
    },
  },
  RATE_LIMITS = {
    type = "object",
    values = {
      type = "object",
      fields = {
        capacity = { type = "integer", max = 100000, above = 0, example = 20, required = true },
        perSecond = { type = "number", min = 0.0001, max = 100000, example = 1, required = true },
      },
    },
    keys = {
      type = "string",
      maxLength = 128,
      pattern = "^[A-Za-z0-9%_%*%.%-][A-Za-z0-9%_%*%.%-]*$",
      like = "^[A-Za-z0-9_*.-]+$",
    },
    maxKeys = 200,
  },
  RESOURCE_LIMITS = {
    type = "object",
    fields = {
      maxMemoryMB = { type = "number", max = 9007199254740991, above = 0, example = 64 },
      maxConnections = {
        type = "number",
        max = 9007199254740991,
        above = 0,
        example = 100,
        idle = "an AO process has no connections, only messages",
      },
      maxStorageMB = {
        type = "number",
        max = 9007199254740991,
        above = 0,
        example = 100,
        idle = "AO neither measures nor limits this",
      },
      maxCpuPercent = { type = "number", min = 1, max = 100, example = 50, idle = "AO neither measures nor limits this" },
    },
  },
  SECURITY_CONFIG = {
    type = "object",
    fields = {
      authLevel = { type = "string", enum = { "STANDARD", "HIGH", "MAXIMUM" }, default = "STANDARD" },
      encryptionEnabled = { type = "boolean", idle = "all messages and state of an AO process are public; seal secrets instead" },
    },
  },
  SERVICES = {
    type = "object",
    values = {
      type = "object",
      fields = {
        member = {
          type = "string",
          maxLength = 63,
          pattern = "^[a-z][a-z0-9%-]*$",
          like = "^[a-z][a-z0-9-]*$",
          example = "shop",
        },
        process = {
          type = "string",
          minLength = 43,
          maxLength = 43,
          pattern = "^[A-Za-z0-9%_%-][A-Za-z0-9%_%-]*$",
          like = "^[A-Za-z0-9_-]+$",
        },
        wallet = {
          type = "string",
          minLength = 43,
          maxLength = 43,
          pattern = "^[A-Za-z0-9%_%-][A-Za-z0-9%_%-]*$",
          like = "^[A-Za-z0-9_-]+$",
        },
        url = {
          type = "string",
          maxLength = 2048,
          pattern = "^https?%:[^ ][^ ]*$",
          like = "^https?:[^ ]+$",
          example = "https://example.org/prices",
        },
      },
      minKeys = 1,
      maxKeys = 1,
    },
    keys = { type = "string", maxLength = 128, pattern = "^[A-Za-z][A-Za-z0-9%_%.%-]*$", like = "^[A-Za-z][A-Za-z0-9_.-]*$" },
    maxKeys = 200,
  },
}
