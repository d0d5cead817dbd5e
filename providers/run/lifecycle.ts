import type { z } from "zod";
import { say } from "../../src/core/say.ts";
import { checkInputs, ownInputs } from "./inputs.ts";

type Raw = Record<string, unknown>;

interface Parts<I, O> {
  readonly schema: z.ZodType<I>;
  /** The Pulumi id of a new resource. */
  idOf(inputs: I): string;
  /** Creates the resource, or updates the one of `olds`. */
  ensure(inputs: I, raw: Raw, olds: O | undefined): Promise<O>;
}

/** The functions of a lifecycle that differ only by its schema and its effects. */
export const lifecycleOf = <I, O>({ schema, idOf, ensure }: Parts<I, O>) => ({
  check: async (_olds: Raw, news: Raw) => checkInputs(schema, news),
  create: async (raw: Raw) => {
    const inputs = schema.parse(ownInputs(raw));
    return { id: idOf(inputs), outs: await ensure(inputs, raw, undefined) };
  },
  update: async (_id: string, olds: O, raw: Raw) => ({
    outs: await ensure(schema.parse(ownInputs(raw)), raw, olds),
  }),
});

/** The result of a `diff` with these reasons, which it prints. */
export function changesBy(subject: string, reasons: readonly string[]): { changes: boolean; replaces: [] } {
  for (const reason of reasons) say(`${subject}: ${reason}`);
  return { changes: reasons.length > 0, replaces: [] };
}
