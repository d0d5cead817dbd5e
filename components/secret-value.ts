import { inspect } from "node:util";

const SHOWN = "(secret)";

/** A secret that errors, logs and files never show. Code that needs the value calls `reveal`. */
export class SecretValue {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toJSON(): string {
    return SHOWN;
  }

  toString(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
