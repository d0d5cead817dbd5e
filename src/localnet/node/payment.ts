import { NodeError } from "./answers.ts";
import type { NodeQuirks } from "./quirks.ts";

/** AO-Core messages in the path of a post: whom it is for, and what to do. */
const MESSAGES_IN_POST = 2;

/** Takes the price of a post off its signer's balance. @throws NodeError 402 if it does not cover the price */
export function charge({ payment }: NodeQuirks, signer: string): void {
  if (payment === undefined) return;
  const price = MESSAGES_IN_POST * payment.price;
  const balance = payment.ledger[signer] ?? 0;
  if (balance < price) throw new NodeError(402, "Insufficient funds", { price, balance });
  payment.ledger[signer] = balance - price;
}
