import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The images that tests boot are there; a process that a test left behind fails the run.
    globalSetup: ["test/setup/images.ts", "test/setup/processes.ts"],
    setupFiles: ["test/setup/file.ts"],
    // Real evaluators and real child processes: slow is not wrong, stuck is.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Each file in a process of its own: evaluators patch globals, and one file's crash is not another's.
    pool: "forks",
    // Two at once also on two cores: much of a test's time is waiting for a child process.
    maxWorkers: 2,
    // A skipped test is a promise nobody keeps; a retried one hides a race.
    retry: 0,
    // What a passing test prints is nobody's concern.
    silent: "passed-only",
    allowOnly: false,
  },
});
