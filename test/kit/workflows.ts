import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A step of a workflow that runs commands, and what the file gives it. */
export interface Block {
  readonly file: string;
  readonly run: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Every `run:` of a workflow or a composite action, in order. */
export function blocksOf(file: string): Block[] {
  const { jobs, runs } = parse(readFileSync(file, "utf8")) as {
    jobs?: Record<string, { env?: Record<string, string>; steps: Step[] }>;
    runs?: { steps: Step[] };
  };
  const jobsOrAction = jobs === undefined ? [{ steps: runs?.steps ?? [] }] : Object.values(jobs);
  return jobsOrAction.flatMap((job) =>
    job.steps.flatMap(({ run, env }) =>
      run === undefined ? [] : [{ file, run, env: { ...("env" in job ? job.env : {}), ...env } }],
    ),
  );
}

export interface RanBlock {
  readonly code: number;
  readonly text: string;
}

/** A job as the runner of GitHub Actions gives it to `bash`: files for variables and the summary, values for `${{ … }}`. */
export class FakeJob {
  readonly dir: string;
  readonly temp: string;
  readonly values: Record<string, string>;
  readonly #env: Record<string, string>;

  /** @param values expression → value; a block with another expression fails */
  constructor(dir: string, temp: string, env: Record<string, string>, values: Record<string, string>) {
    this.dir = dir;
    this.temp = temp;
    this.values = values;
    this.#env = env;
    for (const file of ["env", "summary"]) writeFileSync(join(temp, file), "");
  }

  run({ file, run, env }: Block): Promise<RanBlock> {
    const filled = (text: string) =>
      text.replace(/\$\{\{\s*(.*?)\s*\}\}/g, (_all, expression: string) => {
        const value = this.values[expression];
        if (value === undefined) throw new Error(`${file}: the test has no value for ${expression}`);
        return value;
      });
    const exported = Object.fromEntries(
      readFileSync(join(this.temp, "env"), "utf8")
        .split("\n")
        .filter((line) => line.includes("="))
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    const given = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, filled(String(value))]),
    );
    const environment = {
      ...this.#env,
      ...{
        RUNNER_TEMP: this.temp,
        GITHUB_ENV: join(this.temp, "env"),
        GITHUB_STEP_SUMMARY: join(this.temp, "summary"),
      },
      ...exported,
      ...given,
    };
    return new Promise((done) => {
      const options = { cwd: this.dir, env: environment, maxBuffer: 64 * 1024 * 1024 };
      const child = execFile(
        "bash",
        ["-eo", "pipefail", "-c", filled(run)],
        options,
        (_error, stdout, stderr) => done({ code: child.exitCode ?? 1, text: stdout + stderr }),
      );
    });
  }
}

/** A comment of the simulated API. */
interface Comment {
  readonly id: number;
  readonly user: { readonly type: string };
  body: string;
}

/** The part of GitHub's API that writes comments on pull request 7 of `we/game`, for a token. */
export function commentsApi(comments: Comment[], token: string) {
  return async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    if (request.headers.get("authorization") !== `Bearer ${token}`)
      return Response.json({ message: "Bad credentials" }, { status: 401 });
    const shown = (comment: Comment) => ({ ...comment, html_url: `https://example.org/${comment.id}` });
    const all = "/repos/we/game/issues/7/comments";
    if (request.method === "GET" && pathname === all) {
      const [size, page] = [
        Number(searchParams.get("per_page") ?? 30),
        Number(searchParams.get("page") ?? 1),
      ];
      return Response.json(comments.slice((page - 1) * size, page * size).map(shown));
    }
    const { body } = (await request.json()) as { body: string };
    if (request.method === "POST" && pathname === all) {
      const comment = { id: 1000 + comments.length, user: { type: "Bot" }, body };
      comments.push(comment);
      return Response.json(shown(comment), { status: 201 });
    }
    const id = Number(/^\/repos\/we\/game\/issues\/comments\/(\d+)$/.exec(pathname)?.[1]);
    const comment = comments.find((one) => one.id === id);
    if (request.method !== "PATCH" || comment === undefined)
      return Response.json({ message: "Not Found" }, { status: 404 });
    comment.body = body;
    return Response.json(shown(comment));
  };
}
