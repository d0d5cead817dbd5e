--- Reads and writes the tags of a message as a list, in which a name can occur more than once. Which of them counts depends on who wrote it: aos puts
-- its own before those of the program, and a messenger appends its own to all others.
local tags = {}

local function textOf(tag)
  return type(tag.value) == "string" and tag.value or nil
end

local function search(list, name, from, to, step)
  for i = from, to, step do
    local tag = list[i]
    if type(tag) == "table" and tag.name == name then return textOf(tag) end
  end
  return nil
end

--- The value of the first tag of a name, or nil. nil too if that value is no string.
function tags.first(list, name)
  if type(list) ~= "table" then return nil end
  return search(list, name, 1, #list, 1)
end

--- The value of the last tag of a name, or nil.
function tags.last(list, name)
  if type(list) ~= "table" then return nil end
  return search(list, name, #list, 1, -1)
end

--- The value of the very last tag, if it has the name; else nil.
function tags.final(list, name)
  local tag = type(list) == "table" and list[#list]
  return type(tag) == "table" and tag.name == name and textOf(tag) or nil
end

--- Sets a tag as the last one, and removes every other of the name in any spelling.
function tags.set(list, name, value)
  for i = #list, 1, -1 do
    local tag = list[i]
    if type(tag) == "table" and tostring(tag.name):lower() == name:lower() then table.remove(list, i) end
  end
  list[#list + 1] = { name = name, value = value }
end

return tags
