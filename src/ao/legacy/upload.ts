import type { Budget } from "../../core/budget.ts";
import { UnitError, unitNotAo, unitRefused } from "../errors.ts";
import type { Unit } from "./http.ts";
import { postItem } from "./mu.ts";

/** A signed item that goes by the upload. */
interface Uploaded {
  readonly id: string;
  readonly raw: Uint8Array;
  /** For messages of errors: "the module …" or "the message … to the process …". */
  readonly what: string;
}

/**
 * One try to hand a signed item to the service that bundles items and puts them where the gateway finds them. That it has
 * the item already is success: it is known by its id.
 *
 * @throws UnitError UPLOAD_UNPAID, UPLOAD_TOO_LARGE, or as a unit that failed
 */
export async function uploadItem(upload: Unit, { id, raw, what }: Uploaded, budget: Budget): Promise<void> {
  const answer = await upload.ask(
    {
      url: `${upload.url}/tx`,
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: raw,
    },
    budget,
  );
  if (/already (?:exists|received|known)/i.test(answer.excerpt)) return;
  if (answer.ok) {
    const named = (answer.json as { id?: unknown } | null | undefined)?.id;
    if (typeof named === "string" && named !== id)
      throw unitNotAo(upload.name, upload.url, `the id ${named} for the item ${id}`);
    return;
  }
  const got = `${answer.status} ${answer.excerpt}`.trim();
  if (answer.status === 402) {
    throw new UnitError(
      {
        code: "UPLOAD_UNPAID",
        what: `The upload at ${upload.url} wants payment for ${what}`,
        got: `${raw.length} bytes; ${got}`,
        expected: "credit for the stack's wallet",
        remedy: "Buy credit there, give the network another `uploadUrl`, or make it smaller.",
      },
      "permanent",
    );
  }
  if (answer.status === 413) {
    throw new UnitError(
      {
        code: "UPLOAD_TOO_LARGE",
        what: `The upload at ${upload.url} does not take ${what}`,
        got: `${raw.length} bytes; ${got}`,
        expected: "an item within its limit",
        remedy: "Make it smaller, or give the network another `uploadUrl`.",
      },
      "permanent",
    );
  }
  throw unitRefused(upload.name, upload.url, answer.status, answer.excerpt);
}

/**
 * One try to give an uploaded message its place in its process' order. The message is addressed to the process, so the
 * process sees it as one that was sent to it: same sender, same tags, the data read from the gateway. (permaweb/ao: `POST
 * /?process-id=…&assign=…` of the messenger unit.)
 *
 * @returns the id of the assignment; undefined where the unit does not name it, as when it has the assignment already
 * @throws UnitError NOT_SHOWN while the gateway does not show the item yet; transient
 */
export function assignItem(
  mu: Unit,
  processId: string,
  { id, raw, what }: Uploaded,
  budget: Budget,
): Promise<string | undefined> {
  return postItem(mu, { id, raw, what, processId, assign: true }, budget);
}
