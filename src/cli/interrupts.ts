import type { Interrupts } from "../operations/context.ts";

/** Interrupts by signals. On a terminal, Ctrl-C reaches every process of the command, pulumi too. */
export const interruptsBySignal =
  (isTerminal: boolean): Interrupts =>
  (onInterrupt, signals = ["SIGINT", "SIGTERM"]) => {
    const onSignal = (signal: NodeJS.Signals) => onInterrupt(isTerminal && signal === "SIGINT");
    for (const signal of signals) process.on(signal, onSignal);
    return () => {
      for (const signal of signals) process.removeListener(signal, onSignal);
    };
  };
