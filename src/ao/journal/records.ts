import { z } from "zod";
import { canonicalJson, sha256 } from "../../core/hash.ts";

/** What became of an intent. */
export type IntentState =
  /** Signed and on disk; perhaps sent, nobody knows. */
  | "signed"
  /** A unit accepted it. */
  | "sent"
  /** Its effect was read back. */
  | "settled"
  /** Given up: it is never sent again. */
  | "voided";

/** One signed effect, as the journal knows it. */
export interface Intent {
  /** The caller's name of the effect: `project/stack/process/generation/step/content hash/epoch`. */
  readonly key: string;
  /** Counts the effects of one key, from 1: the next one begins when the earlier is settled or voided. */
  readonly n: number;
  readonly kind: "spawn" | "message" | "upload";
  /** The data item's id. */
  readonly id: string;
  /** The process that the message is for; "" for a spawn and for an item that is for nobody. */
  readonly target: string;
  /** The address that signed it. */
  readonly signer: string;
  /** Hash of what the caller asked for: differs when the same key is used for something else. */
  readonly content: string;
  /** When it was signed: milliseconds since 1970. */
  readonly at: number;
  readonly state: IntentState;
  /** Why it was voided. */
  readonly reason?: string;
  /** The assignment that gave an uploaded message its place: real compute units keep the result under this id only. */
  readonly assignment?: string;
}

/** Where the signed bytes are: in the record, or in a file beside the journal named by this sha256. */
export type Body = { readonly raw: string } | { readonly blob: string } | { readonly gone: true };

const SignedSchema = z.object({
  kind: z.literal("signed"),
  key: z.string().min(1),
  n: z.int().positive(),
  what: z.enum(["spawn", "message", "upload"]),
  id: z.string().min(1),
  target: z.string(),
  signer: z.string(),
  content: z.string(),
  at: z.number(),
  raw: z.string().optional(),
  blob: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

const LaterSchema = z.object({
  kind: z.enum(["sent", "settled", "voided"]),
  key: z.string().min(1),
  n: z.int().positive(),
  at: z.number(),
  reason: z.string().optional(),
  assignment: z.string().optional(),
});

/** One line of the journal. */
const RecordSchema = z.discriminatedUnion("kind", [SignedSchema, LaterSchema]);
export type JournalRecord = z.infer<typeof RecordSchema>;

/** The line of a record, with a checksum of the rest as its last member and a newline at its end. */
export function encodeRecord(record: JournalRecord): string {
  return `${JSON.stringify({ ...record, sum: sumOf(record) })}\n`;
}

/** @returns the record, or what is wrong with the line */
export function decodeRecord(line: string): JournalRecord | { readonly damaged: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { damaged: "not JSON" };
  }
  const { sum, ...rest } = z.looseObject({ sum: z.string() }).safeParse(value).data ?? { sum: "" };
  const parsed = RecordSchema.safeParse(rest);
  if (!parsed.success) return { damaged: "not a record" };
  return sum === sumOf(parsed.data) ? parsed.data : { damaged: "checksum differs" };
}

const sumOf = (record: JournalRecord) => sha256(canonicalJson(record)).slice(0, 16);
