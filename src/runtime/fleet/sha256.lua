--- sha256 (FIPS 180-4) on the 64-bit integers of Lua 5.3.
-- aos' own `.crypto` works on streams of tables; this module reads 64 bytes at a time and is several times faster,
-- which matters because a process pays for every step.
local K = {}
local H0 = {}
do
  -- The constants are the first 32 bits of the fractional parts of roots of the first primes.
  local function isPrime(n)
    for d = 2, n - 1 do
      if d * d > n then return true end
      if n % d == 0 then return false end
    end
    return true
  end
  local found, n = 0, 2
  while found < 64 do
    if isPrime(n) then
      found = found + 1
      -- The double's 53 bits leave 32 of the fraction exact: the whole part needs at most 5.
      local cube = n ^ (1 / 3)
      K[found] = math.floor((cube - math.floor(cube)) * 4294967296.0)
      if found <= 8 then
        local square = math.sqrt(n)
        H0[found] = math.floor((square - math.floor(square)) * 4294967296.0)
      end
    end
    n = n + 1
  end
end

local BLOCK = ">" .. ("I4"):rep(16)
local unpack = string.unpack

--- @tparam string data any bytes
-- @treturn string 64 lower-case hex digits
return function(data)
  local length = #data
  local padding = ("\0"):rep((55 - length) % 64)
  data = data .. "\128" .. padding .. string.pack(">I8", length * 8)
  local h1, h2, h3, h4, h5, h6, h7, h8 = table.unpack(H0)
  local w = {}
  local k = K
  for at = 1, #data, 64 do
    w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], w[12], w[13], w[14], w[15], w[16] =
      unpack(BLOCK, data, at)
    for i = 17, 64 do
      -- With a copy of the word in the upper half, a rotation is a single shift.
      local x, y = w[i - 15], w[i - 2]
      local xx, yy = x | x << 32, y | y << 32
      local s0 = xx >> 7 ~ xx >> 18 ~ x >> 3
      local s1 = yy >> 17 ~ yy >> 19 ~ y >> 10
      w[i] = w[i - 16] + s0 + w[i - 7] + s1 & 0xffffffff
    end
    local a, b, c, d, e, f, g, h = h1, h2, h3, h4, h5, h6, h7, h8
    for i = 1, 64 do
      local ee, aa = e | e << 32, a | a << 32
      local t1 = h + ((ee >> 6 ~ ee >> 11 ~ ee >> 25) & 0xffffffff) + (g ~ e & (f ~ g)) + k[i] + w[i]
      local t2 = ((aa >> 2 ~ aa >> 13 ~ aa >> 22) & 0xffffffff) + (a & b | c & (a | b))
      h, g, f, e, d, c, b, a = g, f, e, d + t1 & 0xffffffff, c, b, a, t1 + t2 & 0xffffffff
    end
    h1, h2, h3, h4 = h1 + a & 0xffffffff, h2 + b & 0xffffffff, h3 + c & 0xffffffff, h4 + d & 0xffffffff
    h5, h6, h7, h8 = h5 + e & 0xffffffff, h6 + f & 0xffffffff, h7 + g & 0xffffffff, h8 + h & 0xffffffff
  end
  return ("%08x"):rep(8):format(h1, h2, h3, h4, h5, h6, h7, h8)
end
