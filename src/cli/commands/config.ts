import type { Command } from "commander";
import { type Cli, groupOf } from "../command.ts";
import { diffCommand } from "./config/diff.ts";
import { explainCommand } from "./config/explain.ts";
import { exportCommand } from "./config/export.ts";
import { configHistoryCommand } from "./config/history.ts";
import { importCommand } from "./config/import.ts";
import { configRollbackCommand } from "./config/rollback.ts";
import { showCommand } from "./config/show.ts";

/** `fleet config`: commands for the settings of a fleet. */
export const configCommand = (cli: Cli): Command =>
  groupOf(
    cli,
    {
      name: "config",
      summary: "show, compare, roll back, export and import settings",
      description:
        "Settings are declared in index.ts and in the stack's config, and sent by `pulumi up`. These commands show the settings that the " +
        "processes hold, and restore earlier ones by hand.",
    },
    [
      showCommand,
      explainCommand,
      configHistoryCommand,
      diffCommand,
      configRollbackCommand,
      exportCommand,
      importCommand,
    ],
  );
