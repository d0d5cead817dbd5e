/** The Lua files of this folder as the programs that processes evaluate. */
import { readFileSync } from "node:fs";

const part = (name: string): string => readFileSync(new URL(`./${name}.lua`, import.meta.url), "utf8");
const module = (name: string): string => `local ${name} = (function()\n${part(name)}end)()\n`;

/** Makes a process of an aos image the runner of a file of tests. @param isCovered whether it reports which lines ran */
export const runnerText = (isCovered: boolean): string =>
  [
    isCovered ? module("coverage") : "local coverage\n",
    ...["assertions", "api"].map(module),
    part("runner"),
  ].join("");

/** Makes a process under test report which lines ran. */
export const WATCHED_PROCESS: string = `${module("coverage")}${part("watched-process")}`;
