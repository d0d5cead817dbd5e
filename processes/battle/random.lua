--- Reproducible random numbers: PCG32 (O'Neill, 2014, variant XSH RR) on Lua's 64-bit integers.
-- The state is two 32-bit halves, since JSON carries integers only up to 2^53.
local random = {}

local MULTIPLIER = 6364136223846793005
local FNV_OFFSET = 0xcbf29ce484222325
local FNV_PRIME = 0x100000001b3
local LOW = 0xffffffff

--- FNV-1a over 64 bits (Fowler, Noll, Vo): turns a string into a seed.
--- @param text string
--- @return integer a 64-bit integer, possibly negative
function random.hash(text)
  local h = FNV_OFFSET
  for i = 1, #text do
    h = (h ~ text:byte(i)) * FNV_PRIME
  end
  return h
end

local function load64(g)
  return (g.hi << 32) | g.lo
end

local function store64(g, value)
  g.hi, g.lo = (value >> 32) & LOW, value & LOW
end

--- A generator at the beginning of its sequence.
--- @param seed integer 64 bits
--- @param stream integer? which of the 2^63 sequences; default 54, that of the reference program
--- @return table { hi, lo, stream }: plain data that can be stored in state
function random.new(seed, stream)
  local g = { hi = 0, lo = 0, stream = stream or 54 }
  random.next(g)
  store64(g, load64(g) + seed)
  random.next(g)
  return g
end

--- @param text string the seed, such as a battle's id and its scheduler timestamp
--- @return table a generator
function random.fromText(text)
  return random.new(random.hash(text))
end

--- Advances the generator.
--- @param g table
--- @return integer 32 random bits, 0 to 2^32 - 1
function random.next(g)
  local old = load64(g)
  store64(g, old * MULTIPLIER + ((g.stream << 1) | 1))
  local mixed = (((old >> 18) ~ old) >> 27) & LOW
  local turn = old >> 59
  return ((mixed >> turn) | (mixed << ((32 - turn) & 31))) & LOW
end

--- One of n equally likely numbers; rejects the few values that would favour small numbers.
--- @param g table
--- @param n integer 1 to 2^32
--- @return integer 0 to n - 1
function random.below(g, n)
  local threshold = (1 << 32) % n
  local value
  repeat
    value = random.next(g)
  until value >= threshold
  return value % n
end

--- @param g table
--- @param low integer
--- @param high integer
--- @return integer low to high, both included
function random.between(g, low, high)
  return low + random.below(g, high - low + 1)
end

return random
