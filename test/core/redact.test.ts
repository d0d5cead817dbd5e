import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { knownSecrets } from "../../src/core/known-secrets.ts";
import { REDACTED, redact, redactText } from "../../src/core/redact.ts";
import { cutFile } from "../../src/operations/support/collect.ts";
import { redactFile } from "../../src/operations/support/redact.ts";
import { asBase64, NAMES, PLACES } from "../kit/canaries.ts";

const chars = (text: string) => fc.constantFrom(...text);
const WORD = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
/** A secret that occurs nowhere else, and that no shape but that of its place gives away. */
const canary = fc.array(chars(WORD), { minLength: 20, maxLength: 40 }).map((all) => `Zq7${all.join("")}`);
const base64url = (length: number) =>
  fc.array(chars(`${WORD}-_`), { minLength: length, maxLength: length }).map((all) => all.join(""));

const name = fc.constantFrom(...NAMES);

describe("redaction", () => {
  test.each(Object.entries(PLACES))("finds a secret in: %s", (place, write) => {
    fc.assert(
      fc.property(canary, name, (secret, key) => {
        const text = write(secret, key);
        // Files are also redacted by their structure.
        const files = place.startsWith("yaml") ? ["x.yaml"] : ["x.txt", "x.json", "x.jsonl", "x.xml", "x.ts"];
        const all = files.map((file) => redactFile(file, text, knownSecrets([])));
        if (!place.startsWith("yaml")) all.push(redactText(text), JSON.stringify(redact({ text })));
        for (const clean of all) {
          expect(clean).not.toContain(secret.slice(0, 12));
          expect(clean).not.toContain(asBase64(secret).slice(4, 20));
          expect(clean).toContain("[redacted");
        }
      }),
      { numRuns: 20 },
    );
  });

  test("finds known secrets whole, in part and encoded, in one pass over a long text", () => {
    const values = fc.tuple(base64url(683), base64url(342), fc.string({ minLength: 12, maxLength: 30 }));
    fc.assert(
      fc.property(
        values,
        fc.nat(600),
        fc.integer({ min: 30, max: 80 }),
        ([d, p, passphrase], from, length) => {
          const known = knownSecrets([
            { name: "d", value: d },
            { name: "p", value: p },
            { name: "passphrase", value: passphrase },
          ]);
          const part = d.slice(from, from + length).padEnd(30, "");
          const planted = [
            d,
            `…${d.slice(from % 600, (from % 600) + length)}…`,
            Buffer.from(d).toString("base64"),
            Buffer.from(`x:${p}`).toString("base64url"),
            Buffer.from(d, "base64url").toString("hex"),
            Buffer.from(p, "base64url").toString("base64"),
            BigInt(`0x${Buffer.from(p, "base64url").toString("hex")}`).toString(),
            passphrase,
            encodeURIComponent(passphrase),
            JSON.stringify(passphrase),
            Buffer.from(`ab${passphrase}`).toString("base64"),
          ];
          const clean = redactText(planted.join(" \n "), known);
          for (const secret of [d, p])
            for (let at = 0; at + 48 <= secret.length; at += 48)
              expect(clean).not.toContain(secret.slice(at, at + 48));
          if (part.trim().length >= 30) expect(clean).not.toContain(part.trim());
          for (const text of planted)
            expect(clean).not.toContain(text.length > 60 ? text.slice(8, 56) : text);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("keeps ids, addresses and prose", () => {
    const plain = [
      "the process _GQ33BkPtZrqxA84vM8Zk-N2aO0toNNu_C-l-rawrBA runs code 1a2b3c4d",
      "read https://docs.example/how-to/alerts.md#webhooks and https://arweave.net/graphql",
      "expected: a bearer token; the basic settings; Authority fcoN_xJeisVsPXA-trzVAuIiqO3ydLQxM-L4XbrQKzY",
      "Run pulumi config set --secret wallet --stack dev < jwk.json, or set PULUMI_CONFIG_PASSPHRASE=<passphrase>",
      '{"Action":"Transfer","Quantity":"100","Recipient":"a"}',
      "  fix:      pulumi stack change-secrets-provider passphrase",
    ];
    for (const text of plain) expect(redactText(text)).toBe(text);
    expect(redact({ n: 9_007_199_254_740_993n.toString(), token: null, secret: "" })).toEqual({
      n: "9007199254740993",
      token: null,
      secret: "",
    });
  });

  test("takes time in proportion to the text", () => {
    const text = `${"Ab1/".repeat(150_000)}${"a.b".repeat(50_000)}${'"x":'.repeat(20_000)}${"https://".repeat(10_000)}`;
    const started = performance.now();
    redactText(text);
    // Quadratic, it would take minutes.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("comes before cutting: neither the end of a file nor of a message's data has a part of a secret", () => {
    const secret = `Zq7${"k".repeat(60)}`;
    const lines = `password=${secret}\n${"x".repeat(100)}\n`.repeat(6000);
    const log = cutFile("logs/a.log", redactFile("logs/a.log", lines, knownSecrets([])));
    expect(log.length).toBeLessThanOrEqual(512 * 1024);
    expect(log).toMatch(/^(password|x)/);
    expect(log).not.toContain("kkkk");
    const data = JSON.stringify({ fill: "f".repeat(270), apiKey: secret });
    const text = JSON.stringify({ name: "shop", messages: [{ slot: 1, data }] });
    const clean = cutFile("processes/shop.json", redactFile("processes/shop.json", text, knownSecrets([])));
    expect(JSON.parse(clean).messages[0].data).toHaveLength(300);
    expect(clean).not.toContain("kkkk");
    expect(clean).toContain(REDACTED.slice(0, 5));
  });
});
