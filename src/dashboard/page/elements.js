import htm from "htm";
import { h } from "preact";
import { printable } from "./printable.js";

/** Attributes that are shown or read out. */
const SHOWN = ["title", "aria-label", "placeholder", "alt"];

/** Text with its lines: what processes wrote is only shown, and reorders or hides nothing around it. */
const shown = (child) =>
  typeof child === "string"
    ? child.split("\n").map(printable).join("\n")
    : Array.isArray(child)
      ? child.map(shown)
      : child;

/** Every element of the page is created here, so that no text in it can be forgotten. */
function element(type, given, ...children) {
  const props = { ...given };
  for (const name of SHOWN) if (typeof props[name] === "string") props[name] = printable(props[name]);
  return h(type, props, ...children.map(shown));
}

export const html = htm.bind(element);

export const short = (id, length = 8) => (id ? (id.length > length ? `${id.slice(0, length)}…` : id) : "–");

/** `2026-11-25 13:40:12`, in the browser's time zone. */
export function when(iso) {
  if (!iso) return "–";
  const date = new Date(iso);
  const two = (value) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export const percent = (basisPoints) =>
  `${(basisPoints / 100).toLocaleString("en", { maximumFractionDigits: 2 })} %`;

const KIND = {
  HEALTHY: "good",
  succeeded: "good",
  ok: "good",
  steady: "good",
  RESOLVED: "good",
  INFO: "calm",
  DEGRADED: "warn",
  UNKNOWN: "warn",
  WARNING: "warn",
  held: "warn",
  running: "calm",
  rollout: "calm",
  "rolled-back": "warn",
  interrupted: "bad",
  ACKNOWLEDGED: "calm",
  RETIRED: "calm",
};
const SIGN = { good: "●", warn: "▲", bad: "✖", calm: "○" };

export const kindOf = (word) => (Object.hasOwn(KIND, word) ? KIND[word] : "bad");

/** A word with a sign and a colour. The sign carries the same meaning for people who do not see colours. */
export const Badge = ({ word }) =>
  html`<span class=${`badge ${kindOf(word)}`}><span aria-hidden="true">${SIGN[kindOf(word)]}</span> ${word}</span>`;

export const Problem = ({ text }) => (text ? html`<p class="problem" role="alert">${text}</p>` : null);

export const Id = ({ id, href }) =>
  href
    ? html`<a class="mono" href=${href} title=${id} rel="noreferrer" target="_blank">${short(id)}</a>`
    : html`<span class="mono" title=${id}>${short(id)}</span>`;
