import { z } from "zod";

/** A time that a process reports, in milliseconds since 1970: one that a `Date` can hold. */
export const TimeSchema = z.number().min(0).max(8.64e15);
