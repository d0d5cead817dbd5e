import { describe } from "vitest";
import { tellStory } from "./warm-story.ts";

// The long form: npx vitest run --config test/rollback/all-rollbacks.config.ts
describe("a rollback to warm processes", { timeout: 240_000 }, () => tellStory(false));
