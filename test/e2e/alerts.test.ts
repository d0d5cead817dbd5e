import { describe } from "vitest";
import { tellAlerts } from "./alerts-story.ts";

// All faults: npx vitest run --config test/e2e/all-alerts.config.ts
describe("faults of a real fleet are reported by every observer", { timeout: 180_000 }, () =>
  tellAlerts(false),
);
