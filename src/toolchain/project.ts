/** What Pulumi.yaml says, as far as the set-up needs it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { FleetError } from "../core/errors.ts";
import { backendFolder, folderUrl } from "./backend.ts";

const settings = z.object({
  /** The project's name: a folder in the backend is named so. */
  name: z.string(),
  backend: z.object({ url: z.string() }).optional(),
});

interface Project {
  readonly name: string;
  /** The state's place, with a relative `file://` made absolute; undefined when Pulumi.yaml names none. */
  readonly backendUrl: string | undefined;
  /** The folder behind a `file://` backend; undefined for any other. */
  readonly backendDir: string | undefined;
}

/** Reads Pulumi.yaml in `projectDir`. Throws a FleetError `PROJECT_UNREADABLE` when it is missing or makes no sense. */
export function readProject(projectDir: string): Project {
  const file = join(projectDir, "Pulumi.yaml");
  const remedy = `Run this in the folder of a Pulumi project, or correct ${file}.`;
  if (!existsSync(file)) {
    throw new FleetError({
      code: "PROJECT_UNREADABLE",
      what: "There is no Pulumi.yaml here.",
      at: file,
      remedy,
    });
  }
  const parsed = settings.safeParse(parse(readFileSync(file, "utf8")));
  if (!parsed.success) {
    throw new FleetError({
      code: "PROJECT_UNREADABLE",
      what: "Pulumi.yaml lacks what the set-up needs.",
      at: file,
      got: z.prettifyError(parsed.error),
      expected: "a name, and for a file backend `backend: { url: file://… }`",
      remedy,
    });
  }
  const { name, backend } = parsed.data;
  const backendDir = backendFolder(backend?.url, projectDir);
  // Pulumi knows whose home `~` is, in every shell.
  if (backendDir === undefined || backend?.url.startsWith("file://~"))
    return { name, backendUrl: backend?.url, backendDir };
  return { name, backendUrl: folderUrl(backendDir, backend?.url), backendDir };
}
