/** The tables in a process' replies. An empty one is encoded as `[]` or `{}`, whatever it means. */
import { z } from "zod";

export { luaList } from "../../delivery/lua.ts";

/** A map; a list is an empty map. */
export const luaMap = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (Array.isArray(value) ? {} : value), z.record(z.string(), item));
