/** Data items, compared byte by byte with arbundles, another implementation of ANS-104. */
import { createPrivateKey, createPublicKey, randomBytes, sign } from "node:crypto";
import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadWallet } from "../../src/ao/wallet.ts";
import { itemId, itemTags, readItem, signItem, type UnsignedItem } from "../../src/core/ans104.ts";
import { isSigned, parseItem } from "../../src/localnet/ans104.ts";
import { makeJwk } from "../ao/wallets.ts";

const { ArweaveSigner, createData, DataItem, EthereumSigner, HexSolanaSigner } = createRequire(
  import.meta.url,
)("@dha-team/arbundles") as typeof import("@dha-team/arbundles");

const key = createPrivateKey({
  key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, 7)]),
  format: "der",
  type: "pkcs8",
});
const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
const ed25519 = { signatureType: 2, publicKey, sign: (message: Uint8Array) => sign(null, message, key) };
const theirs = { ...ed25519, signatureLength: 64, ownerLength: 32 };

const optionsOf = ({ tags, target, anchor }: UnsignedItem) => ({
  tags: [...tags],
  ...(target === undefined ? {} : { target }),
  ...(anchor === undefined ? {} : { anchor }),
});

/** Texts with every width of UTF-8; a lone surrogate is in no tag (`TAGS_INVALID`). */
const text = (maxLength: number) => fc.string({ unit: "grapheme", maxLength });
const fields: fc.Arbitrary<UnsignedItem> = fc.record(
  {
    data: fc.oneof(text(300), fc.uint8Array({ maxLength: 300 })),
    tags: fc.array(fc.record({ name: text(80), value: text(200) }), { maxLength: 12 }),
    target: fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((bytes) => Buffer.from(bytes).toString("base64url")),
    anchor: fc.string({ unit: fc.constantFrom(..."abc-09_Z"), minLength: 32, maxLength: 32 }),
  },
  { requiredKeys: ["data", "tags"] },
);

test("the bytes of any item are those of arbundles, and reading returns what was written", async () => {
  await fc.assert(
    fc.asyncProperty(fields, async (given) => {
      const expected = createData(given.data, theirs, optionsOf(given));
      await expected.sign(theirs);
      const raw = signItem(given, ed25519);
      expect(raw.equals(expected.getRaw())).toBe(true);
      const item = readItem(raw);
      expect(itemTags(item)).toEqual(given.tags);
      expect(itemId(item.signature)).toBe(expected.id);
      expect(item.data.equals(Buffer.from(given.data))).toBe(true);
      expect(await isSigned(raw)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("tags beyond 4,096 bytes, and a target or an anchor of another length, are refused", () => {
  const item = (more: Partial<UnsignedItem>) => () => signItem({ data: "", tags: [], ...more }, ed25519);
  expect(item({ tags: [{ name: "n", value: "v".repeat(4090) }] })().length).toBeGreaterThan(4096);
  expect(item({ tags: [{ name: "n", value: "v".repeat(4091) }] })).toThrow(
    "Too many tag bytes (4097 > 4096)",
  );
  expect(item({ target: "short" })).toThrow("Target must be 32 bytes but was incorrectly 3");
  expect(item({ anchor: "short" })).toThrow("Anchor must be 32 bytes but was incorrectly 5");
});

describe("signatures", () => {
  const given = {
    data: "data",
    tags: [{ name: "Action", value: "Info" }],
    target: Buffer.alloc(32, 7).toString("base64url"),
  };

  test("our wallet's are arbundles' and the other way round, for each type of wallet that the embedded network accepts", async () => {
    const jwk = await makeJwk();
    const own = await (await loadWallet({ jwk })).sign(given);
    expect(await DataItem.verify(Buffer.from(own.raw))).toBe(true);
    expect(own.id).toBe(new DataItem(Buffer.from(own.raw)).id);
    const secret = randomBytes(32).toString("hex");
    const bs58 = createRequire(import.meta.url)("bs58") as { encode(bytes: Uint8Array): string };
    const solana = Buffer.concat([Buffer.alloc(32, 7), publicKey]);
    const signers = {
      arweave: new ArweaveSigner(jwk as never),
      ethereum: new EthereumSigner(secret),
      solana: new HexSolanaSigner(bs58.encode(solana)),
    };
    for (const [name, signer] of Object.entries(signers)) {
      const item = createData(given.data, signer, optionsOf(given));
      await item.sign(signer);
      const raw = Buffer.from(item.getRaw());
      expect(await isSigned(raw), name).toBe(true);
      expect(parseItem(raw), name).toMatchObject({ id: item.id, target: given.target, tags: given.tags });
      const { dataOffset } = readItem(raw);
      // One bit anywhere: of the signature, the owner, the target, a tag, the data.
      for (const at of [
        5,
        2 + readItem(raw).signature.length + 3,
        dataOffset - 40,
        dataOffset - 3,
        raw.length - 1,
      ]) {
        const changed = Buffer.from(raw);
        changed.writeUInt8(changed.readUInt8(at) ^ 4, at);
        expect(await isSigned(changed), `${name} at ${at}`).toBe(false);
      }
    }
  });

  test("bytes that are no item are refused without an exception, whatever lengths they claim", async () => {
    const raw = signItem(given, ed25519);
    for (let length = 0; length < raw.length; length += 7)
      expect(await isSigned(raw.subarray(0, length))).toBe(false);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        expect(await isSigned(bytes)).toBe(false);
      }),
      { numRuns: 100 },
    );
    const { dataOffset, rawTags } = readItem(raw);
    const counts = dataOffset - rawTags.length - 16;
    for (const [at, value] of [
      [counts, 2n],
      [counts, 2n ** 64n - 1n],
      [counts + 8, 2n ** 63n],
    ] as const) {
      const changed = Buffer.from(raw);
      changed.writeBigUInt64LE(value, at);
      expect(await isSigned(changed)).toBe(false);
    }
  });
});
