--- A bounded store of receipts by id, so that a repeated request is recognised and has no second effect. Every account has its own.
local receipts = {}

--- @param size integer the number of receipts that the ring keeps
--- @return table an empty ring
function receipts.new(size)
  return { size = size, order = {}, byId = {} }
end

--- @param ring table
--- @param id string
--- @return table? the receipt with this id
function receipts.find(ring, id)
  return ring.byId[id]
end

--- Stores a receipt; removes the oldest when the ring is full.
--- @param ring table
--- @param id string? nothing is stored without one
--- @param receipt table
--- @return table a copy of the receipt with repeated = false
function receipts.keep(ring, id, receipt)
  if id then
    ring.order[#ring.order + 1] = id
    ring.byId[id] = receipt
    if #ring.order > ring.size then
      ring.byId[table.remove(ring.order, 1)] = nil
    end
  end
  return receipts.first(receipt)
end

--- @param receipt table
--- @return table a copy of the receipt with repeated = false
function receipts.first(receipt)
  local copy = receipts.repeated(receipt)
  copy.repeated = false
  return copy
end

--- Blocks an id: its request was undone before it arrived.
--- @param ring table
--- @param id string
function receipts.void(ring, id)
  receipts.keep(ring, id, { void = true })
end

--- @param receipt table
--- @return table a copy of the receipt with repeated = true
function receipts.repeated(receipt)
  local copy = {}
  for key, value in pairs(receipt) do
    copy[key] = value
  end
  copy.repeated = true
  return copy
end

return receipts
