import { join } from "node:path";
import { connect } from "../../../src/ao/connect.ts";
import { type Journal, openJournal } from "../../../src/ao/journal/index.ts";
import type { ResolvedNetwork } from "../../../src/ao/network.ts";
import type { Ao, Evaluation } from "../../../src/ao/port.ts";
import type { Wallet } from "../../../src/ao/wallet.ts";
import { budgetOf } from "../../../src/core/budget.ts";
import { temporaryFolder } from "../../kit/folder.ts";
import { makeWallet } from "../wallets.ts";

/** A network behind the port. */
export interface Subject {
  readonly network: ResolvedNetwork;
  /** An aos module that it has. */
  readonly module: string;
  /** Whether its units drive crons. */
  readonly drivesCrons: boolean;
  /** Whether it serves published state over HTTP. */
  readonly servesState: boolean;
  /** Whether it has every one of its processes itself, so that it can tell that one does not exist. */
  readonly isWhole: boolean;
  close(): Promise<void>;
}

/** A connection with a journal of its own. */
export interface Line {
  readonly ao: Ao;
  readonly wallet: Wallet;
  /** Ends it as the end of a run does: what was signed is on the disk only. */
  close(): Promise<void>;
}

export const budget = () => budgetOf(30);

/** What a case of the contract may use. */
export class Bench {
  readonly subject: Subject;
  readonly #folder = temporaryFolder("ao-port");
  readonly #wallets = [makeWallet(), makeWallet()] as const;
  readonly #open = new Set<Journal>();
  #shared: Promise<string> | undefined;
  #main: Promise<Line> | undefined;
  #count = 0;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  /** The owner's connection of all cases. */
  get main(): Promise<Line> {
    this.#main ??= this.connect("main");
    return this.#main;
  }

  /** Connects; the same name after a `close` reads the same journal, as a later run does. */
  async connect(name: string, as: "owner" | "stranger" = "owner"): Promise<Line> {
    const wallet = await this.#wallets[as === "owner" ? 0 : 1];
    const journal = await openJournal(join(this.#folder, `${name}.${as}.jsonl`));
    this.#open.add(journal);
    const ao = connect(this.subject.network, { wallet, journal });
    const close = async () => {
      if (this.#open.delete(journal)) await journal.close();
    };
    return { ao, wallet, close };
  }

  /** A key that names one effect. */
  intent(): string {
    this.#count += 1;
    return `p/s/port/1/${this.#count}`;
  }

  spawnInput(tags: Readonly<Record<string, string>> = {}, intent = this.intent()) {
    return { intent, module: this.subject.module, tags: { Name: "port", ...tags } };
  }

  /** A new process of the owner that has booted. */
  async spawn(tags: Readonly<Record<string, string>> = {}): Promise<string> {
    const { ao } = await this.main;
    const { id } = await ao.spawn(this.spawnInput(tags), budget());
    await ao.awaitReady(id, budget());
    return id;
  }

  /** A process for cases that leave nothing but globals with names of their own. */
  shared(): Promise<string> {
    this.#shared ??= this.spawn();
    return this.#shared;
  }

  /** Evaluates Lua on a process, and waits for its result. */
  async run(processId: string, code: string, line?: Line): Promise<Evaluation> {
    const { ao } = line ?? (await this.main);
    const sent = await ao.send(
      { intent: this.intent(), processId, tags: { Action: "Eval" }, data: code },
      budget(),
    );
    return ao.evaluation({ processId, messageId: sent.id, expectOutput: true }, budget());
  }

  /** The output of an Eval, as soon as it is not nil: what another process sent may still be under way. */
  async delivered(processId: string, code: string): Promise<string> {
    for (let attempt = 0; ; attempt += 1) {
      const { output } = await this.run(processId, code);
      if ((output !== "" && output !== "nil") || attempt === 50) return output;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((journal) => journal.close()));
    await this.subject.close();
  }
}
