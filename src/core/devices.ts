/** The device of HyperBEAM nodes that runs Lua in the node itself. */
export const LUA_DEVICE = "lua@5.3a";

/** Names of tags, in lower case, by which a message chooses what it calls instead of the module. In a message, they end the process. */
export const LUA_CALLS: ReadonlySet<string> = new Set(["function", "parameters"]);

/** The content type of its modules. */
export const LUA_TYPE = "application/lua";

/** Devices that run a member; the first is that of processes that name none, a compute unit with an aos image. */
export const DEVICES = ["genesis-wasm@1.0", LUA_DEVICE] as const;

/** The spawn tag that names a process' device. */
export const DEVICE_TAG = "execution-device";
