import { FleetError } from "../../core/errors.ts";
import { PIN_KEYS, type Pin, pinSettings, readPin } from "../../fleet/releases/pin.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import { type SettingsOf, writeSetting } from "../workspace/write-setting.ts";

/** The pin in the stack's settings; undefined if it has none. @throws FleetError PIN_INVALID */
export function currentPin({ workspace, stack }: Pick<SettingsOf, "workspace" | "stack">): Pin | undefined {
  const config = readStackConfig(workspace.projectDir, stack);
  return readPin((key) => config.get(key), {});
}

/**
 * Writes the pin into the stack's settings, or removes it, with `pulumi config set` and `pulumi config rm`.
 *
 * @throws FleetError PIN_NOT_SET
 */
export async function setPin(place: SettingsOf, pin: Pin | undefined): Promise<void> {
  const { workspace, stack } = place;
  const wanted = pin === undefined ? undefined : pinSettings(pin);
  const config = readStackConfig(workspace.projectDir, stack);
  for (const key of PIN_KEYS) {
    const value = wanted?.[key];
    if (value === config.get(key)) continue;
    const unwritten = await writeSetting(place, key, value);
    if (unwritten === undefined) continue;
    throw new FleetError({
      code: "PIN_NOT_SET",
      what: `Cannot change the pin of the stack ${stack}.`,
      got: unwritten.said,
      expected: `pulumi config ${value === undefined ? "rm" : "set"} ${key} to succeed`,
      remedy: `Run it by hand: npx ${unwritten.command}`,
    });
  }
}
