import { FleetError } from "../../core/errors.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import { type SettingsOf, writeSetting } from "../workspace/write-setting.ts";

/** The setting of a stack that names the one that its fleet was moved to. */
const KEY = "movedTo";

/** The stack that a stack's fleet was moved to; undefined if it serves itself. */
export const movedTo = (projectDir: string, stack: string): string | undefined =>
  readStackConfig(projectDir, stack).get(KEY) || undefined;

/**
 * Writes the stack's setting, or removes it.
 *
 * @throws FleetError MOVE_NOT_RECORDED
 */
export async function setMovedTo(place: SettingsOf, to: string | undefined): Promise<void> {
  const { workspace, stack } = place;
  if (movedTo(workspace.projectDir, stack) === to) return;
  const unwritten = await writeSetting(place, KEY, to);
  if (unwritten === undefined) return;
  throw new FleetError({
    code: "MOVE_NOT_RECORDED",
    what: `Cannot change the settings of the stack ${stack}.`,
    got: unwritten.said,
    expected: `pulumi config to write ${KEY}`,
    remedy: `Fix what pulumi says; the command is: npx ${unwritten.command}`,
  });
}
