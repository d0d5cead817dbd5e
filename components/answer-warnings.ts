import { capacityOf } from "../src/ao/network.ts";
import type { Problem } from "../src/core/errors.ts";
import type { FleetDeclaration } from "./declaration.ts";

/** Code of the warning about answers that anybody can forge. */
export const ANSWERS_UNPROVEN = "ANSWERS_UNPROVEN";

/** A member as planned. */
interface Called {
  readonly name: string;
  readonly declared: { readonly lib?: false | undefined; readonly peers: readonly string[] };
}

/**
 * Warns of members without the library that others call. Their answers are not proven on any network: a HyperBEAM node names no chains of messages, so
 * anybody can have such a member send a message that its caller takes for the answer; a messenger names them, but whoever causes a request has its
 * chain. `silence` of the member accepts the warning. Pure.
 */
export function answerFindings(
  { network, processes }: FleetDeclaration,
  planned: readonly Called[],
): Problem[] {
  const { chains } = capacityOf(network);
  const who = chains
    ? "Whoever causes a request of another member to"
    : "Anybody who sees a request of another member to";
  const how = chains
    ? "the messenger names only the first message of the chain, which is the same for every process that gets a message because of it"
    : "a HyperBEAM node does not either";
  return planned.flatMap(({ name, declared }): Problem[] => {
    const callers = planned.filter((each) => each.declared.peers.includes(name)).map((each) => each.name);
    const isAccepted = processes[name]?.silence[ANSWERS_UNPROVEN] !== undefined;
    if (declared.lib !== false || callers.length === 0 || isAccepted) return [];
    return [
      {
        code: ANSWERS_UNPROVEN,
        what: `${who} ${name} can forge the answer: without the library, ${name} does not say for which request it sends a message, and ${how}.`,
        at: `processes.${name}.lib`,
        got: `lib: false, called by ${callers.sort().join(", ")}`,
        expected: "a member with the library, or one that no other member calls",
        remedy: `Remove lib: false from ${name}, or remove it from the peers. If nothing depends on its answers, accept the warning: silence: { ${ANSWERS_UNPROVEN}: "<reason>" }.`,
      },
    ];
  });
}
