import { describe } from "vitest";
import { tellStory } from "./warm-story.ts";

describe("a rollback to warm processes, in all ways", { timeout: 600_000 }, () => tellStory(true));
