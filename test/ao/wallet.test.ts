import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DataItem } from "@dha-team/arbundles";
import { beforeAll, describe, expect, test } from "vitest";
import { loadWallet } from "../../src/ao/wallet.ts";
import type { FleetError } from "../../src/core/errors.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { makeJwk } from "./wallets.ts";

const folder = temporaryFolder("wallet");
let jwk: Record<string, string>;

beforeAll(async () => {
  jwk = await makeJwk();
});

async function fileWith(content: string, mode = 0o600): Promise<string> {
  const path = join(folder, `${Math.random()}.json`);
  await writeFile(path, content, { mode });
  await chmod(path, mode);
  return path;
}

/** The error, checked not to contain a long piece of a key in any of its strings. */
async function refusal(source: Parameters<typeof loadWallet>[0]): Promise<FleetError> {
  const error = await loadWallet(source).then(
    () => expect.fail("the wallet was accepted"),
    (thrown: FleetError) => thrown,
  );
  const texts = [error.message, error.stack, JSON.stringify(error), String(error.cause)].join("\n");
  for (const value of Object.values(jwk))
    if (value.length > 20) expect(texts).not.toContain(value.slice(0, 20));
  return error;
}

describe("loadWallet", () => {
  test("accepts a private file, an object and a JSON string, all with one address", async () => {
    const path = await fileWith(JSON.stringify(jwk));
    const wallets = await Promise.all([
      loadWallet({ path }),
      loadWallet({ jwk }),
      loadWallet({ jwk: JSON.stringify(jwk) }),
    ]);
    expect(new Set(wallets.map(({ address }) => address)).size).toBe(1);
    expect(wallets[0].address).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(JSON.stringify(wallets[0])).toBe(JSON.stringify({ address: wallets[0].address }));
  });

  test("names a missing file and how to fix it", async () => {
    const error = await refusal({ path: join(folder, "none.json") });
    expect(error.code).toBe("WALLET_MISSING");
    expect(error.message).toContain("none.json");
  });

  test("names a path that is not a file", async () => {
    expect((await refusal({ path: join(await fileWith("{}"), "below") })).code).toBe("WALLET_UNREADABLE");
    await chmod(folder, 0o700);
    expect((await refusal({ path: folder })).code).toBe("WALLET_UNREADABLE");
  });

  test.each([0o644, 0o640, 0o604, 0o620])("refuses a file of mode %o and says chmod 600", async (mode) => {
    const error = await refusal({ path: await fileWith(JSON.stringify(jwk), mode) });
    expect(error.code).toBe("WALLET_EXPOSED");
    expect(error.problems[0].remedy).toContain("chmod 600");
    expect(error.transient).toBe(false);
  });

  test.each([
    ["a string", () => "not json"],
    ["a cut file", () => JSON.stringify(jwk).slice(0, 900)],
    ["an empty object", () => ({})],
    ["null", () => null],
    ["only the public half", () => ({ kty: jwk.kty, n: jwk.n, e: jwk.e })],
    ["an elliptic key", () => ({ ...jwk, kty: "EC" })],
    ["swapped numbers", () => ({ ...jwk, p: jwk.dq, dq: jwk.p, d: "AQAB" })],
  ])("refuses %s", async (_, make) => {
    expect((await refusal({ jwk: make() })).code).toBe("WALLET_INVALID");
  });

  test("refuses a key that networks would not accept", async () => {
    const error = await refusal({ jwk: await makeJwk(2048) });
    expect(error.code).toBe("WALLET_INVALID");
    expect(error.message).toContain("2048 bits");
  });
});

test("sign makes a valid item, owned by the address, whose id is known", async () => {
  const wallet = await loadWallet({ jwk });
  const target = `${"p".repeat(42)}A`;
  const fields = { data: "print('ünï')", tags: [{ name: "Action", value: "Eval" }], target };
  const [one, two] = await Promise.all([wallet.sign(fields), wallet.sign(fields)]);
  expect(one.id).not.toBe(two.id);
  expect(await DataItem.verify(Buffer.from(one.raw))).toBe(true);
  const item = new DataItem(Buffer.from(one.raw));
  expect(item.id).toBe(one.id);
  expect(item.target).toBe(target);
  expect(item.tags).toEqual(fields.tags);
  expect(item.rawData.toString()).toBe(fields.data);
});
