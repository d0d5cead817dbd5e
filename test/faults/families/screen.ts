import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as configBundle from "../../../providers/config-bundle/lifecycle.ts";
import * as processes from "../../../providers/process/lifecycle.ts";
import { REDACTED } from "../../../src/core/redact.ts";
import { asBase64, NAMES, PLACES } from "../../kit/canaries.ts";
import { harmIn, hostileTexts, poisonedAnswer, poisonedByNode } from "../../kit/hostile.ts";
import { rngOf } from "../../simnet/rng.ts";
import { type Simulated, simulatedFleet, strangerWrites } from "../../validate/fleet.ts";
import type { FaultCase, Lab } from "../case.ts";

/** Every command that reads the network. */
const READS: readonly (readonly string[])[] = [
  ...[
    ["logs", "shop"],
    ["logs", "shop", "--full"],
    ["logs", "battle", "--errors"],
    ["query", "shop"],
  ],
  ...[["query", "battle"], ["trace", "traced"], ["status"], ["status", "--quick"], ["history"], ["audit"]],
  ...[
    ["call", "shop", "Info"],
    ["call", "shop", "Info", "--dry-run"],
    ["call", "battle", "BREAK"],
  ],
  ...[
    ["call", "battle", "Eval", "--raw", "--data", "return 1"],
    ["call", "shop", "NO_SUCH_ACTION"],
  ],
  ...[["statistics"], ["statistics", "--verbose"], ["alerts", "list", "--all"], ["discover"]],
  ...[["config", "show"], ["config", "diff"], ["config", "history", "shop"], ["support-bundle"]],
];

/** The cheapest of them. */
export const FEW: typeof READS = [
  ["logs", "shop", "--full"],
  ["call", "shop", "Info"],
];

/** A fleet whose processes reply with hostile text, and to which a stranger wrote some. */
async function hostileFleet(
  lab: Lab,
  text: () => string,
): Promise<Simulated & { readonly changed: () => number }> {
  const here = await simulatedFleet({ battle: { errors: ["BREAK"] } }, lab.face);
  lab.onEnd(async () => {
    await here.close();
    // The lifecycles of this process had the wallet of that fleet.
    const config = { get: (key: string) => (key === "walletPath" ? lab.walletPath : undefined) };
    processes.configure(config);
    configBundle.configure(config);
  });
  // A signed message is UTF-8, which has no half of a surrogate pair, and a tag has at most 3,072 bytes.
  const data = () => text().replace(/\p{Cs}/gu, "");
  const tag = () =>
    text()
      .slice(0, 300)
      .replace(/\p{Cs}/gu, "");
  // A node encodes no dots, pluses and spaces in names.
  const tagName = () => (lab.face === "mainnet" ? tag().replace(/[.+\s]/g, "-") : tag());
  await strangerWrites(here, "shop", [
    { tags: { Action: tag(), "Correlation-Id": "traced" }, data: data() },
    { tags: { Action: "Info", [tagName()]: tag(), "Correlation-Id": "traced" }, data: data() },
    { tags: { Action: "Eval", "From-Process": here.fleet.session.ao.address }, data: data() },
  ]);
  let changed = 0;
  here.stack.net.faults.add({
    // Only a node serves what processes publish.
    on: ["cu.result", "cu.results", "cu.dryrun", ...(lab.face === "mainnet" ? (["cu.state"] as const) : [])],
    fault: {
      kind: "rewrite",
      with(answer) {
        const hostile = (lab.face === "mainnet" ? poisonedByNode : poisonedAnswer)(answer, text);
        if (!hostile.body.equals(answer.body)) changed += 1;
        return hostile;
      },
    },
  });
  return { ...here, changed: () => changed };
}

/** What is wrong with what a command printed, byte by byte. */
function printedBadly(what: string, printed: string): string[] {
  const bytes = Buffer.from(printed);
  const controls = bytes.filter(
    (byte, at) => (byte < 32 && byte !== 10) || byte === 127 || (bytes[at - 1] === 0xc2 && byte < 0xa0),
  );
  return [
    ...(controls.length === 0
      ? []
      : [`${what}: the bytes ${Buffer.from(controls.subarray(0, 20)).toString("hex")}`]),
    ...harmIn(printed).map((harm) => `${what}: ${JSON.stringify(harm)}`),
  ];
}

/** S8: every reply and a stranger's messages hold hostile text; what commands print is only text. */
export function hostileScreen(seed: number, commands = READS): FaultCase {
  return {
    family: "S8",
    name: `hostile text, ${commands.length} commands, seed ${seed}`,
    seed,
    async run(lab) {
      const text = hostileTexts(rngOf(seed).next);
      const here = await hostileFleet(lab, text);
      const broken: string[] = [];
      let shown = 0;
      for (const words of commands)
        for (const all of [words, [...words, "--json"]]) {
          const what = all.join(" ");
          const { stdout, stderr, json } = await here.run(...all);
          shown += /FORGED|u001b|u009b|u202e|u200b/i.test(stdout + stderr) ? 1 : 0;
          broken.push(...printedBadly(`${what}, stdout`, stdout), ...printedBadly(`${what}, stderr`, stderr));
          if (stderr.includes("This is a bug in fleet"))
            broken.push(`${what}: an unexpected error: ${stderr.slice(0, 300)}`);
          if (all.length === words.length || stdout === "") continue;
          try {
            if (typeof json() !== "object") broken.push(`${what}: not an object`);
          } catch (error) {
            broken.push(`${what}: not JSON: ${error}`);
          }
        }
      if (here.changed() < commands.length) broken.push(`only ${here.changed()} answers were changed`);
      if (shown < commands.length / 2) broken.push(`only ${shown} outputs contained any of it`);
      lab.counts(commands.length * 2);
      return broken;
    },
  };
}

const WORD = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

/** S8: secrets in every format in files, logs and a stranger's messages; none is in the support bundle. */
export function secretsInBundle(seed: number): FaultCase {
  return {
    family: "S8",
    name: `secrets in a bundle, seed ${seed}`,
    seed,
    async run(lab) {
      const { next } = rngOf(seed);
      const secret = () =>
        `Zq7${Array.from({ length: 20 + Math.floor(next() * 20) }, () => WORD[Math.floor(next() * WORD.length)]).join("")}`;
      const planted: string[] = [];
      const plant = (place: string) => {
        const made = secret();
        planted.push(made);
        return PLACES[place]?.(made, NAMES[Math.floor(next() * NAMES.length)] ?? "password") ?? "";
      };
      const here = await hostileFleet(lab, () => ` ${plant("json")}`);
      const { home, scope } = here.stack;
      await copyFile(lab.walletPath, join(home, "wallet.json"));
      const jwk = JSON.parse(await readFile(lab.walletPath, "utf8")) as Record<string, string>;
      const key = Buffer.from(jwk.d ?? "", "base64url");
      await mkdir(join(home, "build/logs"), { recursive: true });
      const names = Object.keys(PLACES).filter((name) => !name.startsWith("yaml"));
      const texts = [
        ...names.map(plant),
        jwk.d ?? "",
        key.toString("hex"),
        asBase64(jwk),
        asBase64(jwk.p ?? ""),
      ];
      for (const [n, text] of texts.entries())
        await writeFile(join(home, `build/logs/${n}.${n % 2 ? "log" : "txt"}`), `before\n${text}\nafter\n`);
      const yaml = `${PLACES.yaml?.(secretOf(planted, secret()), "apiToken")}  game:walletPath: wallet.json\n`;
      await writeFile(join(home, `Pulumi.${scope.stack}.yaml`), yaml);
      const file = join(home, "bundle.tgz");
      const ran = await here.run("support-bundle", "--output", file);
      if (ran.code !== 0) return [`support-bundle ended with ${ran.code}: ${ran.stderr.slice(0, 300)}`];
      const all = execFileSync("tar", ["-xzOf", file], { maxBuffer: 1 << 28 }).toString();
      for (const part of ["d", "p", "q", "dp", "dq", "qi"]) planted.push(jwk[part] ?? "");
      planted.push(key.toString("hex").slice(0, 64), asBase64(jwk.p ?? ""), asBase64(jwk).slice(-400));
      lab.counts(planted.length);
      const found = planted.filter(
        (each) => all.includes(each.slice(0, 12)) || all.includes(asBase64(each).slice(4, 20)),
      );
      const count = all.split(REDACTED.slice(0, -1)).length - 1;
      return [
        ...found.map((each) => `the bundle contains ${each.slice(0, 8)}… of ${planted.length} secrets`),
        ...(count < texts.length ? [`only ${count} places were redacted, of ${texts.length}`] : []),
        ...printedBadly("the bundle", all),
      ];
    },
  };
}

/** Remembers a secret. */
function secretOf(planted: string[], made: string): string {
  planted.push(made);
  return made;
}

export const screenCases = (): FaultCase[] => [
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((seed) => hostileScreen(seed)),
  ...[1, 2, 3, 4].map(secretsInBundle),
];
