import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { DOCUMENTED, documentSchema } from "../../docs/schemas.ts";

const ajv = new Ajv2020({ allErrors: true, validateFormats: false });
const compiled = new Map<string, ValidateFunction>();

/** The command of a command line: `config show`, `status`; undefined if it is none with a schema. */
export const commandOf = ([first = "", second = ""]: readonly string[]): string | undefined =>
  DOCUMENTED.find((command) => command === `${first} ${second}` || command === first);

/**
 * Compares what a command printed with `--json` with the command's published schema, and allows no field that the schema does not name.
 *
 * @throws Error what differs
 */
export function checkDocument(words: readonly string[], printed: string): void {
  const command = commandOf(words);
  if (command === undefined) throw new Error(`no schema for: fleet ${words.join(" ")}`);
  const validate = compiled.get(command) ?? ajv.compile(documentSchema(command, false));
  compiled.set(command, validate);
  // A watched bundle prints a line for each bundle.
  const lines = printed.trim().split("\n");
  for (const document of lines.length > 1 && lines.every(isWhole) ? lines : [printed]) {
    if (validate(JSON.parse(document))) continue;
    const differences = validate.errors?.map(
      ({ instancePath, message, params }) => `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
    );
    throw new Error(
      `fleet ${words.join(" ")} printed what its schema does not allow:\n${differences?.join("\n")}\n${document}`,
    );
  }
}

const isWhole = (line: string): boolean => line.startsWith("{") && line.endsWith("}");
