import { z } from "zod";
import { releasePath } from "../providers/release/lifecycle.ts";
import { DeclaredProcessSchema } from "../providers/release/schema.ts";
import { readJson } from "../providers/run/files.ts";
import { ScopeSchema } from "../providers/run/scope.ts";
import type { Running } from "./plan.ts";

const ReleaseFileSchema = z.looseObject({ declaration: z.record(z.string(), DeclaredProcessSchema) });

/** How members are declared by the release that succeeded last in this stack; nothing runs where there is none. */
export async function runningRelease(where: {
  home: string;
  project: string;
  stack: string;
}): Promise<Running> {
  const file = await readJson(releasePath(ScopeSchema.parse(where), "current"));
  if (file === undefined) return () => undefined;
  const { declaration } = ReleaseFileSchema.parse(file);
  return (name) => declaration[name];
}
