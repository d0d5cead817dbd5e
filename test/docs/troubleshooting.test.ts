import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { documentedProgram } from "../../src/cli/docs.ts";

/** Every `npx fleet …` in the code blocks of a page, without comments and without what follows a pipe. */
const calls = (page: string): string[] =>
  [...readFileSync(page, "utf8").matchAll(/```(?:sh|yaml)\n([\s\S]*?)```/g)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .flatMap((line) =>
      [...line.matchAll(/npx fleet (.*?)(?= {2,}#| \| | && |$)/g)].map(([, call = ""]) => call),
    );

const program = await documentedProgram();
const knows = (command: Command, option: string) =>
  command.options.some(({ long, short }) => long === option || short === option);

test.each(["docs/how-to/troubleshoot.md", "docs/how-to/validate.md"])(
  "every command in %s exists, with its options",
  (page) => {
    const all = calls(page);
    expect(all.length).toBeGreaterThan(5);
    for (const call of all) {
      const words = call.replaceAll(/'[^']*'|"[^"]*"/g, "text").split(/\s+/);
      let command: Command | undefined = program.commands.find((each) => each.name() === words[0]);
      expect([call, command?.name()]).toEqual([call, words[0]]);
      command = command?.commands.find((each) => each.name() === words[1]) ?? command;
      for (const word of words.filter((each) => each.startsWith("-")))
        expect([call, word, command !== undefined && knows(command, word)]).toEqual([call, word, true]);
    }
  },
);

test("the page has a command for every one in the guide's troubleshooting section", () => {
  const page = readFileSync("docs/how-to/troubleshoot.md", "utf8");
  for (const needed of [
    ...["fleet validate --types health", "fleet deploy --timeout 900", "fleet validate --types integration"],
    ...["fleet discover", "ADMIN_HEALTH_CHECK", "fleet call battle Info", "fleet rollback --manual"],
    ...["jq '.processes' build/deployment-manifest.json", "fleet statistics", "fleet query", "SYSTEM_HEALTH"],
    ...["deployment phase completed", "health check failed", "integration test failed"],
    ...["--action STARTUP", "--action Error", "--performance-duration 300", "--performance-duration 180"],
  ])
    expect(page).toContain(needed);
});
