--- Allowed values of the admin process' thresholds. Generated from src/monitor by `npm run docs`; a test compares the two.
return {
  intervalMs = { type = "integer", min = 1000, max = 86400000, default = 30000 },
  timeoutMs = { type = "integer", min = 1, max = 3600000, default = 5000 },
  missesToOffline = { type = "integer", min = 1, max = 86400, default = 3 },
  offlineShare = { type = "number", min = 0, max = 1, default = 0.25 },
  healthyShare = { type = "number", min = 0, max = 1, default = 0.95 },
  degradedShare = { type = "number", min = 0, max = 1, default = 0.25 },
  passHealthyShare = { type = "number", min = 0, max = 1, default = 0.95 },
  passOfflineShare = { type = "number", min = 0, max = 1, default = 0.1 },
  passUnhealthyShare = { type = "number", min = 0, max = 1, default = 0.05 },
  errorRate = { type = "number", min = 0, max = 1, default = 0.05 },
  responseMs = { type = "integer", min = 1, max = 3600000, default = 5000 },
  retries = { type = "integer", min = 0, max = 100, default = 3 },
  retryDelayMs = { type = "integer", min = 100, max = 3600000, default = 10000 },
}
