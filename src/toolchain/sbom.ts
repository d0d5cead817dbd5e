/**
 * `npm run sbom`: prints the bill of materials of what users install, as CycloneDX.
 *
 * npm writes it, but from a lock file without the packages for development: `npm sbom --omit=dev` leaves out each package that one of those
 * needs as well, `yaml` and `semver` among them.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FleetError } from "../core/errors.ts";
import { packageDir } from "./paths.ts";
import { run } from "./run.ts";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devDependencies?: unknown }>>;
}

/** The document as JSON. @throws FleetError SBOM_FAILED with npm's message */
export async function billOfMaterials(project: string): Promise<string> {
  const top = await mkdtemp(join(tmpdir(), "ao-fleet-sbom-"));
  try {
    const read = async (file: string) => JSON.parse(await readFile(join(project, file), "utf8"));
    const { devDependencies: _, ...manifest } = await read("package.json");
    const { packages, ...lock }: Lock = await read("package-lock.json");
    const kept = Object.entries(packages)
      .filter(([, { dev }]) => dev !== true)
      .map(([path, { devDependencies: _dev, ...entry }]) => [path, entry]);
    // npm names the document after the folder.
    const folder = join(top, manifest.name);
    await mkdir(folder);
    await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
    await writeFile(
      join(folder, "package-lock.json"),
      JSON.stringify({ ...lock, packages: Object.fromEntries(kept) }),
    );
    const answer = await run("npm", ["sbom", "--sbom-format=cyclonedx", "--package-lock-only"], {
      cwd: folder,
    });
    if (answer.code === 0) return answer.stdout;
    throw new FleetError({
      code: "SBOM_FAILED",
      what: "npm could not write the bill of materials.",
      got: answer.output.slice(0, 500),
      expected: "npm 10 or newer, and a package-lock.json that matches package.json",
      remedy: "Run `npm install`, then run this again.",
    });
  } finally {
    await rm(top, { recursive: true, force: true });
  }
}

if (import.meta.main) process.stdout.write(`${await billOfMaterials(packageDir)}\n`);
