/** The Lua files of this folder as the programs that processes evaluate. */
import { readFileSync } from "node:fs";
import { luaString } from "../../bundler/index.ts";

const part = (name: string): string => readFileSync(new URL(`./${name}.lua`, import.meta.url), "utf8");
const module = (name: string): string => `local ${name} = (function()\n${part(name)}end)()\n`;

/** An Eval under a chunk name of its own: lines of a chunk named `aos` count as those of the programs that are tested. */
const evalOf = (text: string): string => `load(${luaString(text)}, "=fleet.test", "t", _G)()`;

/** Makes a process of an aos image the runner of a file of tests. @param isCovered whether it reports which lines ran */
export const runnerText = (isCovered: boolean): string =>
  evalOf(
    [
      isCovered ? module("coverage") : "local coverage\n",
      ...["assertions", "api"].map(module),
      part("runner"),
    ].join(""),
  );

/** Makes a process under test report which lines ran. */
export const WATCHED_PROCESS: string = evalOf(`${module("coverage")}${part("watched-process")}`);
