/** The device of HyperBEAM nodes that runs Lua in the node itself. */
export const LUA_DEVICE = "lua@5.3a";

/** The content type of its modules. */
export const LUA_TYPE = "application/lua";

/** Devices that run a member; the first is that of processes that name none, a compute unit with an aos image. */
export const DEVICES = ["genesis-wasm@1.0", LUA_DEVICE] as const;

/** The spawn tag that names a process' device. */
export const DEVICE_TAG = "execution-device";
