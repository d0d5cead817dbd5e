---@meta
-- The globals of a file of tests, for editors (LuaLS). Nothing loads this file.

---@param title string
---@param fn fun()
function describe(title, fn) end

---@param title string
---@param fn fun()
function it(title, fn) end

---@param fn fun()
function before_each(fn) end

---@param fn fun()
function after_each(fn) end

---The assertions of a test, which also can be called as Lua's own. Values before what was got: `assert.equal(expected, got)`.
---@class fleet.test.assert
---@overload fun(condition: any, message?: any, ...): any, ...
assert = {}

---@param expected any
---@param got any
---@param message? string
function assert.equal(expected, got, message) end

---@param unexpected any
---@param got any
---@param message? string
function assert.not_equal(unexpected, got, message) end

---The same content, however deep.
---@param expected any
---@param got any
---@param message? string
function assert.same(expected, got, message) end

---@param unexpected any
---@param got any
---@param message? string
function assert.not_same(unexpected, got, message) end

---@param got any
---@param message? string
function assert.is_true(got, message) end

---@param got any
---@param message? string
function assert.is_false(got, message) end

---@param got any
---@param message? string
function assert.is_nil(got, message) end

---@param got any
---@param message? string
function assert.is_not_nil(got, message) end

---@param got any
---@param message? string
function assert.truthy(got, message) end

---@param got any
---@param message? string
function assert.falsy(got, message) end

---The text matches a pattern of Lua.
---@param pattern string
---@param got any
---@param message? string
function assert.matches(pattern, got, message) end

---@param pattern string
---@param got any
---@param message? string
function assert.not_matches(pattern, got, message) end

---The function raises an error, which contains the text.
---@param fn fun()
---@param expected? string
function assert.has_error(fn, expected) end

---@param fn fun()
function assert.has_no_error(fn) end
