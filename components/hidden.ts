import { inspect } from "node:util";

const SHOWN = "(secret)";

/** A secret's text, which no error, log or file can show: whoever needs it says so with `reveal`. */
export class Hidden {
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
