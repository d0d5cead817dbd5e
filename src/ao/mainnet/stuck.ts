import { type Budget, within } from "../../core/budget.ts";
import { LUA_DEVICE } from "../../core/devices.ts";
import { FleetError, MEMBER } from "../../core/errors.ts";
import { seconds, UnitError } from "../errors.ts";
import { answersItself } from "./identity.ts";
import type { NodeAnswer, NodeClient } from "./node.ts";
import type { ProcessDevice } from "./process-device.ts";

/**
 * Processes on `lua@5.3a` of which a node computes no further slot. On this device, a message whose evaluation raises an error is tried
 * again at every later slot, and one without an end is waited for at every later slot. A node that fails at new slots, such as one whose disk is
 * full, answers alike, so the answers for one process never prove that it ended: another process of the same module has to be computed meanwhile.
 */
export interface StuckWatch {
  /**
   * What it means that a slot was not computed.
   *
   * @returns `PROCESS_STUCK`, or `PROCESS_RUINED` if that was proved; undefined if nothing is known about the process
   */
  judge(processId: string, seen: Seen, budget: Budget): Promise<UnitError | undefined>;
  /** A slot of the process was computed. */
  computed(processId: string): void;
}

/** What a node answered for a slot, or that it did not. */
type Seen =
  | { readonly answer: NodeAnswer }
  | { readonly unanswered: { readonly slot: number; readonly ms: number } };

/** The node computed a new process. */
interface Control {
  readonly id: string;
  readonly ms: number;
}

interface WatchParts {
  readonly node: NodeClient;
  readonly device: ProcessDevice;
  /**
   * Spawns a process of the same module and waits until the node has computed it. Without it, nothing is proved.
   *
   * @throws FleetError if the node does not
   */
  readonly control?: ((processId: string, budget: Budget) => Promise<Control>) | undefined;
  readonly limits?: StuckLimits | undefined;
}

export interface StuckLimits {
  /** Milliseconds for which a slot has to fail before waiting for it ends. Default 10,000. */
  readonly patience?: number;
  /** Milliseconds for which it has to fail before it is proved that the process ended. Default 30,000. */
  readonly proofAfter?: number;
}

/** A slot that fails or has no answer. */
interface Failing {
  /** Undefined if the node does not say which slot it computes. */
  readonly slot: number | undefined;
  readonly got: string;
  readonly isHanging: boolean;
}

/** Failures in a row before waiting ends. */
const LEAST_TRIES = 3;
/** Seconds for one question about a process that gives no answers. */
const ASK_SECONDS = 5;
/** Seconds for the computation of a new process. */
const CONTROL_SECONDS = 60;

/** Failures of a node itself, which say nothing about a message: its store loses races, or it is busy. */
const OF_NODE = /necessary_message_not_found|missing_key|busy|timeout|timed out/i;

/** Whether an evaluation failed, as far as an answer shows it. */
const isFailure = ({ status, text, isCached }: NodeAnswer): boolean =>
  (status === 400 || status === 500) && !isCached && !OF_NODE.test(text);

/** The slot that fails. The node still serves the state before it, also by the number of its slot, and fails at the slot after that state. */
async function failingAt(
  node: NodeClient,
  processId: string,
  seen: Seen,
  budget: Budget,
): Promise<Failing | undefined> {
  const ask = (path: string) =>
    node
      .ask({ path: `/${processId}~process@1.0/compute${path}/at-slot` }, within(budget, ASK_SECONDS))
      .catch(unanswered);
  const last = await ask("");
  const computed = last?.ok && !last.isCached && last.text.trim() !== "" ? Number(last.text) : Number.NaN;
  const next = Number.isInteger(computed) ? computed + 1 : undefined;
  if ("unanswered" in seen) {
    const { slot, ms } = seen.unanswered;
    // Where nothing answers, the node is away.
    if (!(await answersItself(node, within(budget, ASK_SECONDS)).catch(unanswered))) return undefined;
    if (next !== undefined && next > slot) return undefined;
    return { slot: next, got: `no result for slot ${slot} within ${seconds(ms)}`, isHanging: true };
  }
  // A node that fails, or a proxy before it, fails at the slots that it has evaluated, too.
  if (next === undefined || !(await ask(`=${next - 1}`))?.ok) return undefined;
  const answer = await ask(`=${next}`);
  if (answer === undefined || !isFailure(answer)) return undefined;
  return { slot: next, got: `${answer.status} ${answer.excerpt}`, isHanging: false };
}

export function stuckWatch({ node, device, control, limits = {} }: WatchParts): StuckWatch {
  const { patience = 10_000, proofAfter = 30_000 } = limits;
  const since = new Map<string, { readonly slot: number | undefined; readonly at: number; tries: number }>();
  const ended = new Map<string, UnitError>();
  const controls = new Map<string, Promise<Control>>();

  /** One control at a time for each process. */
  function controlOnce(processId: string, prove: NonNullable<WatchParts["control"]>, budget: Budget) {
    const known = controls.get(processId);
    if (known) return known;
    const made = prove(processId, within(budget, CONTROL_SECONDS)).finally(() => controls.delete(processId));
    controls.set(processId, made);
    return made;
  }

  async function proved(
    processId: string,
    failing: Failing,
    { seen, lasted, prove }: { seen: Seen; lasted: number; prove: NonNullable<WatchParts["control"]> },
    budget: Budget,
  ): Promise<UnitError | undefined> {
    const about = { node, processId, failing, lasted };
    let other: Control;
    try {
      other = await controlOnce(processId, prove, budget);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      return stuck(about, "lasting", error);
    }
    // Only what still fails after the other process was computed is not a failure of the node.
    const still = await failingAt(node, processId, seen, budget);
    if (still === undefined || still.slot !== failing.slot) return undefined;
    const error = processEnded(about, other);
    ended.set(processId, error);
    return error;
  }

  return {
    async judge(processId, seen, budget) {
      if ("answer" in seen && !isFailure(seen.answer)) return undefined;
      const known = ended.get(processId);
      if (known !== undefined) return known;
      if ((await device(processId, budget)) !== LUA_DEVICE) return undefined;
      const failing = await failingAt(node, processId, seen, budget);
      if (failing === undefined) return undefined;
      const now = performance.now();
      const before = since.get(processId);
      const waited = "unanswered" in seen ? seen.unanswered.ms : 0;
      const first =
        before?.slot === failing.slot && before ? before : { slot: failing.slot, at: now - waited, tries: 0 };
      since.set(processId, first);
      first.tries += 1;
      const lasted = now - first.at;
      const isLasting = failing.isHanging || first.tries >= LEAST_TRIES;
      // A caller with little time gets a proof that rests on the other process alone.
      const enough = control === undefined ? patience : Math.min(proofAfter, budget.total / 2);
      if (!isLasting || lasted < enough) return stuck({ node, processId, failing, lasted }, "transient");
      if (control === undefined) return stuck({ node, processId, failing, lasted }, "lasting");
      const error = await proved(processId, failing, { seen, lasted, prove: control }, budget);
      if (error === undefined) since.delete(processId);
      return error;
    },
    computed(processId) {
      since.delete(processId);
    },
  };
}

function unanswered(error: unknown): undefined {
  if (!(error instanceof UnitError)) throw error;
}

interface About {
  readonly node: Pick<NodeClient, "url">;
  readonly processId: string;
  readonly failing: Failing;
  readonly lasted: number;
}

const slotText = ({ slot }: Failing): string => (slot === undefined ? "any new slot" : `slot ${slot}`);

/**
 * `PROCESS_STUCK`: a node computes no further slot of a process, and why is not known.
 *
 * @param failed why no other process was computed meanwhile; undefined if none was tried
 */
function stuck(
  { node, processId, failing, lasted }: About,
  certainty: "transient" | "lasting",
  failed?: FleetError,
): UnitError {
  const tried = failed === undefined ? "" : `; no new process either: ${failed.problems[0].what}`;
  return new UnitError(
    {
      code: "PROCESS_STUCK",
      what: `The node at ${node.url} does not compute ${slotText(failing)} of the process ${processId}, nor any later one. Whether that message ended the process or the node fails is not known.`,
      got: `${failing.got}, for ${seconds(lasted)}${tried}`,
      expected: "the result of the message",
      remedy:
        failed === undefined
          ? `Try again later. If it lasts: npx fleet deploy --replace ${MEMBER} (or FLEET_REPLACE=${MEMBER} pulumi up) has the node compute a new process meanwhile, and replaces this one only if that succeeds; its state is lost then unless a backup contains it.`
          : "Nothing was replaced. Try again when the node computes new slots.",
    },
    certainty,
    { ...(failed === undefined ? {} : { cause: failed }) },
  );
}

/** `PROCESS_RUINED`: a message ended the process, as far as that can be known. */
function processEnded({ node, processId, failing, lasted }: About, control: Control): UnitError {
  const what = failing.isHanging
    ? `The process ${processId} evaluates no message: the node has no result for ${slotText(failing)}. An evaluation without an end cannot be told from one that takes longer.`
    : `The process ${processId} can never evaluate a message again: the message at ${slotText(failing)} ended it. ${LUA_DEVICE} tries that message again at every later one.`;
  return new UnitError(
    {
      code: "PROCESS_RUINED",
      what,
      got: `${failing.got}, for ${seconds(lasted)} (node at ${node.url}), which computed the new process ${control.id} meanwhile in ${seconds(control.ms)}`,
      expected: "the result of a message",
      remedy: "Replace the process with a new one; its state is lost.",
    },
    "permanent",
  );
}
