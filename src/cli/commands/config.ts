import { Command } from "commander";
import type { Cli } from "../command.ts";
import { diffCommand } from "./config/diff.ts";
import { explainCommand } from "./config/explain.ts";
import { exportCommand } from "./config/export.ts";
import { configHistoryCommand } from "./config/history.ts";
import { importCommand } from "./config/import.ts";
import { configRollbackCommand } from "./config/rollback.ts";
import { showCommand } from "./config/show.ts";

/** `fleet config`: the settings of a fleet, as declared and as its processes hold them. */
export function configCommand(cli: Cli): Command {
  const group = new Command("config")
    .summary("look at settings, where they come from and who set them; go back, export, import")
    .description(
      "The settings of the fleet's processes: declared in index.ts and the stack's config, sent by `pulumi up`. These commands show them, " +
        "and bring earlier ones back by hand.",
    );
  for (const make of [
    showCommand,
    explainCommand,
    configHistoryCommand,
    diffCommand,
    configRollbackCommand,
    exportCommand,
    importCommand,
  ]) {
    group.addCommand(make(cli));
  }
  return group;
}
