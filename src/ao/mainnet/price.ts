import { amount } from "../../core/amount.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { UnitError } from "../errors.ts";
import type { Spending } from "../needs.ts";
import type { NodeClient } from "./node.ts";
import type { Charging, NodeSettings, Route } from "./settings.ts";

/** AO-Core messages in the path of a post: whom it is for, and what to do. */
const MESSAGES_IN_POST = 2;

const PROCESS = `/${"A".repeat(43)}~process@1.0`;
const SPAWN = "/push";
const MESSAGE = `${PROCESS}/schedule`;
/** What a deployment reads, without a signature. */
const READS = [
  `${PROCESS}/slot/current`,
  `${PROCESS}/compute=1/results/json/body`,
  "/~scheduler@1.0/schedule",
];

/**
 * Compares what a deployment costs on a node with what its wallet has paid there. Sends nothing and signs nothing.
 *
 * @returns warnings: that the node charges, and how much; what it does not tell
 * @throws FleetError WALLET_UNFUNDED
 */
export async function lookAtPrice(
  node: NodeClient,
  settings: NodeSettings | undefined,
  spending: Spending,
  budget: Budget,
): Promise<Problem[]> {
  if (settings === undefined) return [priceUnknown(node.url, "no settings that can be read", spending)];
  const { charging, linked } = settings;
  if (linked !== undefined)
    return [priceUnknown(node.url, `a link in the place of its setting ${linked}`, spending)];
  if (charging === undefined || charging.operator === spending.payer) return [];
  const reads = READS.some((path) => isCharged(charging, path)) ? [readsCharged(node.url)] : [];
  const price = priceOf(charging, spending);
  if (price === 0) return reads;
  if (price === undefined)
    return [priceUnknown(node.url, `prices by the device ${charging.pricing}`, spending), ...reads];
  const balance = await balanceOf(node, charging, spending.payer, budget);
  if (spending.isCertain && typeof balance === "number" && balance < price)
    throw unfunded(node.url, balance, price, spending);
  return [charges(node.url, balance, price, spending), ...reads];
}

/** The least that a deployment costs; undefined if the node computes prices in a way that is not known here. Pure. */
export function priceOf(charging: Charging, { spawns, messages, bytes }: Spending): number | undefined {
  switch (charging.pricing) {
    case "simple-pay@1.0":
      return spawns * postPrice(charging, SPAWN) + messages * postPrice(charging, MESSAGE);
    case "metering@1.0":
      return isCharged(charging, MESSAGE) ? bytes * charging.bytePrice : 0;
    default:
      return [SPAWN, MESSAGE].some((path) => isCharged(charging, path)) ? undefined : 0;
  }
}

function postPrice(charging: Charging, path: string): number {
  if (!isCharged(charging, path)) return 0;
  const offered = charging.offered.find((route) => covers(route, path));
  return offered?.price ?? MESSAGES_IN_POST * charging.messagePrice;
}

/** Whether requests of a path cost anything. */
function isCharged({ pricing, messagePrice, offered, free }: Charging, path: string): boolean {
  if (free.some((route) => covers(route, path))) return false;
  if (pricing !== "simple-pay@1.0") return true;
  return (offered.find((route) => covers(route, path))?.price ?? messagePrice) > 0;
}

/** Whether a path matches a route's template, which is a regular expression. */
function covers({ template }: Route, path: string): boolean {
  try {
    return new RegExp(template, "i").test(path);
  } catch {
    return false;
  }
}

/** What a wallet has paid: a number, `enough`, or undefined if the node does not tell. */
type Balance = number | "enough" | undefined;

async function balanceOf(
  node: NodeClient,
  { ledger, balances }: Charging,
  payer: string,
  budget: Budget,
): Promise<Balance> {
  // This ledger takes the account from a signature alone, but its balances are settings of the node.
  if (ledger === "simple-pay@1.0") return balances && (balances[payer] ?? 0);
  try {
    const answer = await node.ask({ path: `/~p4@1.0/balance?target=${payer}` }, budget);
    return answer.ok ? balanceIn(answer.json ?? answer.text.trim()) : undefined;
  } catch (error) {
    if (error instanceof UnitError) return undefined;
    throw error;
  }
}

/** A balance stands as it is, or as the body of a message. */
function balanceIn(answer: unknown): Balance {
  if (typeof answer === "object" && answer !== null && "body" in answer) return balanceIn(answer.body);
  if (answer === true || answer === "true" || answer === "infinity") return "enough";
  if (typeof answer !== "number" && typeof answer !== "string") return undefined;
  return answer === "" || !Number.isFinite(Number(answer)) ? undefined : Number(answer);
}

const sizeOf = ({ spawns, messages, bytes }: Spending): string => {
  const posts = [spawns > 0 ? amount(spawns, "spawn") : "", messages > 0 ? amount(messages, "message") : ""];
  return `${posts.filter((each) => each !== "").join(" and ")} of ${bytes} bytes`;
};

const unfunded = (url: string, balance: number, price: number, spending: Spending) =>
  new FleetError({
    code: "WALLET_UNFUNDED",
    what: `The wallet ${spending.payer} cannot pay for this deployment on the node at ${url}.`,
    got: `a balance of ${balance}`,
    expected: `${price} or more, for at least ${sizeOf(spending)}`,
    remedy: "Pay the node's operator for the wallet's address, or use another node. Nothing was sent.",
  });

const charges = (url: string, balance: Balance, price: number, spending: Spending): Problem => ({
  code: "NODE_CHARGES",
  what: `The node at ${url} charges the wallet ${spending.payer} for this deployment.`,
  got: `a price of ${price} or more, for at least ${sizeOf(spending)}; ${balanceText(balance)}`,
  remedy:
    typeof balance === "number" && balance < price
      ? "Pay the node's operator first, unless less is sent because this machine does not know what runs: a deployment that cannot pay stops half-way."
      : "Keep the balance above the price: a deployment that cannot pay stops half-way.",
});

function balanceText(balance: Balance): string {
  if (balance === undefined) return "a balance that it does not tell without a signature";
  return balance === "enough" ? "an unlimited balance" : `a balance of ${balance}`;
}

const priceUnknown = (url: string, got: string, spending: Spending): Problem => ({
  code: "PRICE_UNKNOWN",
  what: `What this deployment costs on the node at ${url} is not known.`,
  got,
  expected: `a price for at least ${sizeOf(spending)}`,
  remedy: "Ask the node's operator for the price, and for the balance of the wallet's address.",
});

const readsCharged = (url: string): Problem => ({
  code: "READS_CHARGED",
  what: `The node at ${url} charges for reads, which are not signed: it may refuse them.`,
  got: "no free routes for schedules and results of processes",
  expected: "these routes among its free ones (`p4_non_chargable_routes`)",
  remedy: "Ask the node's operator to make them free, or use another node.",
});
