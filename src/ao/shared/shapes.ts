import { stripVTControlCharacters } from "node:util";
import { z } from "zod";
import type { Evaluation, OutMessage } from "../port.ts";
import { LooseTagSchema, tagsOf } from "./tags.ts";

/** Lua's empty table is encoded as `[]` or `{}`, and an absent list as null. Anything else is no list: it must not pass for an empty one. */
const listOf = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (isAbsent(value) ? [] : value), z.array(item));

const isAbsent = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);

const OutMessageSchema = z.looseObject({
  Target: z.coerce.string().optional(),
  Tags: listOf(LooseTagSchema),
  Data: z.unknown().optional(),
  Anchor: z.unknown().optional(),
});

/** An evaluation as a compute unit returns it. Its members differ between versions of aos and of the unit. */
const ResultSchema = z.looseObject({
  Output: z.unknown().optional(),
  Error: z.unknown().optional(),
  Messages: listOf(OutMessageSchema),
  Spawns: listOf(OutMessageSchema),
  GasUsed: z.unknown().optional(),
});

/** A unit's own failure, which real units also send with status 200. */
const FailureSchema = z.looseObject({ error: z.string() });

/** @returns the unit's message if this is a failure of the unit, not of the process */
export function failureIn(json: unknown): string | undefined {
  return FailureSchema.safeParse(json).data?.error;
}

/** @returns undefined if this is not an evaluation */
export function evaluationIn(json: unknown, messageId: string): Evaluation | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  if (!("Output" in json || "Error" in json || "Messages" in json)) return undefined;
  const parsed = ResultSchema.safeParse(json).data;
  if (!parsed) return undefined;
  const error = errorText(parsed.Error);
  const gas = Number(parsed.GasUsed);
  return {
    messageId,
    output: outputText(parsed.Output),
    messages: parsed.Messages.map(outMessage),
    spawns: parsed.Spawns.map(outMessage),
    ...(error === undefined ? {} : { error }),
    ...(parsed.GasUsed === undefined || parsed.GasUsed === null || !Number.isFinite(gas)
      ? {}
      : { gasUsed: gas }),
  };
}

/**
 * The text of an `Output`: a string; `{ data: "…" }` (aos 2, and prints); `{ data: { output: "…" } }` (aos 1); otherwise "".
 * Without terminal colours.
 */
export function outputText(output: unknown): string {
  if (typeof output === "string") return stripVTControlCharacters(output);
  if (typeof output === "number" || typeof output === "boolean") return String(output);
  if (typeof output !== "object" || output === null || Array.isArray(output)) return "";
  const { data, output: inner } = output as { data?: unknown; output?: unknown };
  if (data !== undefined) return outputText(data);
  if (inner !== undefined) return outputText(inner);
  return "";
}

function errorText(error: unknown): string | undefined {
  if (error === undefined || error === null || error === "" || error === false) return undefined;
  return stripVTControlCharacters(typeof error === "string" ? error : JSON.stringify(error));
}

function outMessage(message: z.infer<typeof OutMessageSchema>): OutMessage {
  return {
    target: message.Target ?? "",
    tags: tagsOf(message.Tags),
    data:
      typeof message.Data === "string"
        ? message.Data
        : message.Data === undefined
          ? ""
          : JSON.stringify(message.Data),
    ...(typeof message.Anchor === "string" ? { anchor: message.Anchor } : {}),
  };
}

/** Whether an evaluation has no output, no error and no outbox, as a result that a unit gives too early. */
export const isEmptyEvaluation = ({ output, error, messages, spawns }: Evaluation): boolean =>
  output === "" && error === undefined && messages.length === 0 && spawns.length === 0;
