/**
 * Preloaded in the programs that tests start (`test/setup/file.ts`). Node 22 strips the types of every TypeScript file at every start, which
 * takes a third of the time until a provider or a command runs; here each content is stripped once a run. The published package is JavaScript.
 *
 * The text is the one that Node would make, so that positions in errors stay.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import * as node from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = process.env.FLEET_TEST_STRIPPED;

// Node 20 has no hooks, and no TypeScript either.
if (folder !== undefined && node.registerHooks !== undefined) {
  mkdirSync(folder, { recursive: true });
  node.registerHooks({
    load(url, context, next) {
      if (context.format !== "module-typescript" || !url.startsWith("file:")) return next(url, context);
      return {
        format: "module",
        source: stripped(readFileSync(fileURLToPath(url), "utf8")),
        shortCircuit: true,
      };
    },
  });
}

function stripped(source) {
  const file = join(folder, `${createHash("sha256").update(source).digest("hex")}.js`);
  try {
    return readFileSync(file, "utf8");
  } catch {
    const text = node.stripTypeScriptTypes(source);
    // Another process may write it at the same time.
    const part = `${file}.${process.pid}`;
    writeFileSync(part, text);
    renameSync(part, file);
    return text;
  }
}
