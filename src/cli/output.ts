import { FleetError, type Problem, problemLines } from "../core/errors.ts";
import { continued, printableJson } from "../core/printable.ts";
import { redact, redactText } from "../core/redact.ts";
import type { LogLevel } from "./log.ts";
import { type Style, shownLine, styled } from "./styled.ts";
import { wrapped } from "./wrapped.ts";

/** The output streams of a command. Tests provide their own. */
export interface Streams {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

/** A stream that may be a terminal. */
type Terminal = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

interface OutputOptions {
  /** Prints one JSON document on stdout, and nothing else. @default false */
  readonly json?: boolean;
  /** Prints no progress on stderr. @default false */
  readonly quiet?: boolean;
  /** Prints details on stderr. @default false */
  readonly verbose?: boolean;
  /** Receives everything for stderr, whatever the options. @default none */
  readonly log?: (level: LogLevel, text: string, more?: object) => void;
}

/** One line, or several. A line feed within a line is shown as `\\n`: whatever the text is, it begins no line. */
type Lines = string | readonly string[];

/**
 * The output of a command: results on stdout, progress on stderr, so that either can be piped. Nothing else writes to a terminal. Text may
 * come from the network, so every character of a line is only shown (`src/core/printable.ts`); colours are added by `style`. JSON keeps
 * every character, as an escape.
 */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly streams: Streams;
  private readonly log: NonNullable<OutputOptions["log"]>;
  private hasDocument = false;

  constructor(streams: Streams, options: OutputOptions = {}) {
    this.streams = streams;
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
    this.verbose = options.verbose ?? false;
    this.log = options.log ?? (() => {});
  }

  /** Whether lines can be redrawn. */
  get live(): boolean {
    return this.streams.stderr.isTTY === true && !this.json && !this.quiet && !process.env.CI;
  }

  /** Prints the result; silent with `--json`. */
  line(text: Lines = ""): void {
    if (!this.json) this.write("stdout", text);
  }

  /**
   * Prints lines that quote what processes or strangers wrote; silent with `--json`. On a terminal, a line that is longer than a row is continued
   * with an indent.
   */
  quote(text: Lines): void {
    const { isTTY, columns } = this.streams.stdout;
    const lines = typeof text === "string" ? [text] : text;
    const rows = lines.flatMap((line) => wrapped(shownLine(line), isTTY === true ? columns : undefined));
    if (!this.json) this.streams.stdout.write(rows.map((row) => `${row}\n`).join(""));
  }

  /** Prints the result as one JSON document; silent without `--json`. */
  document(value: unknown): void {
    if (!this.json) return;
    this.hasDocument = true;
    this.streams.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
  }

  /**
   * Prints text for another program, as it is; silent with `--json`. Only for text of this machine: a shell's variables, code of the project.
   */
  verbatim(text: string): void {
    if (!this.json) this.streams.stdout.write(text);
  }

  /** Prints progress on stderr; silent with `--quiet`. */
  note(text: Lines): void {
    this.tell("info", text, !this.quiet);
  }

  /** Prints a detail on stderr; only with `--verbose`. */
  detail(text: Lines): void {
    this.tell("debug", text, this.verbose);
  }

  /** Prints a warning or an error on stderr, whatever the options. */
  alert(text: Lines): void {
    this.tell("warn", text, true);
  }

  /** Prints a problem with a sentence before it: `problem(out.alert, error.problems[0], "no rollback: ")`. */
  problem(as: "note" | "alert", problem: Problem, before = ""): void {
    const [first = "", ...more] = problemLines(problem);
    this[as]([`${before}${first}`, ...more]);
  }

  /** Draws lines on stderr over the last `over` lines: for progress on a terminal. */
  redraw(over: number, lines: readonly string[]): void {
    if (over > 0) this.streams.stderr.write(`\x1b[${over}A\x1b[0J`);
    if (lines.length > 0) this.write("stderr", lines);
  }

  /** Clears the terminal, if stdout is one. */
  clear(): void {
    if (this.streams.stdout.isTTY) this.streams.stdout.write("\x1b[H\x1b[2J");
  }

  /** Adds colour if stdout is a terminal and the environment allows it (NO_COLOR, FORCE_COLOR, TERM). */
  style(style: Style, text: string): string {
    return styled(style, text, this.streams.stdout);
  }

  /**
   * Prints an error: a FleetError as its problems without a stack, anything else with its stack. With `--json`, also as JSON on stdout,
   * unless the result is already there. Secrets in it are redacted.
   */
  error(error: unknown): void {
    if (error instanceof FleetError) {
      this.log("error", error.problems[0].what, { code: error.code });
      for (const problem of error.problems) this.problem("alert", problem);
      this.errorDocument({ code: error.code, problems: redact(error.problems) });
      return;
    }
    const text = redactText(error instanceof Error ? (error.stack ?? error.message) : String(error));
    this.alert(["This is a bug in fleet, not in your fleet.", ...continued(text)]);
    const message = error instanceof Error ? redactText(error.message) : text;
    this.errorDocument({ code: "BUG", message });
  }

  private errorDocument(error: object): void {
    if (!this.hasDocument) this.document({ success: false, error });
  }

  /** Logs lines, and prints them on stderr if `isShown`. */
  private tell(level: LogLevel, text: Lines, isShown: boolean): void {
    const lines = typeof text === "string" ? [text] : text;
    if (lines.length > 0) this.log(level, lines.join("\n"));
    if (isShown) this.write("stderr", lines);
  }

  private write(stream: keyof Streams, text: Lines): void {
    const lines = typeof text === "string" ? [text] : text;
    this.streams[stream].write(lines.map((line) => `${shownLine(line)}\n`).join(""));
  }
}
