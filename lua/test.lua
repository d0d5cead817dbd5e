---@meta fleet.test
-- What a test of `npx fleet test` can call, for editors (LuaLS). Nothing loads this file.

---What a message caused.
---@class fleet.test.Result
---@field id string The message's id.
---@field reply? fleet.test.Message The message to the sender with the request's `Correlation-Id`, else the first one to the sender.
---@field messages fleet.test.Message[]
---@field spawns fleet.test.Message[]
---@field output string What an Eval returned or printed.
---@field error? string A Lua error at its place in the sources: `processes/counter/process.lua:12: …`.

---A message that a process sent. Each tag is also a field.
---@class fleet.test.Message
---@field Target string
---@field Data? any
---@field Tags table<string, string>
---@field data? table The JSON of Data.
---@field [string] any

---A message to a process. Any other field becomes a tag.
---@class fleet.test.Request
---@field Action? string
---@field From? string Default: the address of `user`.
---@field Owner? string The signer. Default: `From`.
---@field Data? any A table is sent as JSON.
---@field Tags? table<string, string> | { name: string, value: string }[]
---@field Timestamp? integer Sets the clock. Default: one second after the message before.
---@field Id? string
---@field Cron? boolean
---@field [string] any

---@class fleet.test.Options
---@field owner? string Address of the wallet that owns the process. Default: the address of `owner`.
---@field id? string
---@field tags? table<string, string> Spawn tags.
---@field peers? table<string, string | fleet.test.Process> Name → process or id: wired as by a deployment.
---@field config? table<string, table> Config type → settings, in addition to the declared ones.
---@field device? "genesis-wasm@1.0" | "lua@5.3a"
---@field module? string An image of aos. Default: the declared one.
---@field lib? boolean Only for a file: whether the fleet's library is loaded before the program. Default: true.
---@field bundle? table Only for a file: options of the bundle, as in a declaration.
---@field name? string

---A process under test.
---@class fleet.test.Process
---@field id string
---@field owner string
local Process = {}

---Sends a message.
---@param message fleet.test.Request
---@return fleet.test.Result
function Process:send(message) end

---Evaluates a message as a dry run: nothing that it changes is kept.
---@param message fleet.test.Request
---@return fleet.test.Result
function Process:dryrun(message) end

---Evaluates Lua in the process as its owner.
---@param code string
---@return fleet.test.Result
function Process:eval(code) end

---The value of a Lua expression in the process, which stays as it is.
---@param expression string
---@return any
function Process:read(expression) end

---A table of `fleet.state`.
---@param name string
---@return table
function Process:state(name) end

---Loads a program into the process, as an update in place does.
---@param program string
---@return fleet.test.Result
function Process:load(program) end

---@class fleet.test
local test = {}

---Boots a process and loads a program as a deployment does.
---@param program string the name of a declared member, or the path of a Lua file
---@param options? fleet.test.Options
---@return fleet.test.Process
function test.boot(program, options) end

---Delivers the messages of a result to the processes of this test, and what these send, until nothing is left.
---@param result fleet.test.Result
---@return fleet.test.Result[] one for each delivered message
function test.deliver(result) end

---The scheduler's time in milliseconds.
---@return integer
function test.now() end

---@param at integer milliseconds
function test.set_time(at) end

---@param milliseconds integer
function test.advance(milliseconds) end

---An address of 43 characters, always the same for a name.
---@param name string
---@return string
function test.address(name) end

return test
