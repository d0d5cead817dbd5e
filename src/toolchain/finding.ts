/** The result of one check of the doctor. */
export interface Finding {
  /** Short and stable: `node`, `packages`, `pulumi CLI`, `go`, … */
  readonly name: string;
  /** False if `pulumi` would not work because of it. */
  readonly ok: boolean;
  readonly version?: string;
  /** Its location, or the problem. Never a secret. */
  readonly detail: string;
  /** The fix, imperative; only if one is needed. */
  readonly remedy?: string;
}
