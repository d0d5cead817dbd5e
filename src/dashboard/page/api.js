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

/** The token of the opened address, kept for this tab only. It is removed from the address, so that it is in no history and no screenshot. */
const token = (() => {
  const given = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (given) {
    sessionStorage.setItem("fleet-token", given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem("fleet-token") ?? "";
})();

const request = (path, options = {}) =>
  fetch(path, { ...options, headers: { ...options.headers, ...(token ? { "x-fleet-token": token } : {}) } });

async function answer(response) {
  const body = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body;
  throw refusal(response, body);
}

const refusal = (response, body) =>
  new Refused(
    body?.problems ?? [
      { code: `HTTP_${response.status}`, what: "The dashboard's server gave an invalid answer." },
    ],
  );

export const get = async (path) => answer(await request(path));

export const act = async (action) =>
  answer(
    await request("/api/actions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(action),
    }),
  );

/** Milliseconds before the stream is opened again. */
const AGAIN = 2000;

/** Calls back with every view of the fleet, and with the state of the connection, which is opened again when it ends. An EventSource sends no header. */
export function follow(onView, onLine, onProblem) {
  const ended = new AbortController();
  const on = {
    fleet: (data) => onView(JSON.parse(data)),
    problem: (data) => onProblem(JSON.parse(data)),
  };
  (async () => {
    while (!ended.signal.aborted) {
      try {
        const response = await request("/api/events", { signal: ended.signal });
        if (!response.ok) throw refusal(response, await response.json().catch(() => undefined));
        onLine(true);
        onProblem("");
        await read(response.body, on);
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error instanceof Refused) onProblem(error.message);
      }
      onLine(false);
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  })();
  return () => ended.abort();
}

/** Reads server-sent events, and calls the function with the name of each. */
async function read(body, on) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const fields = event.split("\n").map((line) => line.split(/: ?(.*)/s));
      const name = fields.find(([field]) => field === "event")?.[1];
      const data = fields.filter(([field]) => field === "data").map(([, text]) => text);
      if (Object.hasOwn(on, name ?? "")) on[name](data.join("\n"));
    }
  }
}
