/** What the doctor says about the project that it is run in: its name and folder, its backend, and the secrets of its stacks. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { parse } from "yaml";
import { FleetError } from "../core/errors.ts";
import { settingsFile } from "../core/settings-file.ts";
import { backendFolder } from "./backend.ts";
import { environment } from "./env.ts";
import type { Finding } from "./finding.ts";
import { packageFolder } from "./packages.mjs";
import { DEV, type Env, isRepository, packageDir, passphraseFile, walletFile } from "./paths.ts";
import { readProject } from "./project.ts";
import { excessPermissions } from "./secrets.ts";

const SET_UP = "Run `npx fleet setup`: it creates what is missing.";

/** Without a project, nothing of a project is missing. */
export function checkProject(projectDir: string, env: Env): Finding[] {
  const project = checkProjectFile(projectDir);
  if (!existsSync(join(projectDir, "Pulumi.yaml"))) return [project];
  return [
    project,
    checkBackend(projectDir, env),
    checkSecret("dev passphrase", passphraseFile(projectDir), SET_UP),
    checkSecret("dev wallet", walletFile(projectDir), SET_UP),
    ...otherStacks(projectDir).flatMap((stack) => checkStack(projectDir, stack)),
  ];
}

function checkProjectFile(projectDir: string): Finding {
  const name = "project";
  try {
    const project = readProject(projectDir).name;
    const isOwn = isRepository && resolve(projectDir) === resolve(packageDir);
    if (isOwn || packageFolder(projectDir, "ao-fleet") !== undefined)
      return { name, ok: true, detail: `${project} in ${projectDir}` };
    const detail = `${project} in ${projectDir}: its packages do not include ao-fleet`;
    return {
      name,
      ok: false,
      detail,
      remedy: "Run `npm install`; in a project without it, `npm install ao-fleet`.",
    };
  } catch (error) {
    return unreadable(name, error);
  }
}

function checkBackend(projectDir: string, env: Env): Finding {
  const name = "backend";
  try {
    const { backendDir } = readProject(projectDir);
    const url = { ...env, ...environment(projectDir, env) }.PULUMI_BACKEND_URL;
    if (url === undefined) return { name, ok: true, detail: "the one selected by `pulumi login`" };
    if (
      backendDir !== undefined &&
      backendFolder(url, projectDir) === backendDir &&
      !existsSync(backendDir)
    ) {
      return { name, ok: false, detail: `${backendDir} is missing`, remedy: SET_UP };
    }
    return { name, ok: true, detail: url };
  } catch (error) {
    return unreadable(name, error);
  }
}

function unreadable(name: string, error: unknown): Finding {
  if (!(error instanceof FleetError)) throw error;
  const [{ what, at, remedy }] = error.problems;
  return { name, ok: false, detail: at === undefined ? what : `${what} (${at})`, remedy };
}

/** The stacks with settings in the project, without dev. */
const otherStacks = (projectDir: string): string[] =>
  readdirSync(projectDir)
    .flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? [])
    .filter((stack) => stack !== DEV)
    .sort();

/** Whoever does not deploy a stack does not have its secrets: a missing one is no problem of this machine. */
function checkStack(projectDir: string, stack: string): Finding[] {
  const file = join(projectDir, `Pulumi.${stack}.yaml`);
  try {
    const wallet = walletPathIn(settingsFile(file, parse));
    const secrets: [string, string][] = [[`${stack} passphrase`, passphraseFile(projectDir, stack)]];
    if (wallet !== undefined) secrets.push([`${stack} wallet`, resolve(projectDir, wallet)]);
    return secrets.map(([name, path]) =>
      existsSync(path)
        ? checkSecret(name, path, "")
        : {
            name,
            ok: true,
            detail: `not on this machine; npx fleet stack init ${stack} needs ${relative(projectDir, path)}`,
          },
    );
  } catch (error) {
    return [unreadable(`${stack} settings`, error)];
  }
}

function walletPathIn(settings: unknown): string | undefined {
  const { config } = (settings ?? {}) as { readonly config?: Readonly<Record<string, unknown>> };
  const [, path] = Object.entries(config ?? {}).find(([key]) => key.endsWith(":walletPath")) ?? [];
  return typeof path === "string" ? path : undefined;
}

function checkSecret(name: string, file: string, remedy: string): Finding {
  if (!existsSync(file)) return { name, ok: false, detail: `${file} is missing`, remedy };
  const wide = excessPermissions(file);
  if (wide !== undefined) {
    return { name, ok: false, detail: `${file} has mode ${wide}`, remedy: `Run \`chmod 600 ${file}\`.` };
  }
  if (readFileSync(file).length === 0) {
    return { name, ok: false, detail: `${file} is empty`, remedy: "Remove it, then run `npx fleet setup`." };
  }
  return { name, ok: true, detail: file };
}
