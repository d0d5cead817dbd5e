import { describe } from "vitest";
import { warmProcessStory } from "./warm-processes-story.ts";

describe("a rollback to warm processes, in all ways", { timeout: 600_000 }, () => warmProcessStory(true));
