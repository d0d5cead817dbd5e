import { z } from "zod";
import { isAddress } from "../../core/address.ts";
import type { Budget } from "../../core/budget.ts";
import { UnitError } from "../errors.ts";
import type { NodeClient } from "./node.ts";

/** What a node tells of its settings. */
export interface NodeSettings {
  /** Names of its devices; undefined if it lists none, or does not show all of them. */
  readonly devices?: readonly string[];
  /** How it charges; undefined if it does not. */
  readonly charging?: Charging;
  /** A setting that says whether or how it charges, and is shown only as a link; undefined if there is none. */
  readonly linked?: string;
}

/** How a node charges for requests (`p4@1.0`). */
export interface Charging {
  /** The device that computes the price of a request. */
  readonly pricing: string;
  /** The device that keeps the balances. */
  readonly ledger: string;
  /** `simple-pay@1.0`: the price of one AO-Core message. */
  readonly messagePrice: number;
  /** `metering@1.0`: the price of a byte of a request. */
  readonly bytePrice: number;
  /** Routes with a price of their own. */
  readonly offered: readonly Route[];
  /** Routes that cost nothing. */
  readonly free: readonly Route[];
  /** The address that pays nothing. */
  readonly operator?: string;
  /** `simple-pay@1.0`: the balances, which are settings too. Undefined if the node does not show them. */
  readonly balances?: Readonly<Record<string, number>>;
}

const RouteSchema = z.looseObject({ template: z.string(), price: z.coerce.number().default(0) });
export type Route = z.infer<typeof RouteSchema>;

const InfoSchema = z.record(z.string(), z.unknown());
type Info = z.infer<typeof InfoSchema>;

/**
 * Reads a node's settings, which are free of charge and need no signature.
 *
 * @returns undefined if the node does not tell them
 */
export async function settingsOf(node: NodeClient, budget: Budget): Promise<NodeSettings | undefined> {
  try {
    const answer = await node.ask({ path: "/~meta@1.0/info" }, budget);
    const info = InfoSchema.safeParse(answer.json).data;
    return answer.ok && info !== undefined ? settingsIn(info) : undefined;
  } catch (error) {
    if (error instanceof UnitError) return undefined;
    throw error;
  }
}

/** The settings in a node's answer. Pure. */
export function settingsIn(info: Info): NodeSettings {
  const devices = devicesIn(info);
  const charging = chargingIn(info);
  const linked = linkedIn(info);
  return {
    ...(linked === undefined ? {} : { linked }),
    ...(devices.length === 0 ? {} : { devices }),
    ...(charging === undefined ? {} : { charging }),
  };
}

/** Names are written with underscores on nodes of 2025, and with hyphens on those of 2026. */
const setting = (info: Info, name: string): unknown => info[name] ?? info[name.replaceAll("-", "_")];

/** The end of a name in whose place a node shows a link: the value is served at its own path. */
const LINK = "+link";
const PRICES = ["p4-non-chargable-routes", "router-opts", "metering-rates"];

const isLinked = (of: unknown, name: string): boolean =>
  setting(InfoSchema.safeParse(of).data ?? {}, `${name}${LINK}`) !== undefined;

/** Whether a setting is a link, or a list with one. */
function isUnread(of: unknown, name: string): boolean {
  const settings = InfoSchema.safeParse(of).data ?? {};
  const members = InfoSchema.safeParse(setting(settings, name)).data ?? {};
  return isLinked(settings, name) || Object.keys(members).some((key) => /^\d+\+link$/.test(key));
}

/** The first setting that says whether or how a node charges, and of which it shows only a link. */
function linkedIn(info: Info): string | undefined {
  if (isLinked(info, "on")) return "on";
  if (isUnread(info.on, "request")) return "on/request";
  if (chargingIn(info) === undefined) return undefined;
  if (isUnread(setting(info, "router-opts"), "offered")) return "router-opts/offered";
  return PRICES.find((name) => isUnread(info, name));
}

/** The members of a list, which is an array or an object with numbers as keys. */
function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  const entries = Object.entries(InfoSchema.safeParse(value).data ?? {});
  return entries.flatMap(([key, member]) => (/^\d+$/.test(key) ? [member] : []));
}

const named = (list: unknown): string[] =>
  listOf(list).flatMap((each) => z.looseObject({ name: z.string() }).safeParse(each).data?.name ?? []);

/** None if a part of the list is not shown: a device that it lacks may be there. */
function devicesIn(info: Info): string[] {
  const list = setting(info, "preloaded-devices");
  const names = named(list);
  return isUnread(info, "preloaded-devices") || names.length < listOf(list).length ? [] : names;
}

const HookSchema = z.looseObject({ "pricing-device": z.string(), "ledger-device": z.string() });

/** Routes that are free unless the operator names others. */
const FREE: readonly Route[] = ["/~p4@1.0/balance", "/~p4@1.0/topup", "/~meta@1.0/*"].map((template) => ({
  template,
  price: 0,
}));

function chargingIn(info: Info): Charging | undefined {
  const { request } = InfoSchema.safeParse(info.on).data ?? {};
  const [hook] = [request, ...listOf(request)].flatMap((each) => HookSchema.safeParse(each).data ?? []);
  if (hook === undefined) return undefined;
  const free = setting(info, "p4-non-chargable-routes");
  const { offered } = InfoSchema.safeParse(setting(info, "router-opts")).data ?? {};
  const rates = InfoSchema.safeParse(setting(info, "metering-rates")).data ?? {};
  const operator = z.string().safeParse(info.operator).data;
  const balances = balancesIn(info);
  return {
    pricing: hook["pricing-device"],
    ledger: hook["ledger-device"],
    messagePrice: numberOr(setting(info, "simple-pay-price"), 1),
    bytePrice: numberOr(rates["request-bytes"], 0),
    offered: routesIn(offered),
    free: free === undefined ? FREE : routesIn(free),
    ...(operator === undefined ? {} : { operator }),
    ...(balances === undefined ? {} : { balances }),
  };
}

const routesIn = (list: unknown): Route[] =>
  listOf(list).flatMap((each) => RouteSchema.safeParse(each).data ?? []);

const numberOr = (value: unknown, otherwise: number): number =>
  value === undefined ? otherwise : (z.coerce.number().safeParse(value).data ?? otherwise);

/** Nobody has paid yet if the setting is missing; a link in its place, or in it, is a ledger that is not shown. */
function balancesIn(info: Info): Record<string, number> | undefined {
  const ledger = setting(info, "simple-pay-ledger");
  if (ledger === undefined)
    return Object.keys(info).some((key) => /^simple[-_]pay[-_]ledger/.test(key)) ? undefined : {};
  const shown = InfoSchema.safeParse(ledger).data;
  if (shown === undefined) return undefined;
  const balances: Record<string, number> = {};
  for (const [name, balance] of Object.entries(shown)) {
    const address = name.endsWith(LINK) ? name.slice(0, -LINK.length) : name;
    const amount = address === name ? z.coerce.number().safeParse(balance).data : undefined;
    if (amount !== undefined) balances[address] = amount;
    else if (isAddress(address)) return undefined;
  }
  return balances;
}
