import { describe } from "vitest";
import { warmProcessStory } from "./warm-processes-story.ts";

// The long form: npx vitest run --config test/rollback/all-rollbacks.config.ts
describe("a rollback to warm processes", { timeout: 240_000 }, () => warmProcessStory(false));
