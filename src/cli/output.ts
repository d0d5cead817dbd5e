import { styleText } from "node:util";
import { FleetError, formatProblem } from "../core/errors.ts";
import type { LogLevel } from "./log.ts";

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

type Style = Parameters<typeof styleText>[0];

/** The output of a command: results on stdout, progress on stderr, so that either can be piped. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly streams: Streams;
  private readonly log: NonNullable<OutputOptions["log"]>;

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

  /** Prints a line of the result; silent with `--json`. */
  line(text = ""): void {
    if (!this.json) this.streams.stdout.write(`${text}\n`);
  }

  /** Prints the result as one JSON document; silent without `--json`. */
  document(value: unknown): void {
    if (this.json) this.streams.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Prints progress on stderr; silent with `--quiet`. */
  note(text: string): void {
    this.log("info", text);
    if (!this.quiet) this.streams.stderr.write(`${text}\n`);
  }

  /** Prints a detail on stderr; only with `--verbose`. */
  detail(text: string): void {
    this.log("debug", text);
    if (this.verbose) this.streams.stderr.write(`${text}\n`);
  }

  /** Prints a warning or an error on stderr, whatever the options. */
  alert(text: string): void {
    this.log("warn", text);
    this.streams.stderr.write(`${text}\n`);
  }

  /** Adds colour if stdout is a terminal and the environment allows it (NO_COLOR, FORCE_COLOR, TERM). */
  style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.streams.stdout, validateStream: true });
  }

  /** Prints an error: a FleetError as its problems without a stack, anything else with its stack. With `--json`, also as JSON on stdout. */
  error(error: unknown): void {
    if (error instanceof FleetError) {
      this.log("error", error.problems[0].what, { code: error.code });
      for (const problem of error.problems) this.alert(formatProblem(problem));
      this.document({ success: false, error: { code: error.code, problems: error.problems } });
      return;
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.alert(`This is a bug in fleet, not in your fleet.\n${text}`);
    this.document({
      success: false,
      error: { code: "BUG", message: error instanceof Error ? error.message : text },
    });
  }
}
