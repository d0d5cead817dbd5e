/**
 * Writes a file as one comment on a pull request, or updates the comment that has the same first line.
 *
 *     GITHUB_TOKEN=… GITHUB_REPOSITORY=owner/name PULL_REQUEST=7 COMMENT=plan.md node --input-type=module -e 'import "ao-fleet/ci/comment.mjs"'
 */
import { readFileSync } from "node:fs";

const {
  GITHUB_API_URL = "https://api.github.com",
  GITHUB_REPOSITORY,
  GITHUB_TOKEN,
  PULL_REQUEST,
  COMMENT,
} = process.env;
for (const [name, value] of Object.entries({ GITHUB_REPOSITORY, GITHUB_TOKEN, PULL_REQUEST, COMMENT }))
  if (!value)
    fail(`${name} is missing: expected GITHUB_REPOSITORY, GITHUB_TOKEN, PULL_REQUEST and COMMENT, a file`);

const body = readFileSync(COMMENT, "utf8");
const marker = body.split("\n", 1)[0];
if (!/^<!-- .+ -->$/.test(marker))
  fail(`${COMMENT} does not begin with a line <!-- … -->, by which its comment is found`);

const mine = await commentWith(marker);
const at = mine === undefined ? `issues/${PULL_REQUEST}/comments` : `issues/comments/${mine.id}`;
const written = await call(mine === undefined ? "POST" : "PATCH", at, { body });
console.log(`${mine === undefined ? "created" : "updated"}: ${written.html_url}`);

/** The first comment that begins with this line. Anybody may write one, so it must be one that this token may edit: a bot's. */
async function commentWith(line) {
  for (let page = 1; ; page++) {
    const comments = await call("GET", `issues/${PULL_REQUEST}/comments?per_page=100&page=${page}`);
    const found = comments.find(
      (one) => one.user?.type === "Bot" && one.body?.split("\n", 1)[0].trim() === line,
    );
    if (found !== undefined || comments.length < 100) return found;
  }
}

async function call(method, path, data) {
  const answer = await fetch(`${GITHUB_API_URL}/repos/${GITHUB_REPOSITORY}/${path}`, {
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${GITHUB_TOKEN}`,
      "x-github-api-version": "2022-11-28",
      ...(data === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(data === undefined ? {} : { body: JSON.stringify(data) }),
  });
  if (!answer.ok) fail(`${method} ${path}: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
  return answer.json();
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
