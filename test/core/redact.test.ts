import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { knownSecrets } from "../../src/core/known-secrets.ts";
import { REDACTED, redact, redactText } from "../../src/core/redact.ts";
import { cutFile } from "../../src/operations/support/collect.ts";
import { redactFile } from "../../src/operations/support/redact.ts";

const chars = (text: string) => fc.constantFrom(...text);
const WORD = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
/** A secret that occurs nowhere else, and that no shape but that of its place gives away. */
const canary = fc.array(chars(WORD), { minLength: 20, maxLength: 40 }).map((all) => `Zq7${all.join("")}`);
const base64url = (length: number) =>
  fc.array(chars(`${WORD}-_`), { minLength: length, maxLength: length }).map((all) => all.join(""));

const asBase64 = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");
const name = fc.constantFrom(
  ...[
    "password",
    "apiKey",
    "client_secret",
    "accessToken",
    "routing_key",
    "npm_token",
    "_authToken",
    "credentials",
    "webhookUrl",
  ],
);

/** Text with a secret in every format in which one was found in logs, settings and messages. */
const PLACES: Readonly<Record<string, (secret: string, name: string) => string>> = {
  header: (secret) => `GET / HTTP/1.1\nAuthorization: Bearer ${secret}\nHost: a`,
  bearer: (secret) => `sent with Bearer ${secret} to the node`,
  basic: (secret) => `curl -H 'Authorization: Basic ${asBase64(`user:${secret}`)}' https://x`,
  cookie: (secret) => `set-cookie: session=${secret}; HttpOnly`,
  jwt: (secret) => `token eyJhbGciOiJIUzI1NiJ9.${secret}.${secret}_-x expired`,
  url: (secret) => `cannot reach postgres://deploy:${secret}@db.example:5432/state`,
  "url in JSON": (secret) => `{"a":"https:\\/\\/user:${secret}@host\\/x"}`,
  query: (secret, key) => `GET https://api.example/v1?page=2&${key}=${secret}&x=1 failed`,
  slack: (secret) => `post https://hooks.slack.com/services/T0/B0/${secret}: 500`,
  discord: (secret) => `post https://discord.com/api/webhooks/123/${secret} failed`,
  teams: (secret) => `https://acme.webhook.office.com/webhookb2/${secret}@x/IncomingWebhook/y/z`,
  telegram: (secret) => `https://api.telegram.org/bot123456:${secret}/sendMessage`,
  "own webhook": (secret) => `"url": "https://alerts.example/hooks/${secret}"`,
  npmrc: (secret) => `//registry.example/:_authToken=${secret}\nalways-auth=true`,
  env: (secret, key) => `export ${key.toUpperCase()}=${secret}\nPATH=/bin`,
  "quoted env": (secret, key) => `${key} = "${secret} with more"`,
  flag: (secret) => `docker login --password ${secret} registry.example`,
  "pulumi flag": (secret) => `pulumi config set --secret game:payer ${secret}`,
  json: (secret, key) => JSON.stringify({ a: { [key]: secret }, b: 1 }),
  "list in JSON": (secret, key) => JSON.stringify({ [key]: ["x", { deep: secret }] }),
  "JSON in a string": (secret, key) => JSON.stringify({ data: JSON.stringify({ inner: { [key]: secret } }) }),
  "cut JSON": (secret, key) => JSON.stringify({ a: 1, [key]: secret }).slice(0, -2),
  "cut JSON in a string": (secret, key) =>
    JSON.stringify({ data: JSON.stringify({ a: "q", [key]: secret }) }).slice(0, -3),
  "JSON lines": (secret, key) => `{"level":30}\n{"level":30,"${key}":"${secret}"}\nplain`,
  "escaped name in JSON": (secret) => `{"p\\u0061ssword":"${secret}"}`,
  "tag of a message": (secret) => JSON.stringify({ Tags: [{ name: "X-Api-Token", value: secret }] }),
  yaml: (secret, key) => `config:\n  game:${key}: ${secret}\n  game:network: local\n`,
  "yaml block": (secret, key) => `a: 1\n${key}: |\n  first\n  ${secret}\nb: 2\n`,
  "yaml list": (secret, key) => `receivers:\n  - kind: pagerduty\n    ${key}: '${secret}'\n`,
  xml: (secret, key) => `<a><${key} x="1">${secret}</${key}></a>`,
  "xml attribute": (secret, key) => `<receiver ${key}="${secret}" />`,
  pem: (secret) =>
    `x -----BEGIN ${"RSA PRIVATE"} KEY-----\nMII${secret}\n-----END ${"RSA PRIVATE"} KEY----- y`,
  "cut pem": (secret) => `-----BEGIN ${"PRIVATE"} KEY-----\\nMII${secret}`,
  jwk: (secret) => JSON.stringify({ kty: "RSA", n: "public", d: secret, p: secret }),
  "base64 of JSON": (secret) => `wallet ${asBase64({ kty: "RSA", d: secret })} end`,
};

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
