import { describe } from "vitest";
import { tellStory } from "./warm-story.ts";

// All of it: npx vitest run --config test/rollback/all-rollbacks.config.ts
describe("back to warm processes", { timeout: 240_000 }, () => tellStory(false));
