import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import { Comments } from "../../docs/comments.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** A declaration that the package exports: its file, and its name there. */
interface Exported {
  readonly file: string;
  readonly name: string;
}

/** Public name → declaration of everything that the package exports, and of the resource that Fleet creates for traffic. */
function exported(): ReadonlyMap<string, Exported> {
  const path = join(root, "components/index.ts");
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  const found = new Map<string, Exported>();
  for (const { exportClause: clause, moduleSpecifier: from } of source.statements.filter(
    ts.isExportDeclaration,
  )) {
    if (!clause || !ts.isNamedExports(clause) || !from || !ts.isStringLiteral(from))
      throw new Error(`${path} exports something without its name`);
    const file = join(dirname(path), from.text);
    for (const { name, propertyName } of clause.elements)
      found.set(name.text, { file, name: (propertyName ?? name).text });
  }
  return found.set("Traffic", { file: join(root, "providers/traffic/resource.ts"), name: "Traffic" });
}

const examples = new Map(
  [...exported()].map(([name, at]) => [name, new Comments([at.file]).example(at.name)] as const),
);

test("everything that the package exports has an example", () => {
  expect([...examples.keys()]).toEqual(
    expect.arrayContaining([
      "Fleet",
      "Process",
      "ConfigBundle",
      "Wiring",
      "Release",
      "LocalNetwork",
      "settings",
      "FleetError",
      "openSealed",
      "FleetInput",
      "ProcessInput",
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
