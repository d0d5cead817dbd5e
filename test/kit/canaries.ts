/** Secrets as they stand in files, logs and messages. */
export const asBase64 = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");

/** Names under which a value is secret. */
export const NAMES = [
  ...["password", "apiKey", "client_secret", "accessToken", "routing_key", "npm_token", "_authToken"],
  ...["credentials", "webhookUrl"],
] as const;

/** Text with a secret in every format in which one was found in logs, settings and messages. */
export const PLACES: Readonly<Record<string, (secret: string, name: string) => string>> = {
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
