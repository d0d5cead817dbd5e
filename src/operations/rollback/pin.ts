import { FleetError } from "../../core/errors.ts";
import { PIN_KEYS, type Pin, pinSettings, readPin } from "../../fleet/releases/pin.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import type { PulumiRunner, Workspace } from "../workspace/workspace.ts";

/** The stack whose settings hold the pin. */
interface PinPlace {
  readonly host: PulumiRunner;
  readonly workspace: Workspace;
  readonly stack: string;
}

/** The pin in the stack's settings; undefined if it has none. @throws FleetError PIN_INVALID */
export function currentPin({ workspace, stack }: Pick<PinPlace, "workspace" | "stack">): Pin | undefined {
  const config = readStackConfig(workspace.projectDir, stack);
  return readPin((key) => config.get(key), {});
}

/**
 * Writes the pin into the stack's settings, or removes it, with `pulumi config set` and `pulumi config rm`.
 *
 * @throws FleetError PIN_NOT_SET
 */
export async function setPin(place: PinPlace, pin: Pin | undefined): Promise<void> {
  const { host, workspace, stack } = place;
  const wanted = pin === undefined ? undefined : pinSettings(pin);
  const config = readStackConfig(workspace.projectDir, stack);
  for (const key of PIN_KEYS) {
    const value = wanted?.[key];
    if (value === config.get(key)) continue;
    const args = value === undefined ? ["config", "rm", key] : ["config", "set", key, value, "--plaintext"];
    const answer = await host.pulumi(workspace, [...args, "--stack", stack]);
    if (answer.code === 0) continue;
    throw new FleetError({
      code: "PIN_NOT_SET",
      what: `Cannot change the pin of the stack ${stack}.`,
      got: answer.output.slice(-300),
      expected: `pulumi config ${value === undefined ? "rm" : "set"} ${key} to succeed`,
      remedy: `Run it by hand: npx pulumi config ${value === undefined ? `rm ${key}` : `set ${key} ${value}`} --stack ${stack}`,
    });
  }
}
