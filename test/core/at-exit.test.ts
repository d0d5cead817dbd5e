import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { atExit } from "../../src/core/at-exit.ts";

test("many tasks have one listener, and none once they are dropped", () => {
  const before = process.listenerCount("exit");
  const drops = Array.from({ length: 12 }, () => atExit(() => {}));
  expect(process.listenerCount("exit")).toBe(before + 1);
  for (const drop of drops) drop();
  expect(process.listenerCount("exit")).toBe(before);
});

test("the same task added twice is dropped once at a time", () => {
  const before = process.listenerCount("exit");
  const task = () => {};
  const [first, second] = [atExit(task), atExit(task)];
  first();
  first();
  expect(process.listenerCount("exit")).toBe(before + 1);
  second();
  expect(process.listenerCount("exit")).toBe(before);
});

test("all tasks that were not dropped run at the exit, also after one that fails", () => {
  const url = pathToFileURL(join(import.meta.dirname, "../../src/core/at-exit.ts")).href;
  const { stdout, status } = spawnSync(
    process.execPath,
    [
      "--no-warnings",
      "--input-type=module",
      "-e",
      `import { atExit } from ${JSON.stringify(url)};
       atExit(() => console.log("first"));
       atExit(() => { throw new Error("fails"); });
       atExit(() => console.log("dropped"))();
       atExit(() => console.log("last"));
       process.exit(3);`,
    ],
    { encoding: "utf8" },
  );
  expect([stdout, status]).toEqual(["first\nlast\n", 3]);
});
