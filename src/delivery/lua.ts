/** Lua has only one kind of table, so an empty one is encoded as `[]` or `{}`, whatever it means. */
import { z } from "zod";

/** A list; anything else, including an absent value, is an empty list. */
export const luaList = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (Array.isArray(value) ? value : []), z.array(item));
