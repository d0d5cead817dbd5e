import { connect } from "../../ao/connect.ts";
import type { Journal } from "../../ao/journal/index.ts";
import type { NetworkRef } from "../../ao/network.ts";
import type { Wallet } from "../../ao/wallet.ts";
import { budgetOf } from "../../core/budget.ts";
import { Deployment } from "./deployment.ts";
import { locateNetwork } from "./locate-network.ts";
import { operatorOf } from "./operator.ts";
import { reportStep } from "./progress.ts";
import type { RunRequest } from "./run-request.ts";
import type { Scope } from "./scope.ts";
import type { Session } from "./session.ts";
import { WaitBoard } from "./wait-board.ts";

/** Options of `openSession`. The caller closes the journal. */
interface OpenSession {
  readonly scope: Scope;
  readonly network: NetworkRef;
  readonly wallet: Wallet;
  readonly journal: Journal;
  readonly request: RunRequest;
  /** Receives progress while the embedded network is started, and the notices of a command. @default none */
  readonly note?: (line: string) => void;
  /** Whether waits for units and notices are reported as steps of the run. @default false */
  readonly reportsSteps?: boolean;
  /** @default independent budgets */
  readonly budget?: Session["budget"];
  /** @default does nothing */
  readonly supersede?: Session["supersede"];
  /** @default false */
  readonly withoutBackup?: boolean;
}

/** Opens a session on a network for a stack, for providers and commands alike. */
export async function openSession(options: OpenSession): Promise<Session> {
  const { scope, wallet, journal, request, withoutBackup = false } = options;
  const { network, modules } = await locateNetwork(options.network, options.note);
  const { reportsSteps = false, note = () => {} } = options;
  const board = new WaitBoard((line) => void reportStep(session, "units", "delayed", line));
  const log = reportsSteps ? (line: string) => void reportStep(session, "run", "notice", line) : note;
  const ao = connect(network, {
    ...{ wallet, journal, log },
    provesRuin: (request.replace ?? []).length > 0,
    ...(reportsSteps ? { onWait: (wait) => board.observe(wait) } : {}),
  });
  const session: Session = {
    ...{ scope, ao, journal, network, modules, request, withoutBackup, note: log },
    deployment: new Deployment(request, () => session),
    operator: () => operatorOf(scope.home, request.operator),
    budget: options.budget ?? budgetOf,
    supersede: options.supersede ?? (async () => {}),
  };
  if (journal.dropped !== undefined)
    log(`journal ${journal.path}: ${journal.dropped}; what is missing is looked up on the network`);
  return session;
}
