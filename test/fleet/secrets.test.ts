import { afterEach, describe, expect, test } from "vitest";
import { keepSecrets, problemWithoutSecrets, withoutSecrets } from "../../src/fleet/session/secrets.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";

afterEach(() => keepSecrets({ rawConfig: {} }));

/** Remembers what a provider gets of a config, in a project with these files. */
function given(rawConfig: Record<string, string>, files: Record<string, string> = {}): void {
  const folder = temporaryFolder("secrets");
  writeFiles(files, folder);
  keepSecrets({ rawConfig }, folder);
}

describe("secrets of the config are replaced in a string", () => {
  test.each([
    ["a value", "http://x/key-5d1", "at http://x/key-5d1/result", "at [secret]/result"],
    [
      "an address that ends with a slash",
      "http://x/key-5d1/",
      "at http://x/key-5d1/result",
      "at [secret]result",
    ],
    ["the same, used without the slash", "http://x/key-5d1/", "at http://x/key-5d1", "at [secret]"],
    ["a value inside JSON", 'a"b', '{"got":"a\\"b"}', '{"got":"[secret]"}'],
    ["a part of an object", '{"a":["key-5d1",{"b":12345}]}', "key-5d1 and 12345", "[secret] and [secret]"],
    ["characters of a pattern", "a.b*(c", "a.b*(c axb*(c", "[secret] axb*(c"],
    ["nothing that is shorter than 3 characters", "ab", "ab", "ab"],
  ])("%s", (_case, value, text, shown) => {
    given({ "game:key": value });
    expect(withoutSecrets(text)).toBe(shown);
  });

  test("the longest first", () => {
    given({ "game:a": "key", "game:b": "key-5d1" });
    expect(withoutSecrets("key-5d1 key")).toBe("[secret] [secret]");
  });
});

test("a value in plain text in the project's settings is not a secret under the same key", () => {
  const files = {
    "Pulumi.yaml":
      "name: game\nruntime: nodejs\nstackConfigDir: stacks\nconfig:\n  network: { default: local }\n",
    "stacks/Pulumi.dev.yaml":
      "config:\n  game:port: 0x1F90\n  game:cuUrl: { secure: v1:abc }\n  game:list:\n    - open\n    - secure: v1:def\n",
  };
  const config = {
    "game:network": "local",
    "game:port": "0x1F90",
    "game:cuUrl": "http://x/key-5d1",
    "game:list": '["open","key-c44"]',
    "game:other": "open",
  };
  given({ ...config, "game:other": "local" }, files);
  const text = "local 0x1F90 http://x/key-5d1 open key-c44";
  expect(withoutSecrets(text)).toBe("[secret] 0x1F90 [secret] open [secret]");
  const strategy = '{"kind":"blue-green","checks":[{"kind":"invariant","service":"shop"}]}';
  given(
    { "game:strategy": strategy },
    { "Pulumi.yaml": "name: game\n", "Pulumi.dev.yaml": `config:\n  game:strategy: '${strategy}'\n` },
  );
  expect(withoutSecrets(`blue-green of shop: ${strategy}`)).toBe(`blue-green of shop: ${strategy}`);
  given({ "game:network": "local", "game:list": '["open"]' }, files);
  expect(withoutSecrets("local open")).toBe("local open");
});

test("every text of a problem is without secrets; its code is not changed", () => {
  given({ "game:key": "KEY_5D1" });
  const problem = {
    code: "KEY_5D1",
    what: "KEY_5D1.",
    got: "KEY_5D1",
    remedy: "Fix KEY_5D1.",
    at: "KEY_5D1",
  };
  const hidden = { what: "[secret].", got: "[secret]", remedy: "Fix [secret].", at: "[secret]" };
  expect(problemWithoutSecrets(problem)).toEqual({ code: "KEY_5D1", ...hidden });
});
