/**
 * Exports that nobody imports. An export of the program's rooms needs an importer among them, or among the repository's own programs; what only
 * tests run, or what only the declarations of the package name, has to say so: its comment ends in `Exported for tests.` or
 * `Exported for the published declarations.`. imports.test.ts runs it over the work tree.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import ts from "typescript";

/** Whose exports are checked. */
const ROOMS = "{components,providers,src}/**/*.ts";
/** Who imports them: the rooms, the program, and the programs of the repository. */
const IMPORTERS = ["index.ts", "{components,providers,src,docs,scripts,bench}/**/*.{ts,mjs}"];
const TESTS = "{test,examples}/**/*.{ts,mjs}";
/** What a package that uses this one imports, as in `exports` of package.json, and what `fleet.mjs` loads, compiled or not. */
const PUBLIC = /^components\/index\.ts$|^providers\/[^/]+\/lifecycle\.ts$|^src\/cli\/main\.ts$/;
const MARK = /\bExported for (?:tests|the published declarations)\.\s*\*\/\s*$/;

interface Exported {
  readonly name: string;
  readonly isMarked: boolean;
  readonly isUsedHere: boolean;
}

interface Module {
  readonly exports: readonly Exported[];
  /** `file: name` of what it imports or passes on, with the name `*` for all of a file. */
  readonly imports: readonly string[];
}

function parse(projectDir: string, file: string): Module {
  const text = readFileSync(join(projectDir, file), "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  const uses = new Map<string, number>();
  const imports: string[] = [];
  const take = (specifier: ts.Node | undefined, names: readonly string[]) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier) || !specifier.text.startsWith(".")) return;
    const from = normalize(join(dirname(file), specifier.text));
    imports.push(...names.map((name) => `${from}: ${name}`));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) uses.set(node.text, (uses.get(node.text) ?? 0) + 1);
    if (ts.isImportDeclaration(node)) take(node.moduleSpecifier, namesOf(node.importClause?.namedBindings));
    else if (ts.isExportDeclaration(node)) take(node.moduleSpecifier, namesOf(node.exportClause));
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      take(node.arguments[0], ["*"]);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      take(node.argument.literal, ["*"]);
    ts.forEachChild(node, visit);
  };
  visit(source);
  const exports = source.statements.flatMap((statement) => {
    const comments = ts.getLeadingCommentRanges(text, statement.pos) ?? [];
    const isMarked = comments.some(({ pos, end }) => MARK.test(text.slice(pos, end)));
    return exportedBy(statement).map((name) => ({ name, isMarked, isUsedHere: (uses.get(name) ?? 0) > 1 }));
  });
  return { exports, imports };
}

/** The names in a clause of an import or an export, as the other file has them; `*` for all. */
const namesOf = (clause: ts.NamedImportBindings | ts.NamedExportBindings | undefined): string[] =>
  clause !== undefined && (ts.isNamedImports(clause) || ts.isNamedExports(clause))
    ? clause.elements.map(({ propertyName, name }) => (propertyName ?? name).text)
    : ["*"];

function exportedBy(statement: ts.Statement): string[] {
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause;
    return clause && ts.isNamedExports(clause) ? clause.elements.map(({ name }) => name.text) : [];
  }
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  if (modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) !== true) return [];
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) => boundBy(name));
  const { name } = statement as ts.Statement & { readonly name?: ts.Identifier };
  return name === undefined ? [] : [name.text];
}

const boundBy = (name: ts.BindingName): string[] =>
  ts.isIdentifier(name)
    ? [name.text]
    : name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : boundBy(element.name)));

/**
 * `file: name` of every export that has no importer, with `(tests only)` if a test imports it. A test may import what its own file uses, to test a part of
 * it; what only tests run has to be marked.
 */
export function unusedExports(projectDir: string): string[] {
  const list = (patterns: string | string[]) =>
    globSync(patterns, { cwd: projectDir, exclude: ["**/node_modules/**"] });
  const importsOf = (files: readonly string[]) =>
    new Set(files.flatMap((file) => parse(projectDir, file).imports));
  const used = importsOf(list(IMPORTERS));
  const tested = importsOf(list(TESTS));
  const unused: string[] = [];
  for (const file of list(ROOMS).sort()) {
    if (PUBLIC.test(file)) continue;
    const isIn = (imports: ReadonlySet<string>, name: string) =>
      imports.has(`${file}: ${name}`) || imports.has(`${file}: *`);
    for (const { name, isMarked, isUsedHere } of parse(projectDir, file).exports) {
      if (isIn(used, name)) continue;
      const isTested = isIn(tested, name);
      if (isMarked || (isTested && isUsedHere)) continue;
      unused.push(`${file}: ${name}${isTested ? " (tests only)" : ""}`);
    }
  }
  return unused;
}
