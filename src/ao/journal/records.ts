import { z } from "zod";
import { canonicalJson, sha256 } from "../../core/hash.ts";

/** The state of an intent. */
type IntentState =
  /** Signed and on disk; whether it was sent is unknown. */
  | "signed"
  /** A unit accepted it. */
  | "sent"
  /** Its effect was read back. */
  | "settled"
  /** Abandoned: it is never sent again. */
  | "voided";

/** One signed effect, as recorded in the journal. */
export interface Intent {
  /** The caller's name of the effect: `project/stack/process/generation/step/content hash/epoch`. */
  readonly key: string;
  /** Counts the effects of one key, from 1: the next one starts once the earlier is settled or voided. */
  readonly n: number;
  readonly kind: "spawn" | "message" | "upload";
  /** The data item's id. */
  readonly id: string;
  /** The recipient process; "" for a spawn and for an item without a recipient. */
  readonly target: string;
  /** The address that signed it. */
  readonly signer: string;
  /** Hash of the requested effect: differs if the same key is used for something else. */
  readonly content: string;
  /** When it was signed: milliseconds since 1970, by this machine's clock. */
  readonly at: number;
  /** When a spawn or an assignment was last posted, by the same clock, if not when it was signed. */
  readonly posted?: number;
  /** A slot of the target that was taken before it was signed, so its own slot is a later one. Absent where it is not looked for by slots. */
  readonly floor?: number;
  readonly state: IntentState;
  /** Why it was voided. */
  readonly reason?: string;
  /** The assignment that scheduled an uploaded message: real compute units keep the result under this id only. */
  readonly assignment?: string;
}

/** Whether it is neither settled nor voided. */
export const isOpenIntent = ({ state }: Pick<Intent, "state">): boolean =>
  state === "signed" || state === "sent";

/** What it is, for progress and errors. */
export function describeIntent({ kind, id, target }: Pick<Intent, "kind" | "id" | "target">): string {
  if (kind === "upload") return `the item ${id}`;
  return kind === "spawn" ? `the spawn of the process ${id}` : `the message ${id} to the process ${target}`;
}

/** The location of the signed bytes: in the record, or in a file next to the journal that is named by this sha256. */
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
  posted: z.number().optional(),
  floor: z.int().nonnegative().optional(),
  raw: z.string().optional(),
  blob: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

const LaterSchema = z.object({
  kind: z.enum(["posted", "sent", "settled", "voided"]),
  key: z.string().min(1),
  n: z.int().positive(),
  at: z.number(),
  reason: z.string().optional(),
  assignment: z.string().optional(),
});

/** One line of the journal. */
const RecordSchema = z.discriminatedUnion("kind", [SignedSchema, LaterSchema]);
export type JournalRecord = z.infer<typeof RecordSchema>;

/** The line of a record: its last member is a checksum of the rest, and it ends with a newline. */
export function encodeRecord(record: JournalRecord): string {
  return `${JSON.stringify({ ...record, sum: sumOf(record) })}\n`;
}

/** @returns the record, or why the line is invalid */
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
