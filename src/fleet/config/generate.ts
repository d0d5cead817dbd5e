/** `node src/fleet/config/generate.ts`: writes the rules that a process checks settings by. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { luaRules } from "./lua.ts";

writeFileSync(join(import.meta.dirname, "../../runtime/fleet/config-rules.lua"), luaRules());
