import type { Assignment, EvaluationResult } from "../types.ts";
import type { UnitContext } from "../units/context.ts";
import { asText } from "../units/message.ts";
import type { Delivered } from "./delivery.ts";

/** A result as a compute unit of the legacy network writes it, which is how nodes serve it. */
export const resultJson = ({ Output, Messages, Spawns, Assignments, Error: error }: EvaluationResult) => ({
  Messages,
  Assignments,
  Spawns,
  Output,
  ...(error === undefined ? {} : { Error: error }),
  Patches: [],
  GasUsed: 0,
});

/** The text of a result: its output, or its error. */
export function resultText({ Output, Error: error }: EvaluationResult): string {
  if (error !== undefined) return error;
  if (typeof Output !== "object" || Output === null) return String(Output ?? "");
  const { data } = Output as { data?: unknown };
  return typeof data === "string" ? data : data === undefined ? "" : JSON.stringify(data);
}

/** One slot of a schedule, in the encoding `application/aos-2`. */
export function slotJson({ store }: UnitContext, { nonce, message, id }: Assignment) {
  const item = store.item(message);
  const data = store.data(message);
  return {
    cursor: String(nonce),
    node: {
      message: item && {
        Id: item.id,
        From: item.owner,
        Owner: item.owner,
        Target: item.target,
        Anchor: item.anchor,
        Data: (data && asText(data)) ?? null,
        Tags: item.tags,
      },
      assignment: { Id: id, Tags: store.item(id)?.tags ?? [] },
    },
  };
}

/** The answer to a push: each delivered item under its number. */
export function tree(delivered: readonly Delivered[]): Record<string, unknown> {
  return Object.fromEntries(
    delivered.map(({ id, target, slot, error, outbox }, index) => [
      String(index + 1),
      {
        id,
        target,
        ...(slot === undefined ? {} : { slot }),
        ...(error === undefined ? {} : { error }),
        ...(outbox.length === 0 ? {} : { "resulted-in": tree(outbox) }),
      },
    ]),
  );
}
