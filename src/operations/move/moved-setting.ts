/** The settings by which a stack names a move of its fleet: deployments to it are refused meanwhile, and to the old stack afterwards. */
import { FleetError } from "../../core/errors.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import { type SettingsOf, writeSetting } from "../workspace/write-setting.ts";

/** The stack that a fleet was moved to; while a move has not ended, the one that it moves to or from. */
type MoveSetting = "movedTo" | "movingTo" | "movingFrom";

const read = (projectDir: string, stack: string, key: MoveSetting): string | undefined =>
  readStackConfig(projectDir, stack).get(key) || undefined;

/** The stack that a stack's fleet was moved to; undefined if it serves itself. */
export const movedTo = (projectDir: string, stack: string): string | undefined =>
  read(projectDir, stack, "movedTo");

/**
 * Writes the stack's setting, or removes it.
 *
 * @throws FleetError MOVE_NOT_RECORDED
 */
export const setMovedTo = (place: SettingsOf, to: string | undefined): Promise<void> =>
  write(place, "movedTo", to);

/** A move that a stack's settings name. */
export interface OpenMove {
  readonly from: string;
  readonly to: string;
}

/** Every move away from a stack or to it that has not ended, by the stack's settings. */
export function openMoves(projectDir: string, stack: string): OpenMove[] {
  const [to, from] = [read(projectDir, stack, "movingTo"), read(projectDir, stack, "movingFrom")];
  return [
    ...(to === undefined ? [] : [{ from: stack, to }]),
    ...(from === undefined ? [] : [{ from, to: stack }]),
  ];
}

/**
 * Names the move in the settings of both stacks, or removes it there: from the old stack first, because without it no machine continues
 * the move.
 *
 * @throws FleetError MOVE_NOT_RECORDED
 */
export async function setMoving(
  [source, target]: readonly [SettingsOf, SettingsOf],
  isOpen: boolean,
): Promise<void> {
  await write(source, "movingTo", isOpen ? target.stack : undefined);
  await write(target, "movingFrom", isOpen ? source.stack : undefined);
}

async function write(place: SettingsOf, key: MoveSetting, value: string | undefined): Promise<void> {
  const { workspace, stack } = place;
  if (read(workspace.projectDir, stack, key) === value) return;
  const unwritten = await writeSetting(place, key, value);
  if (unwritten === undefined) return;
  throw new FleetError({
    code: "MOVE_NOT_RECORDED",
    what: `Cannot change the settings of the stack ${stack}.`,
    got: unwritten.said,
    expected: `pulumi config to write ${key}`,
    remedy: `Fix what pulumi says; the command is: npx ${unwritten.command}`,
  });
}
