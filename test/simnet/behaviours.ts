import { createHash } from "node:crypto";
import { resultJson } from "../../src/localnet/node/shapes.ts";
import type { Call } from "./calls.ts";
import type { EvaluatorKnobs } from "./evaluator.ts";
import type { Answer, FaultRule, Faults, Remove, Selector } from "./faults.ts";
import type { Oracle } from "./oracle.ts";
import { answerOf } from "./proxy.ts";
import { rngOf } from "./rng.ts";

/** The reads or calls that a preset applies to; all of them by default. */
export interface Portion {
  /** 0–1, drawn from the fault script's seed. */
  readonly share?: number;
  /** The nth matching calls, from 1. */
  readonly nth?: number | readonly number[];
  readonly times?: number;
}

/** The texts with which a messenger unit fails; the status is always 500. */
export const MU_TEXTS = {
  invalidItem: "Error: A valid and signed data item must be provided as the body",
  dataProtocol: "Error: Tag 'Data-Protocol': value 'ao' was not found",
  unknownScheduler:
    "TypeError: Cannot destructure property 'url' of '(intermediate value)' as it is undefined.",
  messageExists: 'Error: 400: {"error":"MessageExists(\\"Message already exists\\")"}',
  warmingUp: "Error: Process is warming up",
  fetchFailed: "TypeError: fetch failed",
  unknownProcess: "TypeError: Cannot read properties of undefined (reading 'tags')",
} as const;

/** What the real legacynet units do, by name; each call starts the behaviour and returns how to end it. */
export interface Behaviours {
  /** 1: a unit's own failure comes as a body `{ error }` that aoconnect resolves. Status default 500. */
  lowerCaseErrorResult(options?: Portion & { text?: string; status?: number }): Remove;
  /**
   * 2: the first read of a new process is empty, and what the process sends then may be lost for good.
   * `within` ms after the spawn (default 300); shares default to the measured 5/12 and 2/12.
   */
  emptyFirstResult(options?: { share?: number; lose?: number; within?: number; seed?: number }): Remove;
  /**
   * 3: for `ms` after its spawn a process is unknown to all units and to the index; the share is of processes. On a node: to the node that
   * answers, with its 500 for a process that it does not hold.
   */
  gatewayLag(ms: number, options?: { share?: number; seed?: number }): Remove;
  /** 4: the MU fails with one of its texts. */
  muFailure(text: keyof typeof MU_TEXTS, options?: Portion): Remove;
  /** 5: the call is executed, its answer is lost: sending the same bytes again must have no effect. */
  acceptAndLoseAnswer(options?: Portion & { on?: Selector | readonly Selector[] }): Remove;
  /** 6: the compute unit is down while the messenger still accepts. */
  computeDown(): Remove;
  /** 7: native to the model: a stranger's Eval is answered with `New Message From … Action = Eval`. Nothing to start. */
  strangersEval(): Remove;
  /** 8: a read of an unknown message or process takes `ms` to fail (default 15,500). */
  slowUnknown(ms?: number): Remove;
  /** 9: equal dry-runs are answered from a cache for `ms` (default 60,000). */
  cachedDryruns(ms?: number): Remove;
  /** 9: more than `perMinute` dry-runs (default 6) are answered with 429 and a `Retry-After`. */
  limitedDryruns(perMinute?: number): Remove;
  /** 9: a dry-run on a process without any message fails after `ms` (default 15,500). */
  dryrunNeedsMessage(ms?: number): Remove;
  /** 10: concurrent messages arrive in another order: each is held for up to `window` ms (default 50). */
  shuffledArrival(window?: number): Remove;
  /** 11: native: the spawn has a result, pushes need the authority, `results` excludes failed evaluations. Nothing to start. */
  legacyResults(): Remove;
  /** 12: the units work on at most `lanes` calls at once (default 3), each taking `ms` (default 100): further calls only wait. */
  congestion(options?: { lanes?: number; ms?: number }): Remove;
  /**
   * Reads are `slots` behind: `results`, dry-runs, and with `result` also the answers for single messages (those of an earlier one). On a
   * node: for single slots.
   */
  staleReads(slots: number, options?: Portion & { result?: boolean }): Remove;
  /**
   * The scheduler unit looks items and orders up in a replica of its database that is `ms` behind. The latest message of a process comes from
   * the database itself.
   */
  schedulerLag(ms: number): Remove;
  /** The index alone lags: queries do not see what is younger than `ms`. */
  indexLag(ms: number): Remove;
  /**
   * Shared units on an ordinary day: 2, 3 (share 3/37), 9 and 10 together, times divided by `hurry`. On a node: 3, 9, 10, and a share of
   * posts that fail with a slot or without one.
   */
  ordinaryDay(options?: { hurry?: number; seed?: number }): Remove;
  /** A node gives a post its slot and does what follows from it, and answers with a 500; `broken`: its text also stands in a header. */
  slotThenFailure(options?: Portion & { broken?: boolean }): Remove;
  /** A node gives a post its slot, and its answer never comes. */
  slotThenSilence(options?: Portion): Remove;
  /** A node's scheduler is busy: it drops posts with a 500. */
  busyNode(options?: Portion): Remove;
  /** A node gives at most `size` slots of a schedule at once, and says the opposite of the truth about a next page. */
  lyingPages(size?: number): Remove;
}

/** What the presets work on. */
export interface Workshop {
  readonly faults: Faults;
  readonly knobs: EvaluatorKnobs;
  readonly oracle: Oracle;
  /** Milliseconds that the index is behind; set by presets. */
  readonly index: { lag: number };
  /** Whether fleets are deployed through its node. */
  readonly isNode: boolean;
}

const EMPTY = JSON.stringify({ Output: "", Messages: [], Spawns: [], Assignments: [], GasUsed: 0 });
const READS: readonly Selector[] = ["cu.result", "cu.results", "cu.dryrun"];

/** The presets over a network's faults, evaluator and oracle. */
export function behavioursOf({ faults, knobs, oracle, index, isNode }: Workshop): Behaviours {
  const all =
    (...removes: Remove[]): Remove =>
    () => {
      for (const remove of removes) remove();
    };
  const nothing: Remove = () => {};
  const add = (rule: FaultRule) => faults.add(rule);
  const failure = (text: string, status = 500) => answerOf(status, JSON.stringify({ error: text }));

  const behaviours: Behaviours = {
    lowerCaseErrorResult: ({ text = "Error: upstream failed", status = 500, ...portion } = {}) =>
      add({
        name: "lowerCaseErrorResult",
        on: ["cu.result", "cu.dryrun"],
        ...portion,
        fault: { kind: "status", status, body: JSON.stringify({ error: text }) },
      }),

    emptyFirstResult({ share = 5 / 12, lose = 2 / 12, within = 300, seed = 1 } = {}) {
      const looked = new Set<string>();
      const fresh = (process: string) => (oracle.age(process) ?? Number.POSITIVE_INFINITY) < within;
      const remove = add({
        name: "emptyFirstResult",
        on: "cu.result",
        match: ({ processId, messageId }) => {
          if (!processId || processId === messageId || !fresh(processId)) return false;
          looked.add(processId);
          return chance(`empty ${seed} ${processId}`) < share;
        },
        fault: { kind: "status", status: 200, body: EMPTY },
      });
      const earlier = knobs.before;
      // The loss is decided when the message is evaluated, so that must wait until no early read is possible.
      knobs.before = async (input) => {
        const id = input.process.id;
        const fragile = chance(`lose ${seed} ${id}`) < lose;
        while (fragile && input.message.Id !== id && fresh(id) && !looked.has(id)) await pause(5);
        const lost = fragile && looked.has(id) && fresh(id) && input.message.Id !== id;
        return lost ? "lost" : earlier?.(input);
      };
      return all(remove, () => {
        if (earlier) knobs.before = earlier;
        else delete knobs.before;
      });
    },

    gatewayLag(ms, { share = 1, seed = 1 } = {}) {
      const hidden = (process: string) =>
        (oracle.age(process) ?? Number.POSITIVE_INFINITY) < ms && chance(`lag ${seed} ${process}`) < share;
      const remove = add({
        name: "gatewayLag",
        on: ["mu.message", "mu.monitor", "mu.assign", ...READS],
        match: ({ unit, processId }) => unit !== "node" && processId !== undefined && hidden(processId),
        fault: { kind: "status", status: 500, body: JSON.stringify({ error: MU_TEXTS.unknownProcess }) },
      });
      const unseen = add({
        name: "gatewayLag",
        on: "gateway.graphql",
        fault: { kind: "rewrite", with: (answer) => withoutEdges(answer, hidden) },
      });
      // A node says of the item itself that it has none, and fails for everything else.
      const elsewhere = add({
        name: "gatewayLag",
        on: "*",
        match: ({ unit, processId, item }) =>
          unit === "node" && item?.type !== "Process" && processId !== undefined && hidden(processId),
        fault: { kind: "answer", with: notHeld },
      });
      return all(remove, unseen, elsewhere);
    },

    muFailure: (text, portion = {}) =>
      add({
        name: `muFailure:${text}`,
        on: ["mu.post", "mu.assign"],
        ...portion,
        fault: { kind: "status", status: 500, body: JSON.stringify({ error: MU_TEXTS[text] }) },
      }),

    acceptAndLoseAnswer: ({ on, ...portion } = {}) =>
      add({
        name: "acceptAndLoseAnswer",
        on: on ?? ["mu.post", "mu.assign"],
        ...portion,
        fault: { kind: "loseAnswer" },
      }),

    computeDown: () =>
      add({ name: "computeDown", on: [...READS, "cu.state", "cu.other"], fault: { kind: "reset" } }),

    strangersEval: () => nothing,

    slowUnknown(ms = 15_500) {
      const unknown = ({ processId, messageId, endpoint }: Call) =>
        processId === undefined ||
        oracle.process(processId) === undefined ||
        (endpoint === "cu.result" &&
          messageId !== processId &&
          !oracle.messages(processId).some(({ id }) => id === messageId));
      return add({
        name: "slowUnknown",
        on: ["cu.result", "cu.dryrun", "mu.message"],
        match: unknown,
        fault: { kind: "delay", ms },
      });
    },

    cachedDryruns(ms = 60_000) {
      const cache = new Map<string, { at: number; answer: Answer }>();
      const keyOf = ({ path, processId, body }: Call) => `${path} ${processId} ${body.toString("utf8")}`;
      const hit = add({
        name: "cachedDryruns",
        on: "cu.dryrun",
        fault: {
          kind: "answer",
          with(call) {
            const found = cache.get(keyOf(call));
            return found && performance.now() - found.at < ms ? found.answer : undefined;
          },
        },
      });
      const keep = add({
        on: "cu.dryrun",
        fault: {
          kind: "rewrite",
          with(answer, call) {
            if (answer.status === 200) cache.set(keyOf(call), { at: performance.now(), answer });
            return answer;
          },
        },
      });
      return all(hit, keep);
    },

    limitedDryruns(perMinute = 6) {
      let recent: number[] = [];
      return add({
        name: "limitedDryruns",
        on: "cu.dryrun",
        fault: {
          kind: "answer",
          with() {
            const now = performance.now();
            recent = recent.filter((at) => now - at < 60_000);
            if (recent.length < perMinute) {
              recent.push(now);
              return undefined;
            }
            const wait = Math.ceil((60_000 - (now - (recent[0] ?? now))) / 1000);
            const answer = failure("Rate limit exceeded", 429);
            return { ...answer, headers: { ...answer.headers, "retry-after": String(wait) } };
          },
        },
      });
    },

    dryrunNeedsMessage(ms = 15_500) {
      const bare = ({ processId }: Call) => processId !== undefined && oracle.process(processId)?.slot === 0;
      return all(
        add({ name: "dryrunNeedsMessage", on: "cu.dryrun", match: bare, fault: { kind: "delay", ms } }),
        add({
          name: "dryrunNeedsMessage",
          on: "cu.dryrun",
          match: bare,
          fault: {
            kind: "status",
            status: 500,
            body: JSON.stringify({ error: "Error: no message to evaluate" }),
          },
        }),
      );
    },

    shuffledArrival: (window = 50) =>
      add({
        name: "shuffledArrival",
        on: "mu.message",
        fault: { kind: "delay", ms: (_, rng) => rng.next() * window },
      }),

    legacyResults: () => nothing,

    congestion({ lanes = 3, ms = 100 } = {}) {
      const free = Array.from({ length: lanes }, () => 0);
      return add({
        name: "congestion",
        on: ["mu.post", ...READS],
        fault: {
          kind: "delay",
          ms() {
            const now = performance.now();
            const lane = free.indexOf(Math.min(...free));
            const start = Math.max(now, free[lane] ?? 0);
            free[lane] = start + ms;
            return start + ms - now;
          },
        },
      });
    },

    staleReads(slots, { result = false, ...portion } = {}) {
      const rng = rngOf(7);
      let used = 0;
      // The evaluator makes a dry-run's draw, because it has no calls.
      knobs.staleDryruns = () => {
        if (portion.times !== undefined && used >= portion.times) return 0;
        if (rng.next() >= (portion.share ?? 1)) return 0;
        used += 1;
        return slots;
      };
      const removes = [
        add({
          name: "staleReads",
          on: "cu.results",
          ...portion,
          fault: {
            kind: "rewrite",
            with: (answer, { query }) => withoutNewest(answer, slots, query.get("sort")),
          },
        }),
      ];
      if (result)
        removes.push(
          add({
            name: "staleReads",
            on: "cu.result",
            ...portion,
            fault: { kind: "answer", with: (call) => earlierResult(oracle, call, slots) },
          }),
        );
      return all(...removes, () => {
        delete knobs.staleDryruns;
      });
    },

    schedulerLag: (ms) =>
      add({
        name: "schedulerLag",
        on: "su.message",
        match: ({ unit, path }) => unit === "su" && !/\/latest(\?|$)/.test(path),
        fault: { kind: "rewrite", with: (answer) => asOf(answer, Date.now() - ms) },
      }),

    indexLag(ms) {
      index.lag = ms;
      return () => {
        index.lag = 0;
      };
    },

    ordinaryDay: ({ hurry = 1, seed = 1 } = {}) =>
      all(
        isNode
          ? all(behaviours.slotThenFailure({ share: 0.1 }), behaviours.busyNode({ share: 0.03 }))
          : behaviours.emptyFirstResult({ within: 300 / hurry, seed }),
        behaviours.gatewayLag(2000 / hurry, { share: 3 / 37, seed }),
        behaviours.cachedDryruns(60_000 / hurry),
        behaviours.limitedDryruns(6 * hurry),
        behaviours.shuffledArrival(50 / hurry),
      ),

    slotThenFailure: ({ broken = false, ...portion } = {}) =>
      add({
        name: "slotThenFailure",
        on: "mu.post",
        ...portion,
        fault: { kind: "rewrite", with: () => nodeFailure(broken) },
      }),

    slotThenSilence: (portion = {}) =>
      add({
        name: "slotThenSilence",
        on: "mu.post",
        ...portion,
        fault: { kind: "rewrite", with: () => new Promise<Answer>(() => {}) },
      }),

    busyNode: (portion = {}) =>
      add({
        name: "busyNode",
        on: "mu.post",
        ...portion,
        fault: { kind: "answer", with: () => nodeFailure(false, "The scheduler of the process is busy.") },
      }),

    lyingPages: (size = 3) =>
      add({
        name: "lyingPages",
        on: "su.message",
        match: ({ unit }) => unit === "node",
        fault: { kind: "rewrite", with: (answer) => shortPage(answer, size) },
      }),
  };
  return behaviours;
}

/** A number in [0, 1) that depends only on a string: the same process has the same fate however often it is read. */
function chance(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0) / 4_294_967_296;
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

interface Edges {
  edges?: { node?: { id?: string } }[];
}

function withoutEdges(answer: Answer, hidden: (id: string) => boolean): Answer {
  const body = JSON.parse(answer.body.toString("utf8")) as { data?: { transactions?: Edges } };
  const found = body.data?.transactions;
  if (!found?.edges?.some(({ node }) => node?.id !== undefined && hidden(node.id))) return answer;
  found.edges = found.edges.filter(({ node }) => node?.id === undefined || !hidden(node.id));
  return { ...answer, body: Buffer.from(JSON.stringify(body)) };
}

interface Placed {
  assignment?: { tags: { name: string; value: string }[] } | null;
}

/** A scheduler's answer about what it had at an earlier time. */
function asOf(answer: Answer, time: number): Answer {
  if (answer.status !== 200) return answer;
  const body = JSON.parse(answer.body.toString("utf8")) as Placed & {
    process_id?: string;
    timestamp?: number;
    edges?: { node: Placed }[];
  };
  const isYounger = ({ assignment }: Placed) =>
    Number(assignment?.tags.find(({ name }) => name === "Timestamp")?.value ?? 0) > time;
  const notFound = (error: string) => answerOf(400, JSON.stringify({ error }));
  if (body.process_id !== undefined && (body.timestamp ?? 0) > time)
    return notFound('NotFound("Process not found")');
  if (isYounger(body)) return notFound("Message or Process not found");
  if (body.edges === undefined) return answer;
  const edges = body.edges.filter(({ node }) => !isYounger(node));
  return { ...answer, body: Buffer.from(JSON.stringify({ ...body, edges })) };
}

function withoutNewest(answer: Answer, slots: number, sort: string | null): Answer {
  const body = JSON.parse(answer.body.toString("utf8")) as Edges;
  if (!Array.isArray(body.edges)) return answer;
  body.edges =
    sort === "DESC" ? body.edges.slice(slots) : body.edges.slice(0, Math.max(0, body.edges.length - slots));
  return { ...answer, body: Buffer.from(JSON.stringify(body)) };
}

/** A node's answer about a process that it does not hold. */
function notHeld({ path, processId }: Call): Answer {
  const isItem = path === `/${processId}`;
  const text = isItem ? "Not found." : "necessary_message_not_found";
  return answerOf(isItem ? 404 : 500, JSON.stringify({ body: text }));
}

const LUA_FAILURE = "attempt to index a nil value\nstack traceback:\n\tin main chunk";

/** A node's failure; `isBroken`: its text is also in a header, with its line breaks, which strict clients refuse to parse. */
function nodeFailure(isBroken: boolean, text = LUA_FAILURE): Answer {
  const answer = answerOf(500, JSON.stringify({ status: 500, body: text }));
  if (!isBroken) return answer;
  const lines = [
    "HTTP/1.1 500 Error",
    "content-type: application/json",
    `content-length: ${answer.body.length}`,
    "connection: close",
    `details: ${text}`,
    "",
    answer.body.toString("utf8"),
  ];
  return { ...answer, raw: Buffer.from(lines.join("\r\n")) };
}

/** The first slots of a page of a schedule. */
function shortPage(answer: Answer, size: number): Answer {
  if (answer.status !== 200) return answer;
  const page = JSON.parse(answer.body.toString("utf8")) as Edges & { page_info?: object };
  if (!Array.isArray(page.edges)) return answer;
  const has_next_page = page.edges.length <= size;
  const body = { ...page, page_info: { ...page.page_info, has_next_page }, edges: page.edges.slice(0, size) };
  return { ...answer, body: Buffer.from(JSON.stringify(body)) };
}

const SLOT_RESULT = /^\/([\w-]{43})~process@1\.0\/compute=(\d+)\/results\/json\/body$/;

/** The result of an earlier slot of a node, at the path that nodes of 2025 have. */
function earlierSlot(oracle: Oracle, path: string, slots: number): Answer | undefined {
  const [, process = "", slot] = SLOT_RESULT.exec(path) ?? [];
  const result = slot === undefined ? undefined : oracle.resultAt(process, Math.max(0, Number(slot) - slots));
  return result === undefined ? undefined : answerOf(200, JSON.stringify(resultJson(result)));
}

function earlierResult(oracle: Oracle, call: Call, slots: number): Answer | undefined {
  const { unit, path, processId, messageId } = call;
  if (unit === "node") return earlierSlot(oracle, path, slots);
  if (processId === undefined) return undefined;
  const order = oracle.messages(processId);
  const at = order.findIndex(({ id }) => id === messageId);
  const earlier = order[at - slots];
  const result = earlier && oracle.result(processId, earlier.id);
  return result === undefined ? undefined : answerOf(200, JSON.stringify(result));
}
