--- Draws a graph, as a list of steps in order of creation (builder.lua says what a step is).
local Builder = require "random.builder"
local bodies = require "random.bodies"
local effects = require "random.effects"
local values = require "random.values"

local list, small, elements = Builder.list, Builder.small, Builder.elements

local graph = { dice = Builder.dice, is_whole = Builder.is_whole }

--- One in four does not tell its rank to neap.
local function placeholder(b, name, dtype, dims, value)
  local words = {}
  for i, d in ipairs(dims) do
    words[i] = type(d) == "table" and "-1" or d
  end
  local shape = #dims > 0 and b.roll(4) == 0 and "nil" or list(words)
  return b:step {
    op = "placeholder", dtype = dtype, dims = dims, bound = 3, name = name, value = value,
    text = ("neap.placeholder(%q, %s, %q)"):format(dtype, shape, name),
  }
end


local kinds = setmetatable({}, { __index = function(_, name)
  return values[name] or effects[name] or bodies[name]
end })

--- How often each kind is drawn, and the feature without which it is not.
local WEIGHTS <const> = {
  { "unary", 6 }, { "binary", 14 }, { "choice", 3 }, { "reduction", 5 }, { "product", 4 },
  { "moved", 5 }, { "joined", 3 }, { "rows", 4 }, { "part", 2 }, { "sized", 14 },
  { "fragile", 1 }, { "group", 3 },
  { "host", 8, "hosts" }, { "assign", 9, "writes" }, { "read", 6, "writes" },
  { "descent", 2, "writes" }, { "momentum", 4, "writes" }, { "minimize", 3, "writes" },
  { "adam", 2, "writes" }, { "gradient", 3 }, { "branch", 4, "bodies" }, { "loop", 4, "bodies" },
}

--- Draws a graph. `features`: hosts, writes, computed (sizes that the run computes), open (results
-- of the host whose size the run tells), bodies (branches and loops).
function graph.draw(seed, features)
  local roll = Builder.dice(seed)
  local b = setmetatable({
    steps = {}, symbols = {}, variables = {}, roll = roll, features = features,
    dtype = roll(3) == 0 and "float64" or "float32", seed = seed,
  }, Builder)
  local rows = b:symbol(roll(3) == 0 and 0 or 1, 4)
  placeholder(b, "x", b.dtype, { rows, 3 }, small(b.dtype))
  placeholder(b, "y", b.dtype, { 3 }, small(b.dtype))
  placeholder(b, "z", b.dtype, {}, small(b.dtype))
  b.wide = placeholder(b, "w", b.dtype, { 3, 4 }, small(b.dtype))
  b.integers_fed = placeholder(b, "many", "int64", { 3, 6 }, small("int64"))
  b.size_fed = placeholder(b, "size", "int64", {}, elements("int64", 0, 3))
  b.flag = placeholder(b, "flag", "int64", {}, elements("int64", 0, 0))
  b.flag.hidden = true
  for i, dims in ipairs { {}, { 3 }, { 2, 3 } } do
    b.variables[i] = b:variable("v" .. i, dims, i)
  end
  if roll(3) == 0 then -- of a shape that only its first value tells
    b.variables[4] = b:variable("v4", { 2 }, 1, { initial = ("neap.ones(neap.reshape("
      .. "neap.argmax(neap.constant {1, 5, 2}) + 1, {1}), %q)"):format(b.dtype) })
  end
  b.count = b:variable("count", {}, 2, { dtype = "int64" })
  local weights, total = {}, 0
  for _, row in ipairs(WEIGHTS) do
    if not row[3] or features[row[3]] then
      total = total + row[2]
      weights[#weights + 1] = { row[1], total }
    end
  end
  local length = #b.steps + 8 + roll(72)
  while #b.steps < length do
    local at, k = roll(total), 1
    while weights[k][2] <= at do
      k = k + 1
    end
    kinds[weights[k][1]](b)
  end
  return b
end

return graph
