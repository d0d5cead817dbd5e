const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `7d`, `12h`, `30m` in milliseconds; undefined if it is no span of time. Pure. */
export function spanIn(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text.trim()) ?? [];
  const seconds = UNITS[unit ?? ""];
  return amount === undefined || seconds === undefined ? undefined : Number(amount) * seconds * 1000;
}

/** A span before `now`, or an ISO 8601 time, in milliseconds since 1970; undefined if it is neither. Pure. */
export function timeIn(text: string, now: number): number | undefined {
  const span = spanIn(text);
  if (span !== undefined) return now - span;
  const time = Date.parse(text);
  return /^\d{4}-/.test(text) && Number.isFinite(time) ? time : undefined;
}
