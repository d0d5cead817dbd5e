/** A typed refusal of an action: the `error` of the reply. */
export class Refusal extends Error {
  readonly code: string;
  readonly remedy: string;
  /** Members next to `code`, `message` and `remedy`. */
  readonly more: Readonly<Record<string, unknown>>;
  constructor(code: string, message: string, remedy: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.remedy = remedy;
    this.more = more;
  }
}

/** Plain JSON members. */
export type Json = Record<string, unknown>;

/** True for a JSON object. */
export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
