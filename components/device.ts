import { capacityOf, type NetworkRef, protocolOf } from "../src/ao/network.ts";
import type { ImageModules } from "../src/bundler/index.ts";
import { isAddress } from "../src/core/address.ts";
import { DEVICE_TAG, LUA_CALLS, LUA_DEVICE } from "../src/core/devices.ts";
import { FleetError, type Problem } from "../src/core/errors.ts";
import { LUA_MODULE_TAGS, LUA_MODULES, luaDeviceModule } from "../src/fleet/code/lua-module.ts";
import { moduleStore, ownModule, ownModuleHash } from "../src/fleet/code/module-store.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import type { FleetDeclaration, ProcessDeclaration, WasmModule } from "./declaration.ts";

/** What a declared device cannot do for its member. Pure. */
export function deviceProblems({ network, processes }: FleetDeclaration): Problem[] {
  return Object.entries(processes).flatMap(([name, process]) => {
    if (process.device === undefined) return [];
    const tag = Object.entries(process.tags).find(([key]) => key.toLowerCase() === DEVICE_TAG)?.[1];
    return [
      ...(tag === undefined || tag === process.device ? [] : [twoDevices(name, process.device, tag)]),
      ...(process.device === LUA_DEVICE ? luaProblems(name, process, network) : []),
    ];
  });
}

function luaProblems(
  name: string,
  { module, lib, tags, state }: ProcessDeclaration,
  network: NetworkRef,
): Problem[] {
  // The tags of a tick are those after `Cron-Tag-`.
  const problems: Problem[] = Object.keys(tags)
    .filter((tag) => LUA_CALLS.has(tag.replace(/^Cron-Tag-/, "").toLowerCase()))
    .map((tag) => ({
      code: "TAGS_INVALID",
      what: `The tag ${tag} of ${name} would be called as a function by ${LUA_DEVICE}, instead of the module.`,
      at: `processes.${name}.tags`,
      got: tag,
      expected: "another name",
      remedy: "Rename the tag.",
    }));
  if (!capacityOf(network).devices) {
    problems.push({
      code: "DEVICE_UNAVAILABLE",
      what: `${name} cannot run on ${LUA_DEVICE}: the units of the ${protocolOf(network)} protocol have no devices.`,
      at: `processes.${name}.device`,
      got: `${LUA_DEVICE} on the network ${network.kind}`,
      expected: "a HyperBEAM node",
      remedy:
        network.kind === "local"
          ? "pulumi config set localProtocol mainnet, or remove the device."
          : "pulumi config set network mainnet, or remove the device.",
    });
  }
  if (module !== undefined && !(typeof module === "string" && isAddress(module))) {
    problems.push({
      code: "DEVICE_MODULE",
      what: `The module of ${name} is not one that ${LUA_DEVICE} can run.`,
      at: `processes.${name}.module`,
      got: typeof module === "string" ? module : `the WebAssembly file ${module.wasm}`,
      expected: "the id of a published Lua module (content type application/lua)",
      remedy: "Remove `module`, so that the fleet's own Lua module is published and used.",
    });
  }
  if (!lib) {
    problems.push({
      code: "LIB_REQUIRED",
      what: `${name} is declared without the fleet's library (lib: false), but its device needs it.`,
      at: `processes.${name}.device`,
      got: LUA_DEVICE,
      expected: "a member with the library: without it, its code cannot be read back on this device",
      remedy: `Remove lib: false from ${name}, or remove its device.`,
    });
  }
  if (state !== "none") {
    problems.push({
      code: "DEVICE_STATE",
      what: `${name} keeps state, which ${LUA_DEVICE} does not protect: a load or a message that fails half-way is not undone there.`,
      at: `processes.${name}.state`,
      got: typeof state === "string" ? `state: "${state}"` : "a list of globals",
      expected: 'state: "none", for a process that can be lost and spawned again',
      remedy: 'Declare state: "none", or remove the device.',
    });
  }
  return problems;
}

const twoDevices = (name: string, device: string, tag: string): Problem => ({
  code: "DEVICE_TWICE",
  what: `${name} names two devices: in \`device\`, and in the tag ${DEVICE_TAG}.`,
  at: `processes.${name}.device`,
  got: `${device} and ${tag}`,
  expected: "one device",
  remedy: `Remove the tag ${DEVICE_TAG}.`,
});

/**
 * The module of a member on `lua@5.3a`: its id, or the fleet's own by its content hash, which the first process that needs it publishes. A
 * member keeps the fleet's module with which it was spawned, because a process cannot change it.
 *
 * @param at path of the device in the declaration
 * @throws FleetError MODULE_NO_UPLOAD
 */
export async function declareLuaModule(
  module: string | WasmModule | undefined,
  at: string,
  network: NetworkRef,
  home: string,
  running?: Pick<DeclaredProcess, "module" | "tags">,
): Promise<string> {
  if (typeof module === "string") return module;
  const runs = running?.tags?.[DEVICE_TAG] === LUA_DEVICE ? running.module : undefined;
  if (runs !== undefined && ownModuleHash(runs) !== undefined) return runs;
  if (!capacityOf(network).uploads) {
    throw new FleetError({
      code: "MODULE_NO_UPLOAD",
      what: `The fleet's Lua module for ${LUA_DEVICE} cannot be published: the network has no upload service.`,
      at,
      got: "no `uploadUrl`",
      expected: "a service that accepts data items, such as https://up.arweave.net",
      remedy: "Set `uploadUrl` of the network, or declare the id of a published Lua module as `module`.",
    });
  }
  const wasm = Buffer.from(luaDeviceModule());
  return ownModule(await moduleStore(home).put({ wasm, tags: LUA_MODULE_TAGS }));
}

/** What a program finds on `lua@5.3a`; of a module that is not the fleet's own, only the language and Lua's libraries are known. */
export function luaImage(module: string | WasmModule | undefined): ImageModules {
  const isOwn = typeof module !== "string";
  return {
    name: isOwn ? LUA_DEVICE : module,
    carries: (name) => LUA_MODULES.includes(name) || (isOwn ? false : undefined),
    luerl: { isFleets: isOwn },
  };
}
