import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type NodeClient, nodeAt } from "../../src/ao/mainnet/node.ts";
import { readPublished } from "../../src/ao/mainnet/published.ts";
import { type Results, resultsAt } from "../../src/ao/mainnet/results.ts";
import { scheduleAt } from "../../src/ao/mainnet/schedule.ts";
import type { Evaluation, Scheduled } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { start } from "../../src/localnet/index.ts";
import type { Project } from "../e2e/project.ts";
import { Faults, type Repeating, repeating, startFaultProxy } from "../simnet/index.ts";
import type { Lab, Repeated } from "./case.ts";

/**
 * Puts a project with real evaluators on the face of its case: the legacy units of its embedded network, or the node, behind a proxy that
 * repeats posts. Before the first deployment.
 */
export async function onFace(lab: Lab, project: Project): Promise<void> {
  if (lab.face === "legacy") return;
  const info = await start(join(project.dir, ".fleet/localnet"));
  const { gatewayUrl: gateway, muUrl: mu, cuUrl: cu, suUrl: su, nodeUrl: node } = info;
  const again = repeating(node, lab.repeats, new Map(), lab.seed);
  const always = new Faults({ rules: [again.rule] });
  const proxy = await startFaultProxy({ gateway, mu, cu, su, node }, new Faults(), always);
  lab.onEnd(() => proxy.close());
  lab.judging(() => repeatedOn(node, again));
  const name = /^name: (.*)$/m.exec(project.text("Pulumi.yaml"))?.[1] ?? "";
  const settings = {
    ...{ network: "mainnet", nodeUrl: proxy.urls.node, gatewayUrl: gateway, module: info.modules.aos },
    walletPath: ".fleet/dev-wallet.json",
  };
  const lines = Object.entries(settings).map(([key, value]) => `  ${name}:${key}: ${value}\n`);
  // A node drives no crons.
  const replaced = [...Object.keys(settings), "healthCronSeconds"].join("|");
  const rest = project
    .text("Pulumi.dev.yaml")
    .replace(new RegExp(`^ {2}${name}:(${replaced}): .*\n`, "gm"), "");
  project.write("Pulumi.dev.yaml", rest.replace("config:\n", `config:\n${lines.join("")}`));
}

/** The slots of a process that hold an item which had one before, with their results. */
async function repeatsAt(results: Results, schedule: ReturnType<typeof scheduleAt>, processId: string) {
  const budget = budgetOf(120);
  const to = (await schedule.current(processId, budget)) ?? 0;
  const seen = new Set<string>();
  const found: { entry: Scheduled; result: Evaluation }[] = [];
  for (const entry of await schedule.range({ processId, from: 0, to }, budget)) {
    const { slot, messageId } = entry;
    if (seen.has(messageId))
      found.push({ entry, result: await results.at({ processId, messageId, slot }, budget) });
    seen.add(messageId);
  }
  return found;
}

/** What became of the repeated posts, once the node has answered all of them. */
async function repeatedOn(nodeUrl: string, repeats: Repeating): Promise<Repeated> {
  await repeats.settled();
  return { made: repeats.made(), ...(await judgeRepeats(nodeUrl, repeats.processes)) };
}

/**
 * What became of the items that have a second slot: from what the processes sent because of it, and from what they publish of themselves
 * before and after it.
 */
export async function judgeRepeats(
  nodeUrl: string,
  processes: Iterable<string>,
): Promise<Omit<Repeated, "made">> {
  const node = nodeAt(nodeUrl, { concurrency: 8, timeout: 60_000 });
  const [results, schedule] = [resultsAt(node), scheduleAt(node)];
  const broken: string[] = [];
  let absorbed = 0;
  for (const processId of processes)
    for (const { entry, result } of await repeatsAt(results, schedule, processId)) {
      const { messageId, action, slot } = entry;
      const effect = await effectOf(node, processId, entry, result);
      if (effect === undefined) absorbed += 1;
      else
        broken.push(
          `I10: the message ${messageId} (${action}), repeated in slot ${slot} of the process ${processId}, ${effect}`,
        );
    }
  return { absorbed, broken };
}

async function effectOf(
  node: NodeClient,
  processId: string,
  entry: Scheduled,
  result: Evaluation,
): Promise<string | undefined> {
  const sent = sentToOthers(entry, result);
  if (sent > 0) return `sent ${sent} messages`;
  const shown = (slot: number) => readPublished(node, { processId, path: ["fleet"], slot }, budgetOf(120));
  const [before, after] = [await shown(entry.slot - 1), await shown(entry.slot)];
  return isDeepStrictEqual(before, after) ? undefined : "changed what the process publishes";
}

/** The messages of an evaluation, without an answer to the sender: who sends a request again gets its first answer again. */
function sentToOthers({ from }: Scheduled, { messages, spawns }: Evaluation): number {
  return messages.filter(({ target }) => target !== "" && target !== from).length + spawns.length;
}
