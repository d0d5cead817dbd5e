/** The programs that tests start run the same code as without `test/setup/stripped.mjs`, at the same positions. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { STRIPPED } from "../setup/shared.ts";

const PRELOAD = `--import=${new URL("../setup/stripped.mjs", import.meta.url).href}`;

/** Prints the position of an error, behind types that are stripped. */
const program = (word: string) => `import { type Word, say } from "./say.ts";
interface Position { readonly line: number }
const at = (error: Error): string => (error.stack ?? "").split("\\n")[1]?.trim() ?? "";
const word: Word = "${word}"; console.log(say(word), (2 as number), at(new Error("here")) satisfies string);
`;
const SAY =
  "export type Word = string;\nexport const say = <T extends Word>(word: T): string => word.toUpperCase();\n";

async function printed(folder: string, options: string, stripped: string): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: options, [STRIPPED]: stripped };
  const args = ["--no-warnings", join(folder, "main.ts")];
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
}

test("a program that tests start prints what it prints by Node alone, positions included, also after a change", async () => {
  const folder = temporaryFolder("stripped");
  const stripped = join(folder, "stripped");
  const files = () => readdirSync(stripped).length;
  for (const [word, kept] of [
    ["first", 2],
    ["first", 2],
    ["second", 3],
  ] as const) {
    writeFiles({ "package.json": '{"type":"module"}', "main.ts": program(word), "say.ts": SAY }, folder);
    const alone = await printed(folder, "", stripped);
    expect(alone).toMatch(new RegExp(`^${word.toUpperCase()} 2 at .*main\\.ts:4:\\d+`));
    expect(await printed(folder, PRELOAD, stripped)).toBe(alone);
    // Each content once.
    expect(files()).toBe(kept);
  }
});
