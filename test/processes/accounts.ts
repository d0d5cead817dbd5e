/** A program with accounts, to measure what a message costs by their number. */
import { type Aos, boot } from "./aos.ts";

/** How a message changes one account, by the shape of accounts. */
export const CHANGE = {
  numbers: "S[key] = (S[key] or 0) + 1",
  tables: "local t = S[key] or { n = 0 } t.n = t.n + 1 S[key] = t",
} as const;
export type Shape = keyof typeof CHANGE;

/** Accounts in a state of the library. */
export const program = (shape: Shape): string => `
local fleet = require("fleet")
fleet.process { name = "accounts", processType = "ACCOUNTS", version = "1.0.0" }
local S = fleet.state("accounts", {})
fleet.on("ADD", {}, function(data)
  local key = data.key
  ${CHANGE[shape]}
  if data.fail then error("fails") end
  return {}
end)`;

const plain = (shape: Shape): string => `
S = S or {}
Handlers.add("ADD", "ADD", function(msg)
  local key = require("json").decode(msg.Data).key
  ${CHANGE[shape]}
  msg.reply({ Data = "{}" })
end)`;

const fill = (shape: Shape, from: number, to: number, into: string): string =>
  `local S = ${into} for i = ${from}, ${to} do S["account-" .. i] = ${shape === "numbers" ? "i" : "{ n = i }"} end`;

export const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;

/** Such a program, or the same data in one without the library, with that number of accounts. */
export async function filled(shape: Shape, keys: number, isPlain: boolean): Promise<Aos> {
  const name = `accounts-${shape}-${keys}-${isPlain}`;
  const p = await boot(name, isPlain ? { bare: true } : { source: program(shape) });
  if (isPlain) await p.eval(plain(shape));
  const into = isPlain ? "S" : "Fleet.store.states.accounts";
  for (let at = 1; at <= keys; at += 50_000) {
    const { error } = await p.eval(fill(shape, at, Math.min(keys, at + 49_999), into));
    if (error !== undefined) throw new Error(error);
  }
  return p;
}

/** Evaluator milliseconds of messages that each change the account that `keyOf` names. */
export async function timesOf(
  p: Aos,
  keyOf: (i: number) => string,
  messages: number,
  fail = false,
): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < messages + 3; i++) {
    const r = await p.send({ From: "x".repeat(43), Action: "ADD", Data: { key: keyOf(i), fail } });
    if (r.error !== undefined) throw new Error(r.error);
    // The first ones prepare what the others use.
    if (i >= 3) found.push(r.ms);
  }
  return found;
}
