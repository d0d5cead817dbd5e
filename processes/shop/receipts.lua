--- A bounded memory of what was done under an id, so that a repetition is recognised and not done again.
local receipts = {}

--- @param size integer how many receipts the ring remembers
--- @return table an empty ring
function receipts.new(size)
  return { size = size, order = {}, byId = {} }
end

--- @param ring table
--- @param id string
--- @return table? the receipt kept under the id
function receipts.find(ring, id)
  return ring.byId[id]
end

--- Keeps a receipt, forgets the oldest when the ring is full.
--- @param ring table
--- @param id string? without one nothing is kept
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
  local copy = receipts.repeated(receipt)
  copy.repeated = false
  return copy
end

--- Keeps an id from ever being used: what it stood for was taken back before it arrived.
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
