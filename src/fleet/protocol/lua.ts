/** Lua has one kind of table, so the JSON of an empty one is `[]` or `{}` whatever it stands for. */
import { z } from "zod";

/** A list: anything else, and nothing at all, is an empty one. */
export const luaList = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (Array.isArray(value) ? value : []), z.array(item));

/** A map: a list is an empty one. */
export const luaMap = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (Array.isArray(value) ? {} : value), z.record(z.string(), item));
