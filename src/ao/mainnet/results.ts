import { type Budget, within } from "../../core/budget.ts";
import { notEvaluated, processUnknown, UnitError, unitNotAo, unitRefused } from "../errors.ts";
import type { Evaluation, Tags } from "../port.ts";
import { evaluationIn } from "../shared/shapes.ts";
import { answersItself } from "./identity.ts";
import { envelopedValue, type NodeAnswer, type NodeClient } from "./node.ts";
import { processDevice } from "./process-device.ts";
import { isPatch } from "./published.ts";
import { scheduleAt } from "./schedule.ts";
import { type StuckWatch, stuckWatch } from "./stuck.ts";

/** Where a node serves a result: nodes of 2026, and those before. */
const PATHS = ["results/raw", "results/json/body"] as const;

/** The sender of every dry run on a node. */
const STRANGER = "1234";

/** Of a budget that is longer than `LONG`, what is left to find out why a slot has no answer, ms. */
const RESERVE = 10_000;
const LONG = 15_000;

/** Results of a node's slots. Every call is a single attempt. */
export interface Results {
  /**
   * @throws UnitError `NOT_EVALUATED` if the slot is not taken yet, `PROCESS_STUCK` or `PROCESS_RUINED` if no slot is computed any more, or a
   * failure of the node
   */
  at(slot: { processId: string; messageId: string; slot: number }, budget: Budget): Promise<Evaluation>;
  /**
   * An evaluation that changes nothing, in the name of a fixed stranger: a node drops the signature. What the process sends to that stranger
   * is for `asker`.
   */
  dryrun(
    input: { processId: string; tags: Tags; data?: string | undefined },
    asker: string,
    budget: Budget,
  ): Promise<Evaluation>;
}

export function resultsAt(
  node: NodeClient,
  watch: StuckWatch = stuckWatch({ node, device: processDevice(node, scheduleAt(node)) }),
): Results {
  /** The path that this node had last. */
  let known: (typeof PATHS)[number] | undefined;

  /** @param prefix the path of a slot or of a dry run, with a slash at its end */
  async function read(prefix: string, budget: Budget): Promise<NodeAnswer> {
    let answer: NodeAnswer | undefined;
    const first = known;
    for (const path of [...PATHS].sort((a, b) => Number(b === first) - Number(a === first))) {
      answer = await node.ask({ path: `${prefix}${path}` }, budget);
      const isFound = answer.ok && evaluationOf(answer) !== undefined;
      if (isFound) known = path;
      // A node that is updated, or another one behind the same address, may have the other path.
      const isElsewhere = answer.ok || answer.status === 404 || first === undefined;
      if (isFound || isFuture(answer) || !isElsewhere) return answer;
    }
    return answer as NodeAnswer;
  }

  /** A node answers alike for a process that it does not have and for a failure; only the item itself tells them apart. */
  async function failureOf(processId: string, answer: NodeAnswer, budget: Budget) {
    const { status, excerpt } = answer;
    const isUnknown = (await node.ask({ path: `/${processId}` }, budget)).status === 404;
    if (isUnknown && (await answersItself(node, budget)))
      return processUnknown(processId, `${status} ${excerpt}`);
    return (
      (await watch.judge(processId, { answer }, budget)) ?? unitRefused("node", node.url, status, excerpt)
    );
  }

  /** An evaluation without an end has no answer, as one on a node that is slow. */
  async function readSlot(processId: string, slot: number, budget: Budget): Promise<NodeAnswer> {
    const left = budget.remaining();
    const started = performance.now();
    try {
      const time = left > LONG ? within(budget, (left - RESERVE) / 1000) : budget;
      return await read(`/${processId}~process@1.0/compute=${slot}/`, time);
    } catch (error) {
      if (!(error instanceof UnitError) || error.code !== "UNIT_SLOW") throw error;
      const unanswered = { slot, ms: performance.now() - started };
      throw (await watch.judge(processId, { unanswered }, budget).catch(failed)) ?? error;
    }
  }

  return {
    async at({ processId, messageId, slot }, budget) {
      const answer = await readSlot(processId, slot, budget);
      if (isFuture(answer)) throw notEvaluated(processId, messageId, `${answer.status} ${answer.excerpt}`);
      if (!answer.ok) throw await failureOf(processId, answer, budget);
      const found = evaluationOf(answer);
      if (found === undefined) throw unitNotAo("node", node.url, `${answer.status} ${answer.excerpt}`);
      watch.computed(processId);
      return { ...found, messageId };
    },
    async dryrun({ processId, tags, data }, asker, budget) {
      const parameters = Object.entries({ ...tags, ...(data === undefined ? {} : { data }) })
        .map(([name, value]) => `&${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
        .join("");
      const answer = await read(`/${processId}~process@1.0/as=execution/compute${parameters}/`, budget);
      if (!answer.ok) throw await failureOf(processId, answer, budget);
      const found = evaluationOf(answer);
      if (found === undefined) throw unitNotAo("node", node.url, `${answer.status} ${answer.excerpt}`);
      const messages = found.messages.map((out) =>
        out.target === STRANGER ? { ...out, target: asker } : out,
      );
      return { ...found, messages };
    },
  };
}

/** For `catch` of a question that a failure led to: the first failure says more. */
function failed(error: unknown): undefined {
  if (!(error instanceof UnitError)) throw error;
}

const isFuture = ({ status, text }: NodeAnswer) =>
  status === 404 && text.includes("not yet available in schedule");

/** The evaluation in an answer: as it is, or under `body`. Patches in its outbox are no messages. */
function evaluationOf({ json }: NodeAnswer): Evaluation | undefined {
  const found = evaluationIn(json, "") ?? evaluationIn(envelopedValue(json), "");
  return found && { ...found, messages: found.messages.filter(({ tags }) => !isPatch(tags)) };
}
