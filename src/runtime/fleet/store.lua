--- All data of the library between messages, in its table `Fleet`. The global of that name is the program's to change: the bundle gives the
-- library an environment of its own (library-env.lua), in which `Fleet` is always this table.
-- It survives an in-place load: a new bundle has new functions and finds this data unchanged.
Fleet = Fleet or {}

local store = Fleet.store or {}
Fleet.store = store

--- The version of this table; incremented if an earlier one must be converted.
store.schema = store.schema or 1
--- The declaration of `fleet.process`.
store.process = store.process or { name = "", processType = "", version = "", capabilities = {}, endpoints = {} }
--- INITIALIZING until the first commit, then ACTIVE, DRAINING or RETIRED.
store.status = store.status or "INITIALIZING"
--- Since when it is DRAINING or RETIRED; absent if an earlier library stopped it.
store.stoppedAt = store.stoppedAt
--- The highest epoch of a control message or a load.
store.epoch = store.epoch or 0
--- The marker of the latest commit: release, sourceHash, version, process, at. Absent before the first.
store.marker = store.marker
--- Tables declared with `fleet.state`, and their undo modes.
store.states = store.states or {}
store.undo = store.undo or {}
--- name → { text: the declared default as JSON, value: packed }; see `fleet.state-defaults`.
store.defaults = store.defaults or {}
--- Names of the partitioned states, and the sealed ranges of keys: { from, to, at: when it was sealed }; without `at` by an earlier library.
store.partitioned = store.partitioned or {}
store.partition = store.partition or { salt = "", ranges = {} }
--- The shape of the states, and the migrations of all bundles so far.
store.stateVersion = store.stateVersion
store.migrations = store.migrations or {}
--- configType → { configData, version, hash, epoch, at, by, requestedBy?, rule? }; the latest versions, oldest first; and the
-- highest version ever.
store.configs = store.configs or {}
store.configHistory = store.configHistory or {}
store.configHighest = store.configHighest or {}
--- Buckets of `RATE_LIMITS`: sender and action → { tokens, at }.
store.rates = store.rates or { buckets = {}, count = 0 }
--- name → process id
store.peers = store.peers or {}
store.peersHash = store.peersHash or ""
store.router = store.router
--- Sorted names of peers without the fleet's library, which do not answer the fleet's actions.
store.withoutLibrary = store.withoutLibrary or {}
--- name → ids of the latest processes that may also call as this peer (other revisions), newest last.
store.admitted = store.admitted or {}
--- Addresses that may deploy, in addition to the owner.
store.allowed = store.allowed or {}
store.stats = store.stats or {
  messages = 0, errors = 0, refused = 0, staleEpochs = 0, byAction = {}, startedAt = 0, lastMessageAt = 0,
  recent = { at = 0, size = 0, errors = {} },
}
--- See `fleet.audit`, `fleet.log`; `accepted`, `refused` and `entries` are those of libraries that kept everybody's together.
store.audit = store.audit or { seq = 0, accepted = {}, refused = {} }
store.logs = store.logs or { seq = 0, entries = {} }
--- Ids of all loads, and of the control messages of this epoch or later ones; the ids of other messages are in `fleet.seen`. `owner`, `others`
-- and `byId` are those of earlier libraries, which an earlier one continues after a rollback.
store.seen = store.seen or { owner = { ids = {}, next = 0 }, others = { ids = {}, next = 0 }, byId = {}, loads = {} }
store.seen.control = store.seen.control or { epoch = 0, ids = {} }
--- Of the latest tick: `lastAt`, the scheduler's time, and `scheduledAt`, the time for which a monitor sent it.
store.ticks = store.ticks or {}
--- Open calls to peers, and requests whose reply waits for one.
store.calls = store.calls or { seq = 0, open = {}, count = 0, deferred = {} }
--- Callers with a success: known → { since, last }, and a ring of those who may become known: sender → time of the first.
store.callers = store.callers or { known = {}, count = 0, fresh = {}, ring = {}, next = 0, sweptAt = 0 }
--- Names of the handlers for one message that the program registered at its load; absent with earlier libraries.
store.onceAtLoad = store.onceAtLoad
--- Handlers for one message: name → { at: since when it waits, begun: when the work began for which it does, key: of its messages, or false, id: of
-- the message that began it, author: its author, isLoop: see `fleet.waiting`, loop: the pattern of the loop that it is or belongs to }; their
-- number, and the latest time of a message. `onceKeys` is that of an earlier library.
store.waits = store.waits or { of = {}, count = 0, clock = 0 }
store.onceKeys = nil
--- `errorAt` and `ownErrorAt`: of the latest notice of a fault in a request from outside the fleet, and in any other.
store.announced = store.announced or { startup = "", errorAt = 0 }

return store
