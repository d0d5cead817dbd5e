/** The parts of Pulumi.yaml that the set-up needs. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { FleetError } from "../core/errors.ts";
import { settingsFile } from "../core/settings-file.ts";
import { backendFolder, folderUrl } from "./backend.ts";

const settings = z.object({
  /** The project's name, which is also a folder in the backend. */
  name: z.string(),
  backend: z.object({ url: z.string() }).optional(),
});

interface Project {
  readonly name: string;
  /** The backend's URL, with a relative `file://` made absolute; undefined if Pulumi.yaml does not set one. */
  readonly backendUrl: string | undefined;
  /** The folder behind a `file://` backend; undefined for any other. */
  readonly backendDir: string | undefined;
}

/** Reads Pulumi.yaml in `projectDir`. Throws a FleetError `PROJECT_UNREADABLE` if it is missing or invalid. */
export function readProject(projectDir: string): Project {
  const file = join(projectDir, "Pulumi.yaml");
  const remedy = `Run this in the folder of a Pulumi project, or fix ${file}.`;
  if (!existsSync(file)) {
    throw new FleetError({
      code: "PROJECT_UNREADABLE",
      what: "There is no Pulumi.yaml in this folder.",
      at: file,
      remedy: "Run this in the folder of a Pulumi project, or write a new one: `npx ao-fleet init <folder>`.",
    });
  }
  const parsed = settings.safeParse(settingsFile(file, parse));
  if (!parsed.success) {
    throw new FleetError({
      code: "PROJECT_UNREADABLE",
      what: "Invalid Pulumi.yaml.",
      at: file,
      got: z.prettifyError(parsed.error),
      expected: "a name, and for a file backend `backend: { url: file://… }`",
      remedy,
    });
  }
  const { name, backend } = parsed.data;
  const backendDir = backendFolder(backend?.url, projectDir);
  // Pulumi itself expands `~`.
  if (backendDir === undefined || backend?.url.startsWith("file://~"))
    return { name, backendUrl: backend?.url, backendDir };
  return { name, backendUrl: folderUrl(backendDir, backend?.url), backendDir };
}
