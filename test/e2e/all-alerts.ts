import { describe } from "vitest";
import { tellAlerts, tellQuiet } from "./alerts-story.ts";

describe("a healthy fleet", { timeout: 900_000 }, () => tellQuiet());

describe("every fault of a real fleet is seen by all who watch it", { timeout: 300_000 }, () =>
  tellAlerts(true),
);
