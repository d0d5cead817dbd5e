import { z } from "zod";

/** A list as a process writes it: Lua knows no empty list, so whatever is none is an empty one. */
export const luaList = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (Array.isArray(value) ? value : []), z.array(item));
