-- In a process under test: each result also has the lines of the program that ran. A message has the field `Fleet-Lines` if they count; an
-- Eval of a test has the same chunk name as the program.
local process = require(".process")
local handle = process.handle

function process.handle(msg, env)
  local counts = msg["Fleet-Lines"] == true
  msg["Fleet-Lines"] = nil
  coverage.begin(counts)
  local result = handle(msg, env)
  result.Output = { output = result.Output, lines = coverage.taken() }
  return result
end
