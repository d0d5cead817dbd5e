import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { UnitError, unitNotAo, unitRefused } from "../errors.ts";
import type { Unit } from "./http.ts";

/** A signed item that is uploaded. */
interface Uploaded {
  readonly id: string;
  readonly raw: Uint8Array;
  /** For errors: "the module …" or "the message … to the process …". */
  readonly what: string;
}

/**
 * Uploads a signed item to the service that bundles items for the gateway; a single attempt. If the service already has the
 * item, that is a success: items are known by their ids.
 *
 * @throws UnitError UPLOAD_UNPAID, UPLOAD_TOO_LARGE, or a failure of the unit
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
    // A proxy or a page for people also answers with success, without an upload.
    const named = (answer.json as { id?: unknown } | null | undefined)?.id;
    if (named === id) return;
    const got =
      typeof named === "string"
        ? `the id ${named} for the item ${id}`
        : `${answer.status} ${answer.excerpt}`.trim();
    throw unitNotAo(upload.name, upload.url, got);
  }
  const got = `${answer.status} ${answer.excerpt}`.trim();
  if (answer.status === 402) {
    throw new UnitError(
      {
        code: "UPLOAD_UNPAID",
        what: `The upload service at ${upload.url} requires payment for ${what}.`,
        got: `${raw.length} bytes; ${got}`,
        expected: "credit for the stack's wallet",
        remedy: "Buy credit there, set another `uploadUrl`, or make the item smaller.",
      },
      "permanent",
    );
  }
  if (answer.status === 413) {
    throw new UnitError(
      {
        code: "UPLOAD_TOO_LARGE",
        what: `The upload service at ${upload.url} does not accept ${what}.`,
        got: `${raw.length} bytes; ${got}`,
        expected: "an item within its limit",
        remedy: "Make the item smaller, or set another `uploadUrl`.",
      },
      "permanent",
    );
  }
  throw unitRefused(upload.name, upload.url, answer.status, answer.excerpt);
}

/** `NO_UPLOAD`: the network has no service that takes data items of any size. */
export const noUpload = (what: string) =>
  new FleetError({
    code: "NO_UPLOAD",
    what: `The network has no upload service for ${what}.`,
    got: "no `uploadUrl`",
    expected: "a service that takes data items, such as https://up.arweave.net",
    remedy: "Set the network's `uploadUrl`; uploads may cost money.",
  });
