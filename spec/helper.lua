--- What the specs share. busted loads this file once, before every spec (`.busted`), so that after
-- each test there is a full collection: whatever is freed too early or twice shows itself near its
-- cause.
local busted = require "busted"
local luassert = require "luassert"
local neap = require "neap"

busted.subscribe({ "test", "end" }, function()
  collectgarbage()
  return nil, true
end)

local helper = {}

--- Built for a sanitizer, whose own memory makes limits on the process's memory meaningless.
helper.sanitized = os.getenv "NEAP_SANITIZER" ~= nil

--- 24 bits that depend on a seed and a position alone (SplitMix64): the same in Lua and in NumPy.
local function bits(seed, index)
  local z = seed * 0xD1342543DE82EF95 + (index + 1) * 0x9E3779B97F4A7C15
  z = (z ~ z >> 30) * 0xBF58476D1CE4E5B9
  z = (z ~ z >> 27) * 0x94D049BB133111EB
  return (z ~ z >> 31) >> 40
end
helper.bits = bits

function helper.to_float32(number)
  return (string.unpack("<f", string.pack("<f", number)))
end

local function elements(shape)
  local count = 1
  for _, dimension in ipairs(shape) do
    count = count * dimension
  end
  return count
end

--- A tensor of numbers in [low, high) which float32 holds exactly, whatever the dtype.
function helper.uniform(seed, shape, low, high, dtype)
  local flat = {}
  for i = 1, elements(shape) do
    flat[i] = helper.to_float32(low + (high - low) * (bits(seed, i - 1) / 2 ^ 24))
  end
  return neap.tensor(flat, dtype or "float32", shape)
end

--- A tensor of integers from 0 to count - 1.
function helper.integers(seed, shape, count, dtype)
  local flat = {}
  for i = 1, elements(shape) do
    flat[i] = bits(seed, i - 1) % count
  end
  return neap.tensor(flat, dtype or "int64", shape)
end

--- The elements of a value as a flat sequence, and its shape. Those of uint64 are their 64 bits.
function helper.flat(value)
  if type(value) ~= "userdata" then
    return { value }, {}
  elseif value.dtype == "uint64" then
    local flat, bytes = {}, value:tobytes()
    for i = 1, value.size do
      flat[i] = string.unpack("<i8", bytes, 8 * i - 7)
    end
    return flat, value.shape
  end
  return value:reshape({ value.size }):totable(), value.shape
end

--- The bytes of a value, for saying that two are the same bits.
function helper.bytes(value)
  if math.type(value) == "integer" then
    return string.pack("<i8", value)
  elseif math.type(value) == "float" then
    return string.pack("<d", value)
  elseif type(value) == "boolean" then
    return tostring(value)
  end
  return value:tobytes()
end

--- The bytes of every value of a session's variables, in order of creation.
function helper.state(session, graph)
  local parts = {}
  for i, variable in ipairs(graph.variables) do
    parts[i] = variable.name .. "=" .. helper.bytes(session:get(variable))
  end
  return table.concat(parts, "\n")
end

--- Says where two flat sequences differ by more than tolerance * max(1, |expected|), if anywhere.
-- Not-a-number agrees with itself, an infinity with itself alone.
function helper.difference(expected, actual, tolerance)
  if #expected ~= #actual then
    return ("%d elements, not %d"):format(#actual, #expected)
  end
  for i, want in ipairs(expected) do
    local got = actual[i]
    local agrees
    if type(want) == "boolean" or type(got) == "boolean" then
      agrees = want == got
    elseif want ~= want then
      agrees = got ~= got
    elseif want == got then
      agrees = true
    else
      agrees = math.abs(want - got) <= tolerance * math.max(1, math.abs(want))
    end
    if not agrees then
      return ("element %d is %s, not %s"):format(i - 1, tostring(got), tostring(want))
    end
  end
end

--- Asserts that a value is near a number, sequence or tensor.
function helper.near(expected, actual, tolerance)
  local want, want_shape = helper.flat(expected)
  if type(expected) == "table" then
    want, want_shape = helper.flat(neap.tensor(expected, "float64"))
  end
  local got, got_shape = helper.flat(actual)
  luassert.same(want_shape, got_shape)
  local difference = helper.difference(want, got, tolerance or 1e-6)
  if difference then
    error(difference, 2)
  end
end

--- The error of a call that must fail, without the position that begins it.
function helper.failure(call, ...)
  local ok, message = pcall(call, ...)
  if ok then
    error("no error", 2)
  end
  if type(message) ~= "string" then
    error("the error is not a string: " .. tostring(message), 2)
  end
  local position, text = message:match "^([%w_./]+%.lua:%d+): (.*)$"
  if not position then
    error("the error has no position: " .. message, 2)
  end
  return text, position
end

--- Asserts that a call fails with this text, after the position of the caller.
function helper.fails(text, call, ...)
  luassert.equal(text, (helper.failure(call, ...)))
end

--- The instruction sets that this machine can force, the lowest first.
function helper.instruction_sets()
  local sets, best = {}, neap.config().isa
  for _, name in ipairs { "generic", "avx2", "avx512" } do
    sets[#sets + 1] = name
    if name == best then
      return sets
    end
  end
end

--- Runs a function in a new graph that is the default meanwhile, and returns what it returns.
function helper.graph(build)
  local graph = neap.graph()
  return graph, graph:as_default(build)
end

--- Resident bytes of this process: now ("VmRSS") or at most so far ("VmHWM").
function helper.resident(field)
  local file <close> = assert(io.open "/proc/self/status")
  return tonumber(file:read("a"):match(field .. ":%s*(%d+) kB")) * 1024
end

--- Runs a script in an interpreter of its own, which loads the same build; what it prints. The
-- script gets a number of rounds as its argument, fewer where a sanitizer makes them slow.
function helper.child(script)
  local first = 0
  while arg[first - 1] do
    first = first - 1
  end
  local name = os.tmpname()
  local file <close> = assert(io.open(name, "w"))
  file:write(("package.cpath = %q\n"):format(package.cpath), script)
  file:flush()
  local rounds = helper.sanitized and 500 or 50000
  local pipe = assert(io.popen(("%s %s %d 2>&1"):format(arg[first], name, rounds)))
  local output = pipe:read "a"
  local fine = pipe:close()
  os.remove(name)
  if not fine then
    error(output, 2)
  end
  return output
end

return helper
