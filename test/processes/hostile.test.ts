/** Any message, by anybody, in any order: at most one well-formed answer, no error, and strangers change nothing. */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, OWNER, readReply } from "./aos.ts";
import { COUNTER } from "./programs.ts";

const STRANGER = address("stranger");
const PROCESSES = ["counter", "deployment-coordinator", "admin", "security"];

/** Seeds differ between runs; a failure prints the seed and the path that repeat it. */
const RUNS = 15;
const MESSAGES = 25;

const junk = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.constantFrom(
    "",
    "null",
    "[]",
    "{}",
    "0",
    '"',
    '{"a":',
    "9".repeat(400),
    `${'{"a":'.repeat(200)}1${"}".repeat(200)}`,
    '{"__pairs":[[1]]}',
  ),
);
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    "",
    0,
    -1,
    1.5,
    2 ** 53,
    -(2 ** 60),
    1e300,
    true,
    [],
    {},
    [[]],
    { a: { b: {} } },
    "x".repeat(5000),
    "\u0000",
    "%s%n",
    "]]",
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Field names of the actions, so that some messages pass the first check. */
const FIELDS = [
  "healthCheck",
  "configType",
  "configData",
  "version",
  "hash",
  "peers",
  "router",
  "allowed",
  "since",
  "state",
  "digest",
  "by",
  "fail",
  "deployRequest",
  "deploymentId",
  "processRegistration",
  "processId",
  "configRequest",
  "requestType",
  "rollbackRequest",
  "blueGreenRequest",
  "alertRequest",
  "operation",
  "type",
  "source",
  "targetProcessId",
  "targetProcesses",
  "enabled",
  "thresholds",
  "action",
  "playerId",
  "data",
  "cost",
  "schema",
  "severity",
  "reason",
  "manifest",
  "processes",
  "status",
  "checkType",
  "level",
  "text",
  "kind",
  "limit",
];
const fields = fc.dictionary(
  fc.constantFrom(...FIELDS),
  fc.oneof(odd, fc.dictionary(fc.constantFrom(...FIELDS), odd, { maxKeys: 4 })),
  { maxKeys: 6 },
);
const tags = fc.dictionary(
  fc.constantFrom(
    "Epoch",
    "Phase",
    "Deployment-Id",
    "Correlation-Id",
    "Content-Type",
    "Id",
    "Timestamp",
    "Nonce",
    "Cron",
    "From",
    "Owner",
    "Process-Type",
    "On-Behalf-Of",
    "Reply-To",
    "Reference",
    "X-Reference",
    "Type",
    "Read-Only",
    "reply",
    "TagArray",
    "Module",
    "Action",
  ),
  fc.oneof(
    fc.constantFrom(
      "",
      "0",
      "1",
      "2",
      "-1",
      "NaN",
      "begin",
      "progress",
      "finish",
      "application/json",
      OWNER,
      "Process",
      "x".repeat(3000),
    ),
    fc.string({ unit: "grapheme", maxLength: 20 }),
  ),
  { maxKeys: 4 },
);

function messageTo(actions: readonly string[], from: fc.Arbitrary<string>) {
  return fc.record({
    From: from,
    Action: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...actions) },
      { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
    ),
    Data: fc.oneof(
      junk,
      fields.map((each) => JSON.stringify(each)),
    ),
    Tags: tags,
  });
}

const live: Aos[] = [];
afterAll(async () => {
  for (const each of live) await each.drop();
});

async function start(name: string): Promise<{ process: Aos; actions: string[] }> {
  const process = await boot(name, name === "counter" ? { source: COUNTER } : {});
  live.push(process);
  await process.send({
    Action: "WIRE_PEERS",
    Epoch: "1",
    Data: { peers: { friend: address("friend"), security: address("security") } },
  });
  const info = (await process.send({ Action: "Info" })).reply?.data;
  return { process, actions: info?.actions as string[] };
}

/** What strangers' messages must not change: everything except counters, rings and the state of actions for anyone. */
const CONTROLLED = `(function()
  local s = Fleet.store
  return Fleet.json.encode({ s.epoch, s.status, s.marker, s.configs, s.peers, s.peersHash, s.allowed, s.process, s.stateVersion or "", Owner,
    #Handlers.list, s.states.deployments or 0, s.states.ledger or 0, s.states.registrations or 0, s.states.requests or 0, s.states.distributions or 0,
    s.states.thresholds or 0, s.states.maintenance or 0, s.states.shutdowns or 0, s.states.bans or 0 })
end)()`;

describe.each(PROCESSES)("%s", (name) => {
  test("strangers: at most one answer, well-formed, and nothing changes that is not theirs", async () => {
    const { process, actions } = await start(name);
    const before = await process.value(CONTROLLED);
    await fc.assert(
      fc.asyncProperty(
        fc.array(messageTo(actions, fc.constant(STRANGER)), { minLength: MESSAGES, maxLength: MESSAGES }),
        async (messages) => {
          for (const message of messages) {
            const result = await process.send(message);
            expect(result.error).toBeUndefined();
            const replies = result.messages.filter((each) => each.Target === STRANGER).map(readReply);
            expect(replies.length).toBeLessThanOrEqual(2);
            for (const reply of replies) {
              expect(reply.action === "Error-Response" || reply.action.endsWith("-Response")).toBe(true);
              expect(reply.status).toBe(reply.data.success === true ? "ok" : "error");
              if (reply.data.success !== true) {
                expect(reply.data.error).toMatchObject({
                  code: expect.any(String),
                  message: expect.any(String),
                  remedy: expect.any(String),
                });
                if (name !== "counter") expect(reply.data.error?.code).not.toBe("INTERNAL");
              }
            }
          }
          expect(await process.value(CONTROLLED)).toBe(before);
        },
      ),
      { numRuns: RUNS },
    );
  }, 120_000);

  test("deployers: any sequence of messages is answered, no handler has a fault, and the process stays intact", async () => {
    const { process, actions } = await start(name);
    const benign = actions.filter((action) => action !== "RETIRE" && action !== "SET_ALLOWED");
    await fc.assert(
      fc.asyncProperty(
        fc.array(messageTo(benign, fc.constant(OWNER)), { minLength: MESSAGES, maxLength: MESSAGES }),
        async (messages) => {
          for (const message of messages) {
            // An owner's Eval is the owner's responsibility.
            if (message.Action === "Eval" || message.Tags.Action === "Eval") continue;
            const result = await process.send(message);
            expect(result.error).toBeUndefined();
          }
          const statistics = (await process.send({ Action: "GET_STATISTICS" })).reply?.data
            .statistics as Record<string, number>;
          if (name !== "counter") expect(statistics.errors).toBe(0);
          const health = (
            await process.send({ Action: "HEALTH_CHECK", Data: { healthCheck: { checkType: "STARTUP" } } })
          ).reply?.data;
          expect(health?.healthStatus).toBe("HEALTHY");
          const exported = (await process.send({ Action: "EXPORT_STATE" })).reply?.data;
          expect(exported?.success).toBe(true);
        },
      ),
      { numRuns: RUNS },
    );
  }, 120_000);
});
