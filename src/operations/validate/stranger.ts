import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { connect } from "../../ao/connect.ts";
import { temporaryJournal } from "../../ao/journal/index.ts";
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
  const journal = await temporaryJournal();
  try {
    return await run(connect(session.network, { wallet, journal }));
  } finally {
    await journal.close();
  }
}
