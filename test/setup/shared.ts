/**
 * What the files of one run share, in a folder that is removed at its end: the wallets' keys (`test/ao/wallets.ts`), what the bundler found in
 * Lua files, and the JavaScript and the compiled code of the programs that tests start. A key takes seconds to generate, and Node seconds to
 * compile what pulumi, its provider and `fleet` load.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The folder of the keys. Without it, each call generates one. */
export const KEYS = "FLEET_TEST_KEYS";
/** The folder of what the bundler found in Lua files (`test/processes/compose.ts`): each file loads the same library. */
export const FACTS = "FLEET_TEST_FACTS";
/** The folder of compiled code. Each file sets `NODE_COMPILE_CACHE` to it, for the programs that it starts and not for its own process. */
export const COMPILED = "FLEET_TEST_COMPILED";
/** The folder of TypeScript files without their types, for the programs that tests start (`stripped.mjs`, which reads this variable). */
export const STRIPPED = "FLEET_TEST_STRIPPED";

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "fleet-tests-"));
  process.env[KEYS] = join(folder, "keys");
  process.env[FACTS] = join(folder, "facts");
  process.env[COMPILED] = join(folder, "compiled");
  process.env[STRIPPED] = join(folder, "stripped");
  return () => rmSync(folder, { recursive: true, force: true });
}
