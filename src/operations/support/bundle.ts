import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { mapConcurrently } from "../../core/concurrently.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { knownSecrets, type Secret } from "../../core/known-secrets.ts";
import { isPrivateName } from "../../core/redact.ts";
import { replaceFile } from "../../core/replace-file.ts";
import { stampOf } from "../../core/stamp.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import { doctor } from "../../toolchain/doctor.ts";
import type { Env } from "../../toolchain/paths.ts";
import type { OperationContext } from "../context.ts";
import { secretsOf } from "../validate/secrets.ts";
import { MAX_CONCURRENT } from "../validate/subject.ts";
import { type BundleFile, cutFile, filesOf, journalOf, processOf } from "./collect.ts";
import { redactFile } from "./redact.ts";

interface SupportOptions {
  /** @default `build/support-<time>.tgz` */
  readonly output?: string | undefined;
  /** Whether the processes are left out. */
  readonly offline: boolean;
  /** Number of newest messages of each process. */
  readonly messages: number;
  /** Time limit in seconds for one answer. */
  readonly timeout: number;
  /** The command's environment, which doctor checks. */
  readonly env: Env;
}

/** An archive for a support request. */
interface SupportBundle {
  readonly file: string;
  readonly bytes: number;
  readonly files: readonly string[];
}

/**
 * Writes an archive of everything that a support request needs, with its secrets redacted.
 *
 * @param unreachable receives the problem if the fleet cannot be reached
 */
export async function createSupportBundle(
  context: OperationContext,
  options: SupportOptions,
  unreachable: (problem: Problem) => void,
): Promise<SupportBundle> {
  const { projectDir } = context;
  const workspace = await context.workspace();
  const stack = await context.stack();
  const known = knownSecrets([
    ...(await secretsOf(workspace, stack)),
    ...environmentSecrets({ ...options.env, ...workspace.env }),
  ]);
  const findings = await doctor(projectDir, options.env);
  const about = {
    ...{ madeAt: new Date().toISOString(), stack, platform: process.platform, arch: process.arch },
    node: process.version,
  };
  const parts: BundleFile[] = [
    { name: "about.json", text: JSON.stringify(about) },
    { name: "doctor.json", text: JSON.stringify(findings) },
    ...(await filesOf(projectDir)),
    ...(options.offline ? [] : await ofTheFleet(context, options, unreachable)),
  ];
  const time = stampOf(new Date());
  const file = resolve(projectDir, options.output ?? join("build", `support-${time}.tgz`));
  const clean = parts.map(({ name, text }) => ({ name, text: cutFile(name, redactFile(name, text, known)) }));
  const archive = await pack(`support-${time}`, clean);
  await mkdir(dirname(file), { recursive: true });
  // A new file with mode 600 takes the place of an old one, or of a link, and nothing is written through it.
  await replaceFile(file, archive);
  return { file, bytes: archive.length, files: parts.map(({ name }) => name) };
}

/** Names of variables that only look private. */
const NOT_SECRET = /^(OLD)?PWD$|_SOCK$|_FILE$|_PATH$/;

/** Values of the environment that are secret by their names: tokens, keys, addresses of webhooks. Pure. */
export const environmentSecrets = (env: Env): Secret[] =>
  Object.entries(env).flatMap(([name, value = ""]) =>
    (isPrivateName(name) || /WEBHOOK|HOOK_URL/i.test(name)) && !NOT_SECRET.test(name)
      ? [{ name: `the environment variable ${name}`, value: value.trim() }]
      : [],
  );

/** Reports of the processes and the journal; if the fleet cannot be reached, the reason. */
async function ofTheFleet(
  context: OperationContext,
  { timeout, messages }: SupportOptions,
  unreachable: (problem: Problem) => void,
): Promise<BundleFile[]> {
  try {
    const fleet = await context.fleet({ journal: "discard", wallet: false });
    const history = await context.host.history(fleet, timeout);
    const journal = await journalOf(fleet);
    const processes = await mapConcurrently(servingIn(fleet), MAX_CONCURRENT, (member) =>
      processOf(fleet, history, member, { seconds: timeout, messages }),
    );
    return [journal, ...processes];
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    unreachable(error.problems[0]);
    return [{ name: "unreachable.json", text: JSON.stringify({ problems: error.problems }) }];
  }
}

async function pack(root: string, parts: readonly BundleFile[]): Promise<Buffer> {
  const { create } = await import("tar");
  const folder = await mkdtemp(join(tmpdir(), "fleet-support-"));
  try {
    for (const { name, text } of parts) {
      const path = join(folder, root, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text, { mode: 0o600, flag: "wx" });
    }
    return await buffer(create({ gzip: true, cwd: folder, portable: true }, [root]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
