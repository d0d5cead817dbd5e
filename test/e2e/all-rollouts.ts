import { describe } from "vitest";
import { tellStory } from "./rollouts-story.ts";

describe("a release by each strategy while clients send", { timeout: 600_000 }, () => tellStory(true));
