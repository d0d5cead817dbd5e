import { generateKeyPair } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect } from "../../ao/connect.ts";
import { openJournal } from "../../ao/journal/index.ts";
import type { Ao } from "../../ao/port.ts";
import { loadWallet } from "../../ao/wallet.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";

/** Runs `run` with a connection of a stranger: a new key that is discarded afterwards. */
export async function withStranger<T>(
  { session }: FleetSession,
  run: (stranger: Ao) => Promise<T>,
): Promise<T> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: 4096,
    publicExponent: 0x10001,
  });
  const wallet = await loadWallet({ jwk: privateKey.export({ format: "jwk" }) });
  const folder = await mkdtemp(join(tmpdir(), "fleet-"));
  const journal = await openJournal(join(folder, "journal.jsonl"));
  try {
    return await run(connect(session.network, { wallet, journal }));
  } finally {
    await journal.close();
    await rm(folder, { recursive: true, force: true });
  }
}
