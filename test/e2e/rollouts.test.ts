import { describe } from "vitest";
import { tellStory } from "./rollouts-story.ts";

// All strategies: npx vitest run --config test/e2e/all-rollouts.config.ts
describe("a release while clients send", { timeout: 240_000 }, () => tellStory(false));
