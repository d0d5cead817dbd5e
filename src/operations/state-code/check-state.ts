import { lastWords } from "../workspace/unreadable.ts";
import type { PulumiRunner, Workspace } from "../workspace/workspace.ts";
import { codeInState, type StateCodeProblem } from "./state-code.ts";

/** A finding about the code in a stack's state, in the shape of doctor's other findings. */
interface StateFinding {
  readonly name: "state code";
  readonly ok: boolean;
  readonly code?: StateCodeProblem["code"] | "STATE_UNREADABLE";
  readonly detail: string;
  readonly remedy?: string;
}

/**
 * Checks the code in a stack's state before anything of it runs: one finding for each resource with code that is not this package's, or
 * one for all if there is none.
 *
 * @param stack the stack; its state is exported, which runs none of its code
 * @param trusted hashes of other texts that are accepted
 */
export async function checkState(
  host: PulumiRunner,
  workspace: Workspace,
  stack: string,
  trusted: readonly string[],
): Promise<readonly [StateFinding, ...StateFinding[]]> {
  const name = "state code";
  const answer = await host.pulumi(workspace, ["stack", "export", "--stack", stack]);
  const found = answer.code === 0 ? codeInState(parsed(answer.stdout), trusted) : undefined;
  if (found === undefined) {
    const detail = `the state of ${stack} cannot be read: ${lastWords(answer)}`;
    const remedy = "Check the stack's name and the backend: npx pulumi stack ls.";
    return [{ name, ok: false, code: "STATE_UNREADABLE", detail, remedy }];
  }
  const [first, ...others] = found.problems.map(
    ({ code, urn, detail, sha256 }): StateFinding => ({
      ...{ name, ok: false, code, detail: `${urn}: ${detail}` },
      remedy:
        "Do not refresh, deploy or destroy this stack: it would run on this machine. Find out who wrote the state" +
        (sha256 === undefined
          ? "."
          : `; if it is your program's own provider, accept it: fleet doctor --stack ${stack} --trust ${sha256}`),
    }),
  );
  const all = `${found.checked} resources of ${stack}, all with code of ao-fleet${trusted.length > 0 ? " or accepted" : ""}`;
  return first === undefined ? [{ name, ok: true, detail: all }] : [first, ...others];
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
