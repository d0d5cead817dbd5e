import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ensureBrowser, findBrowser } from "../../src/toolchain/browser.ts";
import { temporaryFolder } from "../kit/folder.ts";

const folder = temporaryFolder("browser");
const silent = () => {};

const put = async (name: string) => {
  const path = join(folder, name);
  await writeFile(path, "#!/bin/sh\n");
  await chmod(path, 0o755);
  return path;
};

describe("the tests' browser", () => {
  it("is the one that is named, even if there are others", async () => {
    expect(await findBrowser({ FLEET_BROWSER: "/opt/own/chrome", PATH: folder })).toBe("/opt/own/chrome");
  });

  it("is installed by the first way that works; later ways are not tried", async () => {
    const none = { PATH: join(folder, "nothing-here") };
    // Not installed if playwright already has one.
    const has = await findBrowser(none);
    const lines: string[] = [];
    const list = [
      ["fails", "sh", ["-c", "echo no such package; exit 3"]],
      ["works", "sh", ["-c", `printf x > ${join(folder, "chromium")}`]],
      ["is not needed", "sh", ["-c", `printf x > ${join(folder, "wrong")}`]],
    ] as const;
    const found = await ensureBrowser((line) => lines.push(line), { PATH: folder }, list);
    expect(found).toBe(has ?? join(folder, "chromium"));
    expect(lines).toEqual(has === undefined ? ["browser: fails", "browser: works"] : []);
  });

  it("is found on the PATH", async () => {
    const path = await put("chromium");
    expect(await findBrowser({ PATH: `/nothing:${folder}` })).toBe(path);
    expect(await ensureBrowser(silent, { PATH: folder }, [])).toBe(path);
  });

  it("is missing with an explanation if no way works", async () => {
    const env = { PATH: join(folder, "nothing-here") };
    if ((await findBrowser(env)) !== undefined) return;
    const list = [
      ["apt-get install chromium", "sh", ["-c", "echo E: no route to the archive; exit 100"]],
    ] as const;
    const error = (await ensureBrowser(silent, env, list).catch((reason: unknown) => reason)) as Error;
    expect(error.message).toContain("BROWSER_MISSING");
    expect(error.message).toContain("apt-get install chromium: exit code 100, E: no route to the archive");
    expect(error.message).toContain("FLEET_BROWSER=/path/to/chrome npm test");
  });
});
