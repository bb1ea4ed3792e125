--- Inputs of samples: descriptions which become numbers when the samples are gathered, by a seed
-- that comes from the operation, the case and the position. Every number is one that float32 holds,
-- so that one expected value serves all dtypes. Nothing here needs neap: the script that makes the
-- expected values reads the samples too.
local inputs = {}

local function described(shape, kind, element)
  return { shape = shape, kind = kind, element = element }
end

--- Numbers in [low, high), of the dtype under test.
function inputs.uniform(shape, low, high)
  low, high = low or -2, high or 2
  return described(shape, "number", function(random)
    return string.unpack("<f", string.pack("<f", low + (high - low) * (random / 2 ^ 24)))
  end)
end

--- Whole numbers from low to high, of the dtype under test: such cases run for integers too.
function inputs.whole(shape, low, high)
  local input = described(shape, "number", function(random)
    return low + random % (high - low + 1)
  end)
  input.whole = true
  return input
end

--- Given numbers of the dtype under test.
function inputs.values(shape, flat)
  local input = described(shape, "number")
  input.values = flat
  return input
end

--- Given whole numbers, for integers too.
function inputs.wholes(shape, flat)
  local input = inputs.values(shape, flat)
  input.whole = true
  return input
end

--- Indices from 0 to count - 1, as int32 and as int64.
function inputs.indices(shape, count)
  return described(shape, "index", function(random)
    return random % count
  end)
end

function inputs.index(shape, flat)
  local input = described(shape, "index")
  input.values = flat
  return input
end

function inputs.booleans(shape)
  return described(shape, "bool", function(random)
    return random % 2 == 1
  end)
end

--- Rows that sum to 1, as labels of a cross entropy.
function inputs.distribution(shape)
  local input = described(shape, "number", function(random)
    return 1 + random % 7
  end)
  input.normalised = true
  return input
end

local function bits(seed, index)
  local z = seed * 0xD1342543DE82EF95 + (index + 1) * 0x9E3779B97F4A7C15
  z = (z ~ z >> 30) * 0xBF58476D1CE4E5B9
  z = (z ~ z >> 27) * 0x94D049BB133111EB
  return (z ~ z >> 31) >> 40
end

local function hash(text)
  local h = 0xcbf29ce484222325
  for i = 1, #text do
    h = (h ~ text:byte(i)) * 0x100000001b3
  end
  return h
end

--- Fills in `values`, a flat sequence.
function inputs.make(input, label)
  if input.values then
    return
  end
  local seed, count = hash(label), 1
  for _, dimension in ipairs(input.shape) do
    count = count * dimension
  end
  input.values = {}
  for i = 1, count do
    input.values[i] = input.element(bits(seed, i - 1))
  end
  if input.normalised then
    local last = input.shape[#input.shape]
    for row = 0, count - 1, last do
      local sum = 0
      for i = row + 1, row + last do
        sum = sum + input.values[i]
      end
      for i = row + 1, row + last do
        input.values[i] = string.unpack("<f", string.pack("<f", input.values[i] / sum))
      end
    end
  end
end

return inputs
