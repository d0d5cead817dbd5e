import { describe } from "vitest";
import { tellAlerts, tellQuiet } from "./alerts-story.ts";

describe("a healthy fleet", { timeout: 900_000 }, () => tellQuiet());

describe("every fault of a real fleet is reported by every observer", { timeout: 300_000 }, () =>
  tellAlerts(true),
);
