import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { luaString } from "../../src/bundler/index.ts";
import { canonicalJson, hashOf } from "../../src/core/hash.ts";
import { checkValue, type Misfit } from "../../src/fleet/config/check.ts";
import { RULES } from "../../src/fleet/config/lua.ts";
import { luaPattern } from "../../src/fleet/config/pattern.ts";
import { type Rule, ruleOf } from "../../src/fleet/config/rules.ts";
import { CONFIG_TYPES, type ConfigType } from "../../src/fleet/config/types.ts";
import { type Aos, boot } from "../processes/aos.ts";

let aos: Aos;
beforeAll(async () => {
  aos = await boot("plain", { source: 'require("fleet").process { name = "plain" }' });
}, 60_000);

interface Case {
  readonly type: string;
  readonly data: unknown;
  readonly rule?: Rule;
}
interface Verdict {
  readonly problems: readonly Misfit[];
  /** Only for accepted values. */
  readonly hash?: string;
}

/** A process' verdicts on values, in one evaluation. */
async function inLua(cases: readonly Case[]): Promise<Verdict[]> {
  const { output, error } = await aos.eval(`
    local json, out = Fleet.json, {}
    for i, case in ipairs(json.decode(${luaString(JSON.stringify(cases))})) do
      local problems = Fleet.checkConfig(case.type, case.data, case.rule)
      out[i] = { problems = problems, hash = #problems == 0 and Fleet.configHash(case.data) or nil }
    end
    return json.encode(out)`);
  if (error !== undefined) throw new Error(error);
  return JSON.parse(output) as Verdict[];
}

const number = fc.oneof(
  fc.integer({ min: -3, max: 200 }),
  fc.constantFrom(0.5, 0.0001, 1.5, 100_000, 1_000_000, 1_000_001, 86_400_000, 86_400_001),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1, 1e21, 5e-324, Number.MAX_VALUE, -0),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const short = fc.oneof(
  fc.constantFrom("", "INFO", "DEBUG", "info", "HIGH", "STANDARD", "true", "a b", "https://x.org", "shop"),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.string({ minLength: 43, maxLength: 43, unit: fc.constantFrom("a", "Z", "0", "_", "-") }),
  fc.string({ minLength: 55, maxLength: 65 }),
);
const long = ["x".repeat(4096), "x".repeat(4097), "é".repeat(4096), "𝄞".repeat(4096), "𝄞".repeat(4097)];
const text = fc.oneof({ weight: 100, arbitrary: short }, { weight: 1, arbitrary: fc.constantFrom(...long) });
const { anything } = fc.letrec((tie) => ({
  anything: fc.oneof(
    { weight: 4, arbitrary: number },
    { weight: 4, arbitrary: text },
    { weight: 2, arbitrary: fc.boolean() },
    { weight: 1, arbitrary: fc.array(tie("anything"), { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.dictionary(text, tie("anything"), { maxKeys: 3 }) },
  ),
}));

/** Data that mostly has the shape of a rule: known keys, other keys, valid and invalid values. */
function near(rule: Rule): fc.Arbitrary<unknown> {
  const value = (own: Rule): fc.Arbitrary<unknown> => {
    const other = { weight: 1, arbitrary: anything };
    if (own.enum) return fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...own.enum) }, other);
    if (own.type === "object") return fc.oneof({ weight: 6, arbitrary: near(own) }, other);
    if (own.type === "list")
      return fc.oneof(
        { weight: 5, arbitrary: fc.array(value(own.items ?? { type: "any" }), { maxLength: 5 }) },
        other,
      );
    const fitting = { string: text, boolean: fc.boolean(), integer: number, number, any: anything }[own.type];
    return fc.oneof({ weight: 8, arbitrary: fitting }, other);
  };
  const known = fc.record(
    Object.fromEntries(Object.entries(rule.fields ?? {}).map(([name, own]) => [name, value(own)])),
    { requiredKeys: [] },
  );
  const names = fc.oneof(
    fc.constantFrom("A", "b.c", "*", "START-1", "a_b", "9", "", "a b", "__proto__", "constructor", "é"),
    fc.string({ unit: fc.constantFrom("a", "Z", "_", "-", "."), minLength: 1, maxLength: 140 }),
    text,
  );
  const more = rule.values
    ? fc.dictionary(names, value(rule.values), { maxKeys: 5 })
    : fc.oneof(
        { weight: 4, arbitrary: fc.constant({}) },
        { weight: 1, arbitrary: fc.dictionary(names, anything, { maxKeys: 2 }) },
      );
  return fc.tuple(known, more).map(([one, two]) => ({ ...two, ...one }));
}

/** A custom schema with everything that a process can check. */
const OWN = z.strictObject({
  most: z.int().min(1).max(99),
  share: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .meta({ examples: [0.5] }),
  mode: z.enum(["fast", "slow"]).optional(),
  tag: z
    .string()
    .regex(/^[a-z]{2}-\d{3}$/)
    .optional(),
  names: z.array(z.string().min(2).max(5)).min(1).max(3).optional(),
  inner: z.strictObject({ on: z.boolean(), level: z.literal(1).optional() }).optional(),
  open: z.looseObject({ a: z.string() }).optional(),
});

const schemas: Readonly<Record<string, z.ZodType>> = { ...CONFIG_TYPES, OWN };
const ownRule = ruleOf(OWN).rule;
const aCase: fc.Arbitrary<Case> = fc.oneof(
  ...(Object.keys(CONFIG_TYPES) as ConfigType[]).map((type) =>
    fc.record({ type: fc.constant(type), data: near(RULES[type] as Rule) }),
  ),
  near(ownRule).map((data) => ({ type: "OWN", data, rule: ownRule })),
  fc.record({ type: fc.constantFrom(...Object.keys(CONFIG_TYPES)), data: anything }),
);

describe("the checks of a config", () => {
  test("agree between schema, deployer and process on 10,000 values: what is refused, where, with which message, and the hash", async () => {
    const seed = 6;
    const tally = { fitting: 0, refused: 0 };
    for (let batch = 0; batch < 20; batch += 1) {
      const cases = fc
        .sample(aCase, { numRuns: 500, seed: seed + batch })
        // As it is sent.
        .map((one) => ({ ...one, data: JSON.parse(JSON.stringify(one.data)) as unknown }));
      const verdicts = await inLua(cases);
      for (const [index, { type, data }] of cases.entries()) {
        const rule = RULES[type] ?? ownRule;
        const problems = checkValue(data, rule, "configData");
        const fits = problems.length === 0;
        const hash = fits ? hashOf(data) : undefined;
        // zod ignores that key's value; the rules, which decide, do not.
        const passedOver = JSON.stringify(data).includes("__proto__");
        const schema = passedOver ? fits : schemas[type]?.safeParse(data).success;
        const found = { ...verdicts[index], schema };
        const wanted = { problems, hash, schema: fits };
        if (canonicalJson(found) !== canonicalJson(wanted))
          expect({ seed: seed + batch, type, data, ...found }).toEqual({
            seed: seed + batch,
            type,
            data,
            ...wanted,
          });
        tally[problems.length === 0 ? "fitting" : "refused"] += 1;
      }
    }
    // Many of both kinds occur.
    expect(tally.fitting).toBeGreaterThan(1500);
    expect(tally.refused).toBeGreaterThan(1500);
  }, 120_000);

  test("report a pattern that Lua cannot express instead of ignoring it", () => {
    const { unsupported } = ruleOf(
      z.object({
        a: z.string().regex(/^(a|b)$/),
        b: z.union([z.string(), z.number()]),
        c: z.url(),
        d: z.array(z.object({ e: z.string().regex(/é/) })),
        f: z.number().multipleOf(5),
      }),
    );
    expect(unsupported.map(({ at }) => at)).toEqual(["a", "b", "c", "d[].e", "f"]);
  });

  test("give patterns the same meaning in Lua", async () => {
    const sources = [
      "^[a-z][a-z0-9-]{0,3}$",
      "^\\d{2}\\.\\d+$",
      "^[^ ]+$",
      "a+b?c*",
      "^\\w[\\w.-]*$",
      "%[-^$]",
      "^[+*?()]+$",
    ];
    const texts = [
      "",
      "a",
      "a-9z",
      "abcde",
      "12.5",
      "1.5",
      "a b",
      "é",
      "aab",
      "%-",
      "%^",
      "(+)",
      "_x.y-",
      "12x5",
      "𝄞",
    ];
    for (const source of sources) {
      const pattern = luaPattern(source) ?? "";
      expect(pattern).not.toBe("");
      const found = await aos.value(
        `{ ${texts.map((one) => `(${luaString(one)}):find(${luaString(pattern)}) ~= nil`).join(", ")} }`,
      );
      expect([source, found]).toEqual([source, [texts.map((one) => new RegExp(source).test(one))].flat()]);
    }
    for (const source of [
      "(a)",
      "a|b",
      ".",
      "[^a]",
      "\\s",
      "\\bx",
      "a*?",
      "[\\s]",
      "[é]",
      "a{65}",
      "[a-\\d]",
    ])
      expect([source, luaPattern(source)]).toEqual([source, undefined]);
  });
});
