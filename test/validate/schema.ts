import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

/** The differences of a value from a published JSON Schema; empty if it fits. */
export function fitsSchema(value: unknown, name = "validation-report"): string[] {
  const schema: object = JSON.parse(readFileSync(`docs/reference/schemas/${name}.schema.json`, "utf8"));
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, validateFormats: false });
  const check = ajv.compile(schema);
  return check(value)
    ? []
    : (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
