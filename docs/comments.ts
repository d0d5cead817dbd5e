/**
 * Reads the comments of fields from the source, so that the pages show the same text as an editor. Uses the syntax only, without
 * types.
 */
import { readFileSync } from "node:fs";
import ts from "typescript";

/** The comment of one field, and the comments of the fields in its value. */
export interface FieldComment {
  readonly text: string;
  /** The comment's `@default`. */
  readonly default?: string;
  readonly fields: FieldComments;
}
export interface FieldComments extends ReadonlyMap<string, FieldComment> {
  /** For a union: the fields of each variant, in the order of the schema. Variants may have fields of the same name. */
  readonly variants?: readonly FieldComments[];
}

/** The declarations of some files, by name. Names are unique among them. */
export class Comments {
  readonly #constants = new Map<string, ts.Expression>();
  readonly #texts = new Map<string, string>();
  readonly #examples = new Map<string, string>();
  readonly #interfaces = new Map<string, ts.InterfaceDeclaration>();

  constructor(files: readonly string[]) {
    for (const file of files) {
      const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
      for (const statement of source.statements) this.#collect(statement);
    }
  }

  /** The comment of a declaration; "" if it has none. */
  of(name: string): string {
    return this.#texts.get(name) ?? "";
  }

  /** The code of a declaration's `@example`; "" if it has none. */
  example(name: string): string {
    return this.#examples.get(name) ?? "";
  }

  /** The fields of a schema, of an object of schemas, or of an interface. */
  fields(name: string): FieldComments {
    const found = this.#interfaces.get(name);
    if (found) {
      return new Map(
        found.members.filter(ts.isPropertySignature).map((member) => [nameOf(member), this.#field(member)]),
      );
    }
    const constant = this.#constants.get(name);
    if (!constant) throw new Error(`no declaration of ${name} was read`);
    return this.#fieldsIn(constant);
  }

  /** The type of each own member of an interface, as written. */
  types(name: string): ReadonlyMap<string, string> {
    const members = this.#interfaces.get(name)?.members.filter(ts.isPropertySignature) ?? [];
    return new Map(members.map((member) => [nameOf(member), member.type?.getText() ?? ""]));
  }

  #collect(statement: ts.Statement): void {
    if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (!ts.isIdentifier(name) || !initializer) continue;
        this.#constants.set(name.text, initializer);
        this.#texts.set(name.text, commentOf(statement).text);
      }
    }
    if (ts.isInterfaceDeclaration(statement)) this.#interfaces.set(statement.name.text, statement);
    if ((ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name)
      this.#texts.set(statement.name.text, commentOf(statement).text);
    if (
      ts.isTypeAliasDeclaration(statement) ||
      ((ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement)) && statement.name)
    )
      this.#examples.set(statement.name?.text ?? "", exampleOf(statement));
  }

  #field(node: ts.Node, value?: ts.Expression): FieldComment {
    const fields = value ? this.#fieldsIn(value) : new Map<string, FieldComment>();
    const own = commentOf(node);
    // A field without a comment has the comment of its named schema.
    const text = own.text || (value && ts.isIdentifier(value) ? this.of(value.text) : "");
    return { ...own, text, fields };
  }

  /** The fields of an expression that creates a schema: `z.array(XSchema).min(1)` has those of XSchema. */
  #fieldsIn(expression: ts.Expression): FieldComments {
    if (ts.isObjectLiteralExpression(expression)) return this.#literal(expression);
    if (ts.isAsExpression(expression)) return this.#fieldsIn(expression.expression);
    if (ts.isArrayLiteralExpression(expression)) {
      const variants = expression.elements.map((element) => this.#fieldsIn(element));
      return Object.assign(merged(variants), { variants });
    }
    if (ts.isIdentifier(expression)) {
      const constant = this.#constants.get(expression.text);
      return constant ? this.#fieldsIn(constant) : new Map();
    }
    if (ts.isPropertyAccessExpression(expression)) {
      return this.#fieldsIn(expression.expression).get(expression.name.text)?.fields ?? new Map();
    }
    // One of our own functions that create a schema from others.
    if (ts.isCallExpression(expression) && ts.isIdentifier(expression.expression))
      return this.#merged(expression.arguments);
    if (!ts.isCallExpression(expression) || !ts.isPropertyAccessExpression(expression.expression))
      return new Map();
    const { expression: base, name } = expression.expression;
    if (base.getText() === "z") return this.#merged(expression.arguments);
    const own = this.#fieldsIn(base);
    return name.text === "extend" ? new Map([...own, ...this.#merged(expression.arguments)]) : own;
  }

  #merged(parts: readonly ts.Expression[]): FieldComments {
    const found = parts.map((part) => this.#fieldsIn(part)).filter(({ size }) => size > 0);
    const [only, ...more] = found;
    return only && more.length === 0 ? only : merged(found);
  }

  #literal({ properties }: ts.ObjectLiteralExpression): FieldComments {
    return new Map(
      properties.flatMap((property): (readonly [string, FieldComment])[] => {
        if (ts.isSpreadAssignment(property)) return [...this.#fieldsIn(property.expression)];
        if (!ts.isPropertyAssignment(property)) return [];
        return [[nameOf(property), this.#field(property, property.initializer)]];
      }),
    );
  }
}

const merged = (parts: readonly FieldComments[]): Map<string, FieldComment> =>
  new Map(parts.flatMap((part) => [...part]));

function nameOf({ name }: ts.PropertyAssignment | ts.PropertySignature): string {
  return ts.isIdentifier(name) || ts.isStringLiteral(name) ? name.text : name.getText();
}

function commentOf(node: ts.Node): { text: string; default?: string } {
  const comments = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = comments.map(({ comment }) => plain(comment)).join(" ");
  const tag = ts.getJSDocTags(node).find(({ tagName }) => tagName.text === "default");
  return { text: text.trim(), ...(tag === undefined ? {} : { default: plain(tag.comment) }) };
}

/** The block of code under `@example`, without the comment's asterisks. */
function exampleOf(node: ts.Node): string {
  const lines = ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .flatMap((comment) => comment.getText().split("\n"))
    .map((line) => line.replace(/^\s*\* ?/, ""));
  return /@example\n```ts\n([\s\S]*?)\n```/.exec(lines.join("\n"))?.[1] ?? "";
}

const plain = (comment: ts.JSDoc["comment"]): string =>
  (ts.getTextOfJSDocComment(comment) ?? "").replace(/\s+/g, " ").trim();
