--- Everything that a process keeps of the fleet between messages, under the one global `Fleet`.
-- It outlives an in-place load: a new bundle brings new functions and finds this as the old one left it.
Fleet = Fleet or {}

local store = Fleet.store or {}
Fleet.store = store

--- The shape of this table; raised when an earlier one must be converted.
store.schema = store.schema or 1
--- What `fleet.process` declared.
store.process = store.process or { name = "", processType = "", version = "", capabilities = {}, endpoints = {} }
--- INITIALIZING until the first commit, then ACTIVE, DRAINING or RETIRED.
store.status = store.status or "INITIALIZING"
--- The highest epoch that a control message or a load carried.
store.epoch = store.epoch or 0
--- The marker of the latest commit: release, sourceHash, version, process, at. Absent before the first.
store.marker = store.marker
--- Tables declared with `fleet.state`, and how each is undone.
store.states = store.states or {}
store.undo = store.undo or {}
--- Names of the states that are kept by the caller's key, and the ranges of such keys that take no requests here.
store.partitioned = store.partitioned or {}
store.partition = store.partition or { salt = "", ranges = {} }
--- Which shape the states have, and the migrations that every bundle so far brought.
store.stateVersion = store.stateVersion
store.migrations = store.migrations or {}
--- configType → { configData, version, hash, epoch, at, by, requestedBy?, rule? }; the latest of them, oldest first; and the
-- highest version that there ever was.
store.configs = store.configs or {}
store.configHistory = store.configHistory or {}
store.configHighest = store.configHighest or {}
--- Buckets of `RATE_LIMITS`: sender and action → { tokens, at }.
store.rates = store.rates or { buckets = {}, count = 0 }
--- name → process id
store.peers = store.peers or {}
store.peersHash = store.peersHash or ""
store.router = store.router
--- Names of peers without the fleet's library, sorted: what answers none of the fleet's actions.
store.withoutLibrary = store.withoutLibrary or {}
--- name → ids of the latest processes that are peers under it beside the one that is called, newest last: revisions that come and go.
store.admitted = store.admitted or {}
--- Addresses that may deploy beside the owner.
store.allowed = store.allowed or {}
store.stats = store.stats or {
  messages = 0, errors = 0, refused = 0, staleEpochs = 0, byAction = {}, startedAt = 0, lastMessageAt = 0,
  recent = { at = 0, size = 0, errors = {} },
}
--- Two rings, so that refused strangers cannot push out what deployers did.
store.audit = store.audit or { seq = 0, accepted = {}, refused = {} }
store.logs = store.logs or { seq = 0, entries = {} }
--- Answers of the latest requests that run at most once.
store.answered = store.answered or { order = {}, first = 1, next = 1, byKey = {} }
--- Calls to peers that wait for their reply, and requests whose reply waits for one.
store.calls = store.calls or { seq = 0, open = {}, count = 0, deferred = {} }
store.announced = store.announced or { startup = "", errorAt = 0 }

return store
