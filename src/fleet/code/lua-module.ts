import { readFileSync } from "node:fs";
import { LUA_DEVICE, LUA_TYPE } from "../../core/devices.ts";

/** Tags of a published Lua module, by which gateways and nodes recognize it. */
export const LUA_MODULE_TAGS: Readonly<Record<string, string>> = {
  "Data-Protocol": "ao",
  Variant: "ao.N.1",
  Type: "Module",
  "Module-Format": LUA_DEVICE,
  "Content-Type": LUA_TYPE,
};

/** What `require` finds in a process of the module, besides the modules of its bundle. */
export const LUA_MODULES: readonly string[] = [
  ...[".ao", ".handlers", ".handlers-utils", ".json", ".utils", "_G", "ao", "coroutine", "debug", "json"],
  ...["math", "os", "string", "table", "utf8"],
];

/** The files of the module, each after those that it uses. */
const FILES = ["lua", "json", "message", "utils", "handlers", "ao", "process", "compute"];

/**
 * The fleet's own module for `lua@5.3a`: what a program for aos finds in a process, without aos. It knows the owners of ANS-104 items, and
 * no error of a program ends the process. The same text on every machine, so that its hash can be pinned.
 */
export function luaDeviceModule(): string {
  const parts = FILES.map((name) => `parts.${name} = (function()\n${withoutComments(name)}\nend)()`);
  return ["local parts = {}", ...parts, ""].join("\n");
}

function withoutComments(name: string): string {
  return readFileSync(new URL(`./lua53/${name}.lua`, import.meta.url), "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("--"))
    .join("\n");
}
