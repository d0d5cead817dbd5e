import { expect, test } from "vitest";
import { statementLines } from "../../src/bundler/index.ts";

const SOURCE = `local a
local b = {
  1,
}
local function f()
  return 1
end
call("x", function()
  inner()
end)
if a then
  one()
elseif b then
  two()
end
do
  ::here::
  three() four()
end
`;

test("each statement has its own lines, without those of the functions and blocks in it", () => {
  expect(statementLines(SOURCE)).toEqual([
    { line: 2, runs: [2, 3, 4] },
    { line: 5, runs: [5, 7] },
    { line: 8, runs: [8, 10] },
    { line: 11, runs: [11, 13, 15] },
    { line: 6, runs: [6] },
    { line: 9, runs: [9] },
    { line: 12, runs: [12] },
    { line: 14, runs: [14] },
    { line: 18, runs: [18] },
    { line: 18, runs: [18] },
  ]);
  expect(statementLines("local = 1")).toEqual([]);
});
