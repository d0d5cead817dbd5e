---@meta
-- The globals of a process of aos, for editors (LuaLS). Nothing loads this file.

---@alias ao.Address string An id or a wallet's address: 43 characters.

---A message as a handler gets it. Each tag is also a field: `msg.Action`.
---@class ao.Message
---@field Id string
---@field From ao.Address The process that sent it, or the wallet that signed it.
---@field Owner ao.Address The wallet that signed it.
---@field Target ao.Address
---@field Data any
---@field Tags table<string, string>
---@field Action? string
---@field Timestamp integer Milliseconds, by the scheduler.
---@field reply fun(message: ao.Outgoing): ao.Sent Answers the sender.
---@field forward fun(target: ao.Address, message?: ao.Outgoing) Sends the message on.
---@field [string] any

---A message to send. Any other field becomes a tag.
---@class ao.Outgoing
---@field Target? ao.Address
---@field Data? any A table is sent as JSON.
---@field Action? string
---@field Tags? table<string, string>
---@field [string] any

---A message that was sent.
---@class ao.Sent
---@field onReply fun(handle: fun(msg: ao.Message)) Handles the answer when it arrives.
---@field receive fun(): ao.Message Waits for the answer. The handler continues when it arrives.

---@alias ao.Pattern table<string, any> | string | fun(msg: ao.Message): boolean|string|integer

---@class ao
---@field id ao.Address The process' own id.
---@field env table The process and its module as they were spawned: `ao.env.Process.Tags`.
---@field authorities ao.Address[] Wallets that may send for other processes.
---@field reference integer Number of messages that were sent.
---@field outbox table What the current message sends.
ao = {}

---Sends a message when the current one has been handled.
---@param msg ao.Outgoing
---@return ao.Sent
function ao.send(msg) end

---Spawns a process.
---@param module ao.Address
---@param msg ao.Outgoing its tags and data
---@return ao.Sent
function ao.spawn(module, msg) end

---Assigns a message to processes.
---@param assignment { Processes: ao.Address[], Message: ao.Address }
function ao.assign(assignment) end

---Whether the sender of a message is its signer, or the signer is an authority of the process.
---@param msg ao.Message
---@return boolean
function ao.isTrusted(msg) end

---Makes fields of a message's tags.
---@param msg table
---@return ao.Message
function ao.normalize(msg) end

---A copy of a message without the tags that are not forwarded.
---@param msg ao.Message
---@return table
function ao.sanitize(msg) end

---Adds to the output of the current message.
---@param text string | table
function ao.log(text) end

---Whether a message was sent to another process, and assigned to this one.
---@param msg ao.Message
---@return boolean
function ao.isAssignment(msg) end

---Accepts assigned messages that match.
---@param name string
---@param pattern ao.Pattern
function ao.addAssignable(name, pattern) end

---@param name string
function ao.removeAssignable(name) end

---The functions that handle messages, in their order.
---@class Handlers
---@field list { name: string, pattern: ao.Pattern, handle: fun(msg: ao.Message) }[]
Handlers = {}

---Adds a handler at the end, or replaces the one with the name.
---@param name string
---@param pattern ao.Pattern
---@param handle fun(msg: ao.Message)
---@param maxRuns? integer | "inf"
function Handlers.add(name, pattern, handle, maxRuns) end

---@param name string
---@param pattern ao.Pattern
---@param handle fun(msg: ao.Message)
---@param maxRuns? integer | "inf"
function Handlers.append(name, pattern, handle, maxRuns) end

---Adds a handler before all others.
---@param name string
---@param pattern ao.Pattern
---@param handle fun(msg: ao.Message)
---@param maxRuns? integer | "inf"
function Handlers.prepend(name, pattern, handle, maxRuns) end

---Adds a handler for one message.
---@param name string
---@param pattern ao.Pattern
---@param handle fun(msg: ao.Message)
function Handlers.once(name, pattern, handle) end

---@param name string
function Handlers.remove(name) end

---Waits for a message that matches. The handler continues when it arrives.
---@param pattern ao.Pattern
---@return ao.Message
function Handlers.receive(pattern) end

---@class Handlers.utils
Handlers.utils = {}

---A pattern: the tag has this value.
---@param name string
---@param value string
---@return fun(msg: ao.Message): boolean
function Handlers.utils.hasMatchingTag(name, value) end

---A pattern: the tag has one of these values.
---@param name string
---@param values string[]
---@return fun(msg: ao.Message): boolean
function Handlers.utils.hasMatchingTagOf(name, values) end

---A pattern: the message has this Data.
---@param value string
---@return fun(msg: ao.Message): boolean
function Handlers.utils.hasMatchingData(value) end

---A handler that answers with a text or a message.
---@param input string | ao.Outgoing
---@return fun(msg: ao.Message)
function Handlers.utils.reply(input) end

---The same as `ao.send`.
---@param msg ao.Outgoing
---@return ao.Sent
function Send(msg) end

---The same as `Handlers.receive`.
---@param pattern ao.Pattern
---@return ao.Message
function Receive(pattern) end

---Spawns a process.
---@param module ao.Address
---@param msg ao.Outgoing
---@return ao.Sent
function Spawn(module, msg) end

---The same as `ao.assign`.
---@param assignment { Processes: ao.Address[], Message: ao.Address }
function Assign(assignment) end

---The wallet that may evaluate code in the process.
---@type ao.Address
Owner = ""

---The process' name.
---@type string
Name = ""

---Messages that no handler took.
---@type ao.Message[]
Inbox = {}

---Functions for lists and tables.
---@class Utils
Utils = {}

---@generic T, R
---@param fn fun(value: T): R
---@param list T[]
---@return R[]
function Utils.map(fn, list) end

---@generic T
---@param fn fun(value: T): boolean
---@param list T[]
---@return T[]
function Utils.filter(fn, list) end

---@generic T
---@param fn fun(value: T): boolean
---@param list T[]
---@return T?
function Utils.find(fn, list) end

---@generic T, R
---@param fn fun(sum: R, value: T): R
---@param start R
---@param list T[]
---@return R
function Utils.reduce(fn, start, list) end

---@param t table
---@return any[]
function Utils.keys(t) end

---@param t table
---@return any[]
function Utils.values(t) end

---@param value any
---@param list any[]
---@return boolean
function Utils.includes(value, list) end
