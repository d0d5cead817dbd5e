--- Whether a byte continues a character in UTF-8.
local function continues(text, at)
  local byte = text:byte(at)
  return byte ~= nil and byte >= 0x80 and byte < 0xC0
end

--- The start of a string, in whole characters. The first bytes of a character alone are not UTF-8: they arrive as U+FFFD, and a node loses the message.
-- @tparam string text any bytes
-- @tparam number most its maximum length in bytes
return function(text, most)
  local last = most
  -- A character has at most three such bytes; more of them are not UTF-8 anyway.
  for _ = 1, 3 do
    if not continues(text, last + 1) then return text:sub(1, last) end
    last = last - 1
  end
  return text:sub(1, continues(text, last + 1) and most or last)
end
