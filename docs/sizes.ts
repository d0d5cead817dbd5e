/** Prints how many lines each room has, with and without comments and blank lines: the table in ARCHITECTURE.md. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const rooms = ["components", "providers", ...globSync("src/*", { cwd: ROOT }).sort(), "test"];

/** Lines of a file, and those that are neither blank nor only a comment. */
function linesIn(path: string): { all: number; code: number } {
  const lines = readFileSync(join(ROOT, path), "utf8").trimEnd().split("\n");
  let isComment = false;
  const code = lines.filter((line) => {
    const text = line.trim();
    const wasComment = isComment;
    if (text.startsWith("/*")) isComment = true;
    if (isComment && text.includes("*/")) isComment = false;
    const isLineComment = path.endsWith(".lua") ? text.startsWith("--") : text.startsWith("//");
    return !(text === "" || wasComment || text.startsWith("/*") || isLineComment);
  });
  return { all: lines.length, code: code.length };
}

for (const room of rooms) {
  const files = globSync(`${room}/**/*.{ts,lua,mjs,js,css}`, { cwd: ROOT, exclude: ["**/node_modules/**"] });
  const counted = (room === "components" ? ["index.ts", ...files] : files).map(linesIn);
  const sum = (of: "all" | "code") => counted.reduce((total, lines) => total + lines[of], 0);
  console.log(`${room.padEnd(16)} ${String(sum("all")).padStart(7)} ${String(sum("code")).padStart(7)}`);
}
