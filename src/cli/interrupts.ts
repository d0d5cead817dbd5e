import type { Interrupts } from "../operations/context.ts";

/** Interrupts by SIGINT or SIGTERM. On a terminal, Ctrl-C reaches every process of the command, pulumi too. */
export const interruptsBySignal =
  (isTerminal: boolean): Interrupts =>
  (onInterrupt) => {
    const onSignal = (signal: NodeJS.Signals) => onInterrupt(isTerminal && signal === "SIGINT");
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
    return () => void process.removeListener("SIGINT", onSignal).removeListener("SIGTERM", onSignal);
  };
