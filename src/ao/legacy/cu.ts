import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { notEvaluated, processRuined, processUnknown, unitNotAo, unitRefused } from "../errors.ts";
import type { Evaluation, Tags } from "../port.ts";
import type { Answer, Unit } from "../shared/http.ts";
import { evaluationIn, failureIn } from "../shared/shapes.ts";

/**
 * Reads a message's result once.
 *
 * @param resultId the id under which the unit keeps it: the message's, or that of its assignment
 * @throws UnitError `NOT_EVALUATED`, `PROCESS_UNKNOWN` or a failure of the unit, all transient
 */
export async function readResult(
  cu: Unit,
  processId: string,
  { messageId, resultId }: { messageId: string; resultId: string },
  budget: Budget,
): Promise<Evaluation> {
  const url = `${cu.url}/result/${encodeURIComponent(resultId)}?process-id=${encodeURIComponent(processId)}`;
  const answer = await cu.ask({ url }, budget);
  if (answer.status === 202) throw notEvaluated(processId, messageId, `202 ${answer.excerpt}`);
  checkAnswer(cu, answer, processId);
  const evaluation = evaluationIn(answer.json, messageId);
  if (!evaluation) throw unitNotAo(cu.name, cu.url, `${answer.status} ${answer.excerpt}`);
  return evaluation;
}

/** One dry run, made unique by a tag so that it is not answered from a cache. */
export async function readDryrun(
  cu: Unit,
  {
    processId,
    owner,
    tags,
    data,
  }: { processId: string; owner: string; tags: Tags; data?: string | undefined },
  budget: Budget,
): Promise<Evaluation> {
  const unique = randomUUID();
  const answer = await cu.ask(
    {
      url: `${cu.url}/dry-run?process-id=${encodeURIComponent(processId)}`,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        Id: "dry-run",
        Owner: owner,
        From: owner,
        Target: processId,
        Anchor: "0",
        Data: data ?? "",
        Tags: [
          ...Object.entries(tags).map(([name, value]) => ({ name, value })),
          { name: "Data-Protocol", value: "ao" },
          { name: "Type", value: "Message" },
          { name: "Variant", value: "ao.TN.1" },
          { name: "Dry-Run-Id", value: unique },
        ],
      }),
    },
    budget,
  );
  if (answer.status === 202) throw notEvaluated(processId, "of a dry run", `202 ${answer.excerpt}`);
  checkAnswer(cu, answer, processId);
  const evaluation = evaluationIn(answer.json, "");
  if (!evaluation) throw unitNotAo(cu.name, cu.url, `${answer.status} ${answer.excerpt}`);
  return evaluation;
}

const ResultsSchema = z.object({
  pageInfo: z.looseObject({ hasNextPage: z.boolean().optional() }).optional(),
  edges: z.array(z.object({ cursor: z.coerce.string(), node: z.unknown().optional() })),
});

/** One page of a process' evaluations. */
export async function readResults(
  cu: Unit,
  query: { processId: string; cursor?: string | undefined; limit: number; newestFirst: boolean },
  budget: Budget,
): Promise<{ items: (Evaluation & { cursor: string })[]; next?: string }> {
  const parameters = new URLSearchParams({
    sort: query.newestFirst ? "DESC" : "ASC",
    limit: String(query.limit),
  });
  if (query.cursor !== undefined) parameters.set("from", query.cursor);
  const url = `${cu.url}/results/${encodeURIComponent(query.processId)}?${parameters}`;
  const answer = await cu.ask({ url }, budget);
  checkAnswer(cu, answer, query.processId);
  const page = ResultsSchema.safeParse(answer.json).data;
  // A message that has not been evaluated yet has no node.
  const edges = page?.edges.filter(({ node }) => node !== undefined && node !== null);
  const items = edges?.map(({ cursor, node }) => {
    const evaluation = evaluationIn(node, idIn(node));
    return evaluation && { ...evaluation, cursor };
  });
  if (!items?.every((item) => item !== undefined)) {
    throw unitNotAo(cu.name, cu.url, `${answer.status} ${answer.excerpt}`);
  }
  const last = page?.edges.at(-1);
  // `hasNextPage` is ignored: the unit drops failed evaluations after it cut the page, and reports the last page too early.
  return { items, ...(last ? { next: last.cursor } : {}) };
}

/** Units differ in whether and how a page names the evaluated message. */
function idIn(node: unknown): string {
  const { messageId, Id } = (node ?? {}) as { messageId?: unknown; Id?: unknown };
  return typeof messageId === "string" ? messageId : typeof Id === "string" ? Id : "";
}

/** A unit reports failures with any status, including 200; only the text tells them apart. */
function checkAnswer(cu: Unit, answer: Answer, processId: string): void {
  const failure = failureIn(answer.json);
  const text = failure ?? answer.excerpt;
  if (answer.ok && failure === undefined) return;
  if (/reading 'tags'/.test(text)) throw processUnknown(processId, `${answer.status} ${text}`);
  if (answer.status === 422 && /HashChain invalid/.test(text)) {
    throw processRuined(processId, cu.name, cu.url, `${answer.status} ${text}`);
  }
  if (answer.ok) throw unitRefused(cu.name, cu.url, 500, text);
  throw unitRefused(cu.name, cu.url, answer.status, text);
}
