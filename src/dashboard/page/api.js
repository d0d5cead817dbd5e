/** Requests to the dashboard's server. Errors are the fleet's: what, got, expected, remedy, code. */

export class Refused extends Error {
  constructor(problems) {
    super(
      problems
        .map(
          (problem) =>
            `${problem.what} [${problem.code}]${problem.got ? ` Got: ${problem.got}.` : ""}${problem.remedy ? ` ${problem.remedy}` : ""}`,
        )
        .join("\n"),
    );
    this.problems = problems;
  }
}

async function answer(response) {
  const body = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body;
  throw new Refused(
    body?.problems ?? [
      { code: `HTTP_${response.status}`, what: "The dashboard's server gave an invalid answer." },
    ],
  );
}

export const get = async (path) => answer(await fetch(path));

export const act = async (action) =>
  answer(
    await fetch("/api/actions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(action),
    }),
  );

/** Calls back with every view of the fleet, and with the state of the connection. The browser reconnects by itself. */
export function follow(onView, onLine, onProblem) {
  const source = new EventSource("/api/events");
  source.addEventListener("fleet", (event) => {
    onLine(true);
    onView(JSON.parse(event.data));
  });
  source.addEventListener("problem", (event) => onProblem(event.data));
  source.addEventListener("open", () => onLine(true));
  source.addEventListener("error", () => onLine(false));
  return () => source.close();
}
