/** A call that may be redirected. */
interface Redirectable {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The redirects that keep method and body (RFC 9110 § 15.4.8 and § 15.4.9). After any other, a POST may arrive as a GET. */
const KEEPING: ReadonlySet<number> = new Set([307, 308]);

/** The headers that another host gets: the others may be credentials. */
const FOR_ANY_HOST: ReadonlySet<string> = new Set(["accept", "content-type"]);

/**
 * Where a redirect sends a POST.
 *
 * @returns the same call at the other address; or, if it is not to be sent there, what was answered, without the query of the address
 */
export function redirected<C extends Redirectable>(
  call: C,
  status: number,
  location: string,
): C | { readonly refused: string } {
  const from = new URL(call.url);
  if (!URL.canParse(location, call.url)) return { refused: `${status}, a redirect to an invalid address` };
  const to = new URL(location, from);
  const refused = `${status}, a redirect to ${addressOf(to)}`;
  const isAsSafe = to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:");
  if (!KEEPING.has(status) || !isAsSafe) return { refused };
  to.username = "";
  to.password = "";
  const headers = Object.entries(call.headers ?? {}).filter(
    ([name]) => to.origin === from.origin || FOR_ANY_HOST.has(name.toLowerCase()),
  );
  return { ...call, url: to.href, headers: Object.fromEntries(headers) };
}

/** An address for messages: its query may be a secret. */
export const addressOf = ({ protocol, host, pathname }: URL): string => `${protocol}//${host}${pathname}`;
