import { describe } from "vitest";
import { tellAlerts } from "./alerts-story.ts";

describe("every fault of a real fleet is seen by all who watch it", { timeout: 300_000 }, () =>
  tellAlerts(true),
);
