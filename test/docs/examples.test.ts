import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import { Comments } from "../../docs/comments.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Name → file of everything that the package exports from the program's own rooms, and of the resource that Fleet makes for traffic. */
function exported(): ReadonlyMap<string, string> {
  const path = join(root, "components/index.ts");
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  const names = source.statements.filter(ts.isExportDeclaration).flatMap((statement) => {
    const { isTypeOnly, exportClause: clause, moduleSpecifier: from } = statement;
    if (isTypeOnly || !clause || !ts.isNamedExports(clause) || !from || !ts.isStringLiteral(from)) return [];
    return clause.elements.map(({ name }) => [name.text, join(dirname(path), from.text)] as const);
  });
  const own = names.filter(([, file]) => !file.startsWith(join(root, "src")));
  return new Map([...own, ["Traffic", join(root, "providers/traffic/resource.ts")]]);
}

const examples = new Map(
  [...exported()].map(([name, file]) => [name, new Comments([file]).example(name)] as const),
);

test("every public resource and function has an example", () => {
  expect([...examples.keys()]).toEqual(
    expect.arrayContaining([
      "Fleet",
      "Process",
      "ConfigBundle",
      "Wiring",
      "Release",
      "LocalNetwork",
      "settings",
    ]),
  );
  expect([...examples].filter(([, code]) => code === "").map(([name]) => name)).toEqual([]);
});

test("every example compiles against the package", () => {
  const config = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const files = new Map(
    [...examples].map(([name, code]) => [join(root, `example-${name}.ts`), `${code}\nexport {};\n`]),
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  host.getSourceFile = (file, version, ...rest) => {
    const code = files.get(file);
    return code === undefined
      ? getSourceFile(file, version, ...rest)
      : ts.createSourceFile(file, code, version, true);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const problems = [...files.keys()].flatMap((file) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(file))
      .map(({ messageText }) => `${basename(file)}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`),
  );
  expect(problems).toEqual([]);
});
