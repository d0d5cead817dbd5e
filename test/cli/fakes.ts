import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Ao, Evaluation, Tags } from "../../src/ao/port.ts";
import type { Host } from "../../src/cli/host.ts";
import { main } from "../../src/cli/main.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import type { History } from "../../src/fleet/history.ts";
import type { Member } from "../../src/fleet/members/member.ts";
import type { Engine, EngineEvent, EngineRun } from "../../src/operations/deploy/engine.ts";

export const ADDRESS = "A".repeat(43);
export const idOf = (name: string): string => name.padEnd(43, "_").slice(0, 43);
export const HASH = "ab".repeat(32);

/** A manifest's own fields; where it does not matter what they are. */
export const MANIFEST_HEAD = {
  deploymentTimestamp: "",
  deploymentDuration: 1,
  deploymentId: "d",
  epoch: 1,
  network: "local",
  owner: ADDRESS,
};

/** A message to this wallet. */
export const toUs = (tags: Tags, data = "") => ({ target: ADDRESS, tags, data });

/** The error reply to another call. */
export const TIMEOUT_OF_ANOTHER = toUs(
  { Action: "Error-Response", "Correlation-Id": "another call" },
  '{"success":false,"error":{"code":"TIMEOUT","message":"the answer took too long"}}',
);

export function member(name: string, more: Partial<Member> = {}): Member {
  return {
    name,
    processId: idOf(name),
    generation: 1,
    version: "1.0.0",
    sourceHash: HASH,
    status: "ACTIVE",
    ...more,
  };
}

/** What a process does with a message: its outbox to us, an output, an error. */
export type Answer = Partial<Omit<Evaluation, "messages">> & {
  reply?: unknown;
  messages?: Evaluation["messages"];
};
export type Behaviour = (request: { processId: string; action: string; tags: Tags; data: string }) => Answer;

/** A network on which every process behaves as the test defines. */
export function fakeAo(behave: Behaviour): Ao & { sent: { tags: Tags; data: string; processId: string }[] } {
  const sent: { id: string; processId: string; tags: Tags; data: string }[] = [];
  const later: Evaluation[] = [];
  const evaluate = (messageId: string, processId: string, tags: Tags, data: string): Evaluation => {
    const action = tags.Action ?? "";
    const { reply, messages, ...rest } = behave({ processId, action, tags, data });
    const answer =
      reply === undefined
        ? []
        : [
            {
              target: ADDRESS,
              tags: { Action: `${action}-Response`, "Correlation-Id": tags["Correlation-Id"] ?? "" },
              data: JSON.stringify(reply),
            },
          ];
    return { messageId, output: "", spawns: [], messages: [...answer, ...(messages ?? [])], ...rest };
  };
  const never = () => Promise.reject(new Error("not in this test"));
  return {
    address: ADDRESS,
    sent,
    async send({ processId, tags, data = "", signed }) {
      const id = `message-${sent.length}`;
      signed?.(id);
      sent.push({ id, processId, tags, data });
      return { id, resent: false };
    },
    async evaluation({ messageId }) {
      const message = sent.find(({ id }) => id === messageId);
      if (!message) throw new Error(`no message ${messageId}`);
      const evaluation = evaluate(messageId, message.processId, message.tags, message.data);
      // What a process sends to others returns at once, as the reply that it waited for.
      if (evaluation.messages.some(({ target }) => target !== ADDRESS)) {
        const tags = {
          Action: `${message.tags.Action}-Response`,
          "Correlation-Id": message.tags["Correlation-Id"] ?? "",
          "X-Reference": message.tags.Reference ?? "",
        };
        later.push({
          ...evaluation,
          messages: [{ target: ADDRESS, tags, data: '{"success":true,"late":true}' }],
        });
      }
      return evaluation;
    },
    async results() {
      return { items: later.map((item, index) => ({ ...item, cursor: String(index) })) };
    },
    chains: false,
    dryRunner: "wallet",
    async dryrun({ processId, tags, data = "" }) {
      return evaluate("", processId, tags, data);
    },
    settle: async () => {},
    resend: never,
    spawn: never,
    publish: never,
    awaitReady: never,
    isPlaced: never,
    find: async () => [],
    exists: async () => true,
    latest: async () => undefined,
    range: async () => [],
    data: never,
    monitor: never,
  };
}

export function fakeFleet(ao: Ao, members: readonly Member[], ledger?: string): FleetSession {
  const session = {
    scope: { project: "ao-fleet", stack: "dev", home: "/nowhere/.fleet", build: "/nowhere/build" },
    ao,
    journal: { void: async () => {}, signed: () => undefined },
    // Nothing listens there.
    network: {
      kind: "local",
      protocol: "legacy",
      units: {
        gatewayUrl: "http://127.0.0.1:9",
        graphqlUrl: "http://127.0.0.1:9/graphql",
        muUrl: "http://127.0.0.1:9",
        cuUrl: "http://127.0.0.1:9",
        nodeUrl: "http://127.0.0.1:9",
        nodeAddress: "n".repeat(43),
        suUrl: "http://127.0.0.1:9",
        scheduler: "s".repeat(43),
        authority: "a".repeat(43),
      },
      maxMessageBytes: 10_000_000,
    },
    modules: {},
    deployment: { id: "deploy-test" },
    budget: budgetOf,
    request: {},
    supersede: async () => {},
  } as unknown as FleetSession["session"];
  return {
    project: "ao-fleet",
    stack: "dev",
    members,
    ...(ledger === undefined ? {} : { ledger }),
    session,
    close: async () => {},
  };
}

/** A run of the engine: emits events, then ends. */
export type Script = (
  run: EngineRun & { attempt: number; say: (event: Partial<EngineEvent>) => void },
) => Promise<{ ok: boolean; text?: string; locked?: boolean; killedBy?: string }>;

export function fakeEngine(script: Script): Engine & { runs: EngineRun[] } {
  const runs: EngineRun[] = [];
  return {
    runs,
    async run(run) {
      runs.push(run);
      const say = (event: Partial<EngineEvent>) => run.onEvent({ sequence: 0, timestamp: 0, ...event });
      const { ok, text = "", locked = false, ...end } = await script({ ...run, attempt: runs.length, say });
      return ok ? { ok, text } : { ok, text, locked, ...end };
    },
  };
}

export const urn = (type: string, name: string): string =>
  `urn:pulumi:dev::ao-fleet::ao:Fleet$pulumi-nodejs:dynamic/ao:${type}::${name}`;

/** Engine events of one step. */
export const began = (type: string, name: string, op = "create") =>
  ({
    resourcePreEvent: { metadata: { op, urn: urn(type, name), type, provider: "" } },
  }) as Partial<EngineEvent>;
export const ended = (type: string, name: string, op = "create") =>
  ({
    resOutputsEvent: { metadata: { op, urn: urn(type, name), type, provider: "" } },
  }) as Partial<EngineEvent>;
export const failed = (type: string, name: string, message: string): Partial<EngineEvent>[] => [
  { diagnosticEvent: { urn: urn(type, name), severity: "error", message, color: "never" } },
  {
    resOpFailedEvent: {
      metadata: { op: "create", urn: urn(type, name), type, provider: "" },
      status: 1,
      steps: 1,
    },
  } as Partial<EngineEvent>,
];

/** A folder with a project in it. */
export function projectFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fleet-cli-"));
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    "name: ao-fleet\nruntime: nodejs\nconfig:\n  network: { type: string, default: local }\n  localDir: { type: string, default: .fleet/localnet }\n",
  );
  writeFileSync(join(folder, "Pulumi.dev.yaml"), "config:\n  ao-fleet:walletPath: wallet.json\n");
  return folder;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as the one JSON document. */
  json<T = Record<string, unknown>>(): T;
}

/** Runs the command line against fakes. */
export async function fleet(
  words: readonly string[],
  fakes: {
    /** An error means that the fleet cannot be opened. */
    fleet?: FleetSession | FleetError;
    /** By stack, for a command that opens several. */
    fleets?: Readonly<Record<string, FleetSession>>;
    history?: History;
    engine?: Engine;
    pulumi?: Host["pulumi"];
    choose?: number;
    localnet?: Partial<Awaited<ReturnType<Host["localnet"]>>>;
    tty?: boolean;
    /** The answer to every question; an error ends it, as Ctrl-C does. */
    confirm?: boolean | FleetError;
    stdin?: string;
    cwd?: string;
    /** The backend of the stacks' state, as in `PULUMI_BACKEND_URL`. */
    backend?: string;
    env?: Record<string, string>;
    interrupts?: Host["interrupts"];
    pause?: () => Promise<void>;
  } = {},
): Promise<Ran> {
  const capture = () => {
    const stream = new PassThrough();
    let text = "";
    stream.on("data", (part: Buffer) => {
      text += part.toString();
    });
    return { stream, text: () => text };
  };
  const stdout = capture();
  const stderr = capture();
  const stdin = new PassThrough();
  stdin.end(fakes.stdin ?? "");
  const missing = (what: string) => () => Promise.reject(new Error(`no ${what} in this test`));
  const host: Host = {
    stdin: Object.assign(stdin, { isTTY: fakes.tty ?? false }),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { PATH: process.env.PATH ?? "", ...fakes.env },
    isRead: () => true,
    cwd: fakes.cwd ?? process.cwd(),
    workspace: async (projectDir) => ({
      projectDir,
      env: fakes.backend === undefined ? {} : { PULUMI_BACKEND_URL: fakes.backend },
      pulumi: "pulumi",
    }),
    stackName: async (_workspace, named) => named ?? "dev",
    async openFleet(_workspace, stack) {
      const own = fakes.fleets?.[stack];
      if (own !== undefined) return own;
      if (fakes.fleet === undefined) return missing("fleet")();
      if (fakes.fleet instanceof FleetError) throw fakes.fleet;
      return fakes.fleet;
    },
    history: fakes.history ? async () => fakes.history as History : missing("history"),
    engine: fakes.engine ? async () => fakes.engine as Engine : missing("engine"),
    localnet: async () => fakes.localnet as Awaited<ReturnType<Host["localnet"]>>,
    // As in a project whose stack was never created.
    pulumi:
      fakes.pulumi ?? (async () => ({ code: 1, stdout: "", output: "error: no stack named 'dev' found" })),
    async choose(_question, choices) {
      const chosen = choices[fakes.choose ?? -1];
      if (!chosen) throw new Error("nobody chooses in this test");
      return chosen.value;
    },
    async confirm() {
      const answer = fakes.confirm ?? false;
      if (answer instanceof FleetError) throw answer;
      return answer;
    },
    interrupts: fakes.interrupts ?? (() => () => {}),
    pause: fakes.pause ?? (() => Promise.resolve()),
  };
  const code = await main(words, host);
  // Every document that a test makes a command print is also compared with the published schema.
  if (words.includes("--json") && stdout.text() !== "") {
    (await import("../kit/documents.ts")).checkDocument(words, stdout.text());
  }
  return {
    code,
    stdout: stdout.text(),
    stderr: stderr.text(),
    json: () => JSON.parse(stdout.text()),
  };
}
