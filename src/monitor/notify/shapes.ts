import { startOf } from "../../core/unicode.ts";
import type { Alert, Change } from "../alert-book.ts";
import type { Receiver } from "../settings.ts";
import type { Level } from "../types.ts";
import { linesOf, markOf, type Origin, type Post, plainText, titleOf, worstOf } from "./message.ts";

/**
 * The posts to a receiver for one round's changes, by its kind: one post, or for PagerDuty one per alert, because each is a
 * separate incident there. Pure; the routing key is the only secret and comes from the caller.
 */
export function postsTo(
  kind: Receiver["kind"],
  changes: readonly Change[],
  origin: Origin,
  routingKey = "",
): Post[] {
  if (changes.length === 0) return [];
  if (kind === "slack") return [slack(changes, origin)];
  if (kind === "discord") return [discord(changes, origin)];
  if (kind === "pagerduty") return changes.map((change) => pagerduty(change, origin, routingKey));
  return [generic(changes, origin)];
}

/** `docs/reference/monitoring/webhook.schema.json` describes it. */
function generic(changes: readonly Change[], origin: Origin): Post {
  return {
    body: {
      version: 1,
      ...origin,
      title: titleOf(changes, origin),
      status: changes.every(({ kind }) => kind === "resolved") ? "resolved" : "firing",
      changes: changes.map(({ kind, alert }) => ({ kind, ...plain(alert) })),
    },
  };
}

/** Incoming webhook: `text` for notifications, blocks for display. */
function slack(changes: readonly Change[], origin: Origin): Post {
  const title = `${markOf(changes)} ${titleOf(changes, origin)}`;
  const text = linesOf(changes)
    .map((line) => `• ${escapeSlack(line)}`)
    .join("\n");
  return {
    body: {
      text: escapeSlack(title),
      blocks: [
        { type: "header", text: { type: "plain_text", text: cut(title, 150) } },
        // A section holds 3,000 characters.
        { type: "section", text: { type: "mrkdwn", text: cut(text, 2900) } },
        {
          type: "context",
          elements: [{ type: "mrkdwn", text: escapeSlack(`network ${origin.network}`) }],
        },
      ],
    },
  };
}

const COLOURS: Readonly<Record<Level, number>> = {
  INFO: 0x3498db,
  WARNING: 0xf1c40f,
  ERROR: 0xe67e22,
  CRITICAL: 0xe74c3c,
};

/** Webhook execution: one embed; text in an alert does not mention anyone. */
function discord(changes: readonly Change[], origin: Origin): Post {
  const bad = changes.filter(({ kind }) => kind !== "resolved").map(({ alert }) => alert);
  return {
    body: {
      allowed_mentions: { parse: [] },
      embeds: [
        {
          title: cut(`${markOf(changes)} ${titleOf(changes, origin)}`, 250),
          description: cut(linesOf(changes).map(escapeMarkdown).join("\n"), 4000),
          color: bad.length === 0 ? 0x2ecc71 : COLOURS[worstOf(bad)],
          timestamp: new Date(Math.max(...changes.map(({ alert }) => alert.lastAt))).toISOString(),
          footer: { text: `network ${origin.network}` },
        },
      ],
    },
  };
}

const SEVERITY: Readonly<Record<Level, string>> = {
  INFO: "info",
  WARNING: "warning",
  ERROR: "error",
  CRITICAL: "critical",
};

/** Events API v2: the same key opens and resolves an incident. */
function pagerduty({ kind, alert }: Change, origin: Origin, routingKey: string): Post {
  const { project, stack } = origin;
  const base = {
    routing_key: routingKey,
    dedup_key: cut(plainText(`${project}/${stack}/${alert.type}/${alert.source}`), 255),
  };
  if (kind === "resolved") return { body: { ...base, event_action: "resolve" } };
  return {
    body: {
      ...base,
      event_action: "trigger",
      payload: {
        summary: cut(plainText(`${alert.type} ${alert.source}: ${alert.message}`), 1024),
        source: plainText(`${project}/${stack}/${alert.source}`),
        severity: SEVERITY[alert.level],
        timestamp: new Date(alert.lastAt).toISOString(),
        component: plainText(alert.source),
        group: `${project}/${stack}`,
        class: alert.type,
        custom_details: { ...plain(alert), network: origin.network },
      },
    },
  };
}

/** An alert with its times as ISO strings, and its texts as they are shown: a receiver passes them on to people. */
function plain(alert: Alert): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(alert).map(([key, value]) => [
      key,
      key.endsWith("At") && typeof value === "number"
        ? new Date(value).toISOString()
        : typeof value === "string"
          ? plainText(value)
          : value,
    ]),
  );
}

const escapeSlack = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
/** Markdown of Discord in the text of an alert is shown, not applied: no link has another name than its address. */
const escapeMarkdown = (text: string): string => text.replace(/[\\`*~|<>]|\](?=\()/g, "\\$&");
const cut = (text: string, most: number): string =>
  text.length > most ? `${startOf(text, most - 1)}…` : text;
