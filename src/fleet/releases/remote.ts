import { join } from "node:path";
import { connect } from "../../ao/connect.ts";
import { temporaryJournal } from "../../ao/journal/index.ts";
import type { NetworkRef } from "../../ao/network.ts";
import type { Ao, FoundItem } from "../../ao/port.ts";
import { loadWallet } from "../../ao/wallet.ts";
import { store } from "../../bundler/index.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
import { bundleIn } from "../code/program.ts";
import { writeAtomically } from "../files.ts";
import { completionTags, releaseIn } from "../protocol/deployments.ts";
import { locateNetwork } from "../session/locate-network.ts";
import type { StackFiles } from "../session/scope.ts";
import type { StackSettings } from "../session/session.ts";
import { walletSource } from "../session/wallet.ts";
import { type ReleaseDocument, verifiedRelease, writeRelease } from "./document.ts";

/** Reads from the network with the address of the stack's wallet. Signs nothing, and locks no journal. */
export interface Reader {
  readonly ao: Pick<Ao, "address" | "find" | "data">;
  close(): Promise<void>;
}

/** Opens the network for reading; starts the embedded one if it is not running. */
export async function networkReader(declared: NetworkRef, config: StackSettings): Promise<Reader> {
  const wallet = await loadWallet(walletSource(config));
  const { network } = await locateNetwork(declared);
  const journal = await temporaryJournal();
  return { ao: connect(network, { wallet, journal }), close: () => journal.close() };
}

const epochOf = ({ tags }: FoundItem): number => Number(tags.Epoch ?? -1);

/**
 * Reads a release from the message that recorded it in the ledger, verifies it by its hash, and stores it on this machine. Does not
 * ask the ledger itself.
 *
 * @param id its deployment id; without it, the last release of the stack
 */
export async function releaseOnNetwork(
  { ao }: Pick<Reader, "ao">,
  where: StackFiles,
  id: string | undefined,
  budget: Budget,
): Promise<ReleaseDocument | undefined> {
  const found = await ao.find({ owners: [ao.address], tags: completionTags(where, id) }, budget);
  for (const item of found.sort((a, b) => epochOf(b) - epochOf(a))) {
    const data = Buffer.from(await ao.data(item.id, budget)).toString("utf8");
    const release = verifiedRelease(releaseIn(data));
    if (release === undefined || (id !== undefined && release.deploymentId !== id)) continue;
    await writeRelease(where, release, id === undefined);
    return release;
  }
  return undefined;
}

/**
 * Adds missing bundles of these members to the store, from the messages that loaded them, verified by
 * their hashes.
 *
 * @param reader opened only if a bundle is missing
 * @throws FleetError BUNDLE_GONE with every bundle that was not found
 */
export async function ensureBundles(
  release: ReleaseDocument,
  names: readonly string[],
  where: StackFiles,
  reader: () => Promise<Reader>,
  budget: Budget,
): Promise<void> {
  const bundles = store(join(where.home, "bundles"));
  const gone: string[] = [];
  for (const name of names) {
    const hash = release.declaration[name]?.sourceHash ?? "";
    if (await bundles.get(hash)) continue;
    const text = await bundleOnNetwork(await reader(), release.members[name]?.evalId, hash, budget);
    if (text === undefined) gone.push(`${name} (${hash.slice(0, 12)})`);
    // The source map is not on the network, so errors show the bundle's own lines.
    else await writeAtomically(bundles.path(hash), text);
  }
  if (gone.length === 0) return;
  throw new FleetError({
    code: "BUNDLE_GONE",
    what: `The release ${release.deploymentId} cannot be rebuilt: a part of its code is missing.`,
    got: `neither in ${where.home}/bundles nor on the network: ${gone.join(", ")}`,
    expected: "every bundle of the release",
    remedy: "Choose another release (npx fleet history), or check out its commit and deploy that.",
  });
}

async function bundleOnNetwork(
  { ao }: Reader,
  evalId: string | undefined,
  hash: string,
  budget: Budget,
): Promise<string | undefined> {
  if (!evalId) return undefined;
  const data = await ao.data(evalId, budget).catch(tolerate(undefined));
  return data && bundleIn(Buffer.from(data).toString("utf8"), hash);
}
