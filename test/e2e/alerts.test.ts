import { describe } from "vitest";
import { tellAlerts } from "./alerts-story.ts";

// All faults: npx vitest run --config test/e2e/all-alerts.config.ts
describe("what goes wrong in a real fleet is seen by all who watch it", { timeout: 180_000 }, () =>
  tellAlerts(false),
);
