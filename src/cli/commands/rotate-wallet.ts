import { relative, resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { isAddress } from "../../core/address.ts";
import { amount } from "../../core/amount.ts";
import { WALLET_KEYS } from "../../fleet/session/wallet.ts";
import { newOwner, planRotation, type RotationPlan, rotate } from "../../operations/operators/rotate.ts";
import { freeStack } from "../../operations/recover/free-stack.ts";
import { readStackConfig } from "../../operations/workspace/stack-config.ts";
import { writeSetting } from "../../operations/workspace/write-setting.ts";
import { assertCanConfirm } from "../can-confirm.ts";
import { type Cli, type Context, defineCommand, seconds } from "../command.ts";
import { declined, lockedOut } from "../ends.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { table } from "../table.ts";

const Options = z.looseObject({
  to: z.string(),
  unfinished: z.boolean().default(false),
  yes: z.boolean().default(false),
  timeout: z.number(),
});
type RotateOptions = z.output<typeof Options>;

export function rotateWalletCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "rotate-wallet",
    summary: "hand every process of the fleet over to another wallet",
    description:
      "Makes another wallet the owner of every process of the stack, kept revisions included, the ledger last, and reads each back. A run " +
      "that was stopped is continued by the same command. Afterwards the old wallet has no rights in any of them. With the new wallet's " +
      "file, the stack's setting walletPath is changed at the end.",
    examples: [
      ["npx fleet rotate-wallet --to wallets/new.json", "to the wallet in a file"],
      ["npx fleet rotate-wallet --to <address>", "to a wallet elsewhere, which has sent a message before"],
    ],
    define(command) {
      command
        .requiredOption("--to <wallet>", "file or address of the new owner's wallet")
        .option("--unfinished", "also while the ledger has a deployment that has not ended")
        .option("-y, --yes", "skip the confirmation")
        .option("--timeout <seconds>", "time limit for each message", seconds, 120);
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: RotateOptions): Promise<ExitCode> {
  const { host, out, projectDir } = context;
  const { timeout } = options;
  assertCanConfirm(context, options.yes);
  if (!(await freeStack(context, out))) return lockedOut(out);
  const fleet = await context.fleet({ journal: "keep", asksRouter: "signed" });
  const given = isAddress(options.to) ? options.to : resolve(projectDir, options.to);
  const to = await newOwner(fleet, given, timeout);
  const plan = await planRotation(fleet, to, { seconds: timeout, evenUnfinished: options.unfinished });
  out.note(planLines(plan));
  const question = `Make ${to} the owner of ${amount(plan.left.length, "process", "processes")}? The present wallet cannot undo it.`;
  if (plan.left.length > 0 && !options.yes && !(await host.confirm(question)))
    return declined(out, fleet.stack);
  await rotate(fleet, plan, timeout, ({ name, processId }) => out.line(`${name}: ${processId} handed over`));
  const setting = await settle(context, fleet.stack, given);
  out.document({ success: true, stack: fleet.stack, ...plan, setting: setting ?? null });
  const others = plan.unnamed.length + plan.ruined.length;
  const left = others === 0 ? "" : `, except ${amount(others, "process", "processes")} in the list above`;
  out.line(`The fleet of ${fleet.stack} belongs to ${to}${left}.`);
  return EXIT.ok;
}

function planLines({ from, to, left, done, unnamed, ruined }: RotationPlan): string[] {
  const row =
    (state: string) =>
    ({ name, processId }: RotationPlan["left"][number]) => [name, processId, state];
  const rows = [
    ...left.map(row("to be handed over")),
    ...done.map(row("handed over before")),
    ...unnamed.map(row("ignores this wallet, does not name its owner")),
    ...ruined.map(row("ruined: cannot be handed over, and evaluates nothing")),
  ];
  return [`from ${from}`, `to   ${to}`, ...table(["process", "id", "state"], rows)];
}

/** Sets the new wallet's file, if the stack's wallet is one. @returns the value; undefined if a person has to set it */
async function settle(context: Context, stack: string, given: string): Promise<string | undefined> {
  const { host, out, projectDir } = context;
  const config = readStackConfig(projectDir, stack);
  const isFile = !WALLET_KEYS.some(
    (key) => key !== "walletPath" && (config.get(key) !== undefined || config.isSecret(key)),
  );
  if (isAddress(given) || !isFile) {
    out.note(
      "Configure the new wallet before the next deployment: walletPath, walletFrom or signer in the stack's settings.",
    );
    return undefined;
  }
  const value = relative(projectDir, given);
  if (config.get("walletPath") === value) return value;
  const workspace = await context.workspace();
  const failed = await writeSetting({ host, workspace, stack }, "walletPath", value);
  if (failed === undefined) return value;
  out.alert(`Set the new wallet by hand: npx ${failed.command} (pulumi says: ${failed.said})`);
  return undefined;
}
