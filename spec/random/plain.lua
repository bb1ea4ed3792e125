--- The operations that random graphs are drawn from, in plain Lua: what each means, element by
-- element, for small tensors. Nothing here knows of neap.
--
-- A tensor is { dtype=, shape=, [1], [2], … }, its elements in row-major order; integers are Lua
-- integers, a bool's elements are booleans. What a graph computes is small whole numbers, so that
-- sums are exact in any order; where they might not be, `plain.unsure` is raised instead of a
-- guess.
local plain = {}

--- Raised where neap may rightly give another value than these functions do.
plain.unsure = setmetatable({}, { __tostring = function() return "unsure" end })
--- Raised where the run must fail.
plain.failed = setmetatable({}, { __tostring = function() return "failed" end })

local WHOLE <const> = { int32 = true, int64 = true }
--- Above this a sum of whole numbers may have been rounded on the way.
local EXACT <const> = { float32 = 1 << 24, float64 = 1 << 53, int32 = 1 << 31, int64 = 1 << 62 }

--- ## Shapes

function plain.size(shape)
  local count = 1
  for _, dimension in ipairs(shape) do
    count = count * dimension
  end
  return count
end

function plain.same(a, b)
  if #a ~= #b then
    return false
  end
  for i, dimension in ipairs(a) do
    if dimension ~= b[i] then
      return false
    end
  end
  return true
end

--- An element as the dtype holds it.
local function held(dtype, value)
  if type(value) == "boolean" then
    value = value and 1 or 0
  end
  if dtype == "bool" then
    return value ~= 0
  elseif WHOLE[dtype] then
    return math.tointeger(value) or error(plain.unsure)
  elseif dtype == "float32" and (value % 1 ~= 0 or math.abs(value) > EXACT.float32) then
    return (string.unpack("<f", string.pack("<f", value)))
  end
  return value + 0.0
end

--- A tensor whose element at index i, from 1, is f(i).
function plain.make(dtype, shape, f)
  local t = { dtype = dtype, shape = shape }
  for i = 1, plain.size(shape) do
    t[i] = held(dtype, f(i))
  end
  return t
end

function plain.full(dtype, shape, value)
  return plain.make(dtype, shape, function()
    return value
  end)
end

local function strides(shape)
  local result, stride = {}, 1
  for d = #shape, 1, -1 do
    result[d], stride = stride, stride * shape[d]
  end
  return result
end

--- The coordinates, from 0, of the element at index i, from 1.
local function position(shape, i)
  local at, rest = {}, i - 1
  for d = #shape, 1, -1 do
    at[d], rest = rest % shape[d], rest // shape[d]
  end
  return at
end

--- The element of t at coordinates of a shape that t broadcasts to.
local function element(t, at)
  local skip, index, step = #at - #t.shape, 0, strides(t.shape)
  for d, dimension in ipairs(t.shape) do
    index = index + (dimension == 1 and 0 or at[d + skip]) * step[d]
  end
  return t[index + 1]
end

local function broadcast(...)
  local shape = {}
  for _, t in ipairs { ... } do
    local longer, other = shape, t.shape
    if #other > #longer then
      longer, other = other, longer
    end
    local both = { table.unpack(longer) }
    for i = 0, #other - 1 do
      local a, b = longer[#longer - i], other[#other - i]
      if a ~= b and a ~= 1 and b ~= 1 then
        error(plain.failed)
      end
      both[#both - i] = a == 1 and b or a
    end
    shape = both
  end
  return shape
end

--- An operation that works element by element on what broadcasts.
local function elementwise(f, dtype)
  return function(_, ...)
    local inputs, shape = { ... }, broadcast(...)
    return plain.make(dtype or inputs[#inputs].dtype, shape, function(i)
      local at, values = position(shape, i), {}
      for k, t in ipairs(inputs) do
        values[k] = element(t, at)
      end
      return f(table.unpack(values))
    end)
  end
end

local function mod(a, b)
  if b == 0 then
    error(plain.unsure)
  end
  return a % b
end

--- ## The operations: eval[op](parameters, inputs…)

local eval = {
  add = elementwise(function(a, b) return a + b end),
  subtract = elementwise(function(a, b) return a - b end),
  multiply = elementwise(function(a, b) return a * b end),
  maximum = elementwise(math.max),
  minimum = elementwise(math.min),
  mod = elementwise(mod),
  negative = elementwise(function(a) return -a end),
  abs = elementwise(math.abs),
  relu = elementwise(function(a) return math.max(a, 0) end),
  square = elementwise(function(a) return a * a end),
  greater = elementwise(function(a, b) return a > b end, "bool"),
  equal = elementwise(function(a, b) return a == b end, "bool"),
  where = elementwise(function(c, a, b) return c and a or b end), -- no elements are false here
}
plain.eval = eval

function eval.identity(_, x)
  return x
end

function eval.cast(p, x)
  return plain.make(p.dtype, x.shape, function(i)
    return x[i]
  end)
end

function eval.zeros_like(_, x)
  return plain.full(x.dtype, x.shape, 0)
end

function eval.ones_like(_, x)
  return plain.full(x.dtype, x.shape, 1)
end

--- The integers of a shape that is a tensor.
local function dims(t)
  local shape = {}
  for i = 1, #t do
    shape[i] = t[i]
    if t[i] < 0 then
      error(plain.failed)
    end
  end
  return shape
end

function eval.zeros(p, shape)
  return plain.full(p.dtype, dims(shape), 0)
end

function eval.ones(p, shape)
  return plain.full(p.dtype, dims(shape), 1)
end

function eval.fill(p, shape)
  return plain.full(p.dtype, dims(shape), p.value)
end

function eval.broadcast_to(_, x, shape)
  local to = dims(shape)
  local both = broadcast(x, { shape = to })
  if not plain.same(both, to) then
    error(plain.failed)
  end
  return plain.make(x.dtype, to, function(i)
    return element(x, position(to, i))
  end)
end

function eval.reshape(_, x, shape)
  local to, open, rest = {}, nil, 1
  for i = 1, #shape do
    to[i] = shape[i]
    if to[i] == -1 then
      open = i
    else
      rest = rest * to[i]
    end
  end
  if open then
    if rest == 0 or #x % rest ~= 0 then
      error(plain.failed)
    end
    to[open] = #x // rest
  end
  if plain.size(to) ~= #x then
    error(plain.failed)
  end
  return plain.make(x.dtype, to, function(i)
    return x[i]
  end)
end

function eval.expand_dims(p, x)
  local to = { table.unpack(x.shape) }
  table.insert(to, p.axis + 1, 1)
  return plain.make(x.dtype, to, function(i)
    return x[i]
  end)
end

function eval.shape(_, x)
  return plain.make("int64", { #x.shape }, function(i)
    return x.shape[i]
  end)
end

function eval.transpose(_, x)
  local to = {}
  for d, dimension in ipairs(x.shape) do
    to[#x.shape + 1 - d] = dimension
  end
  return plain.make(x.dtype, to, function(i)
    local at, from = position(to, i), {}
    for d = 1, #to do
      from[d] = at[#to + 1 - d]
    end
    return element(x, from)
  end)
end

function eval.concat(p, ...)
  local axis, to, inputs = p.axis + 1, nil, { ... }
  for _, x in ipairs(inputs) do
    if to then
      to[axis] = to[axis] + x.shape[axis]
    else
      to = { table.unpack(x.shape) }
    end
  end
  return plain.make(inputs[1].dtype, to, function(i)
    local at = position(to, i)
    for _, x in ipairs(inputs) do
      if at[axis] < x.shape[axis] then
        return x[plain.index(x.shape, at)]
      end
      at[axis] = at[axis] - x.shape[axis]
    end
  end)
end

function eval.slice(_, x, begin, size)
  local to = {}
  for d, dimension in ipairs(x.shape) do
    to[d] = size[d] == -1 and dimension - begin[d] or size[d]
    if begin[d] < 0 or to[d] < 0 or begin[d] + to[d] > dimension then
      error(plain.failed)
    end
  end
  return plain.make(x.dtype, to, function(i)
    local at = position(to, i)
    for d = 1, #to do
      at[d] = at[d] + begin[d]
    end
    return x[plain.index(x.shape, at)]
  end)
end

--- The index, from 1, of the element at coordinates.
function plain.index(shape, at)
  local index, step = 1, strides(shape)
  for d = 1, #shape do
    index = index + at[d] * step[d]
  end
  return index
end

function eval.gather(_, x, indices)
  local to = { table.unpack(indices.shape) }
  for d = 2, #x.shape do
    to[#to + 1] = x.shape[d]
  end
  local row = plain.size(x.shape) // math.max(x.shape[1], 1)
  for i = 1, #indices do
    if indices[i] < 0 or indices[i] >= x.shape[1] then
      error(plain.failed)
    end
  end
  return plain.make(x.dtype, to, function(i)
    return x[indices[(i - 1) // row + 1] * row + (i - 1) % row + 1]
  end)
end

function eval.one_hot(p, indices, depth)
  local to = { table.unpack(indices.shape) }
  to[#to + 1] = depth[1]
  return plain.make(p.dtype, to, function(i)
    return indices[(i - 1) // depth[1] + 1] == (i - 1) % depth[1] and 1 or 0
  end)
end

--- Sums and the like over one axis (from 0), or all: `fold` of the elements, in order.
local function reduce(fold)
  return function(p, x)
    local axis, to, groups = p.axis and p.axis + 1, {}, {}
    for d, dimension in ipairs(x.shape) do
      if axis and d ~= axis then
        to[#to + 1] = dimension
      elseif p.keepdims then
        to[#to + 1] = 1
      end
    end
    for i = 1, plain.size(to) do
      groups[i] = {}
    end
    for i = 1, #x do
      local at, out = position(x.shape, i), {}
      for d, coordinate in ipairs(at) do
        if axis and d ~= axis then
          out[#out + 1] = coordinate
        elseif p.keepdims then
          out[#out + 1] = 0
        end
      end
      local group = groups[plain.index(to, out)]
      group[#group + 1] = x[i]
    end
    return plain.make(p.dtype or x.dtype, to, function(i)
      return fold(groups[i], x.dtype)
    end)
  end
end

--- The exact sum, or an error where an order of summation might show.
local function sum(values, dtype)
  local total, most = WHOLE[dtype] and 0 or 0.0, 0
  for _, value in ipairs(values) do
    if value % 1 ~= 0 then
      error(plain.unsure)
    end
    total, most = total + value, most + math.abs(value)
  end
  if most >= EXACT[dtype] then
    error(plain.unsure)
  end
  return total
end

local function greatest(values)
  if #values == 0 then
    error(plain.unsure)
  end
  return math.max(table.unpack(values))
end

eval.reduce_sum = reduce(sum)
eval.reduce_max = reduce(greatest)
local index_of_greatest = reduce(function(values)
  if #values == 0 then
    error(plain.failed)
  end
  local best = 1
  for i, value in ipairs(values) do
    best = value > values[best] and i or best
  end
  return best - 1
end)
function eval.argmax(p, x)
  return index_of_greatest({ axis = p.axis, dtype = "int64" }, x)
end

function eval.matmul(_, a, b)
  local rows, inner, columns = a.shape[1], a.shape[2], b.shape[2]
  if inner ~= b.shape[1] then
    error(plain.failed)
  end
  return plain.make(a.dtype, { rows, columns }, function(i)
    local products, row, column = {}, (i - 1) // columns, (i - 1) % columns
    for k = 0, inner - 1 do
      products[k + 1] = a[row * inner + k + 1] * b[k * columns + column + 1]
    end
    return sum(products, a.dtype)
  end)
end

--- ## Tangents: tangent[op](parameters, inputs, tangents, result), where `tangents` has an entry
-- for each input that moves, says how the result moves with them. An operation that is linear in
-- such inputs is its own; the rest are here, as the documentation of each says what its gradient
-- is where it has a corner.

local function parts(f)
  return function(_, inputs, tangents, result)
    local values = {}
    return plain.make(result.dtype, result.shape, function(i)
      local at = position(result.shape, i)
      for k = 1, #inputs do
        values[2 * k - 1] = element(inputs[k], at)
        values[2 * k] = tangents[k] and element(tangents[k], at) or 0
      end
      return f(table.unpack(values))
    end)
  end
end

local function sign(a)
  return a > 0 and 1 or a < 0 and -1 or 0
end

plain.tangent = {
  multiply = parts(function(a, da, b, db) return da * b + a * db end),
  maximum = parts(function(a, da, b, db) return a >= b and da or db end),
  minimum = parts(function(a, da, b, db) return a <= b and da or db end),
  mod = parts(function(a, da, b, db) return da - (a // b) * db end),
  abs = parts(function(a, da) return sign(a) * da end),
  relu = parts(function(a, da) return a > 0 and da or 0 end),
  square = parts(function(a, da) return 2 * a * da end),
}

function plain.tangent.matmul(p, inputs, tangents, result)
  local left = tangents[1] and eval.matmul(p, tangents[1], inputs[2])
  local right = tangents[2] and eval.matmul(p, inputs[1], tangents[2])
  return plain.make(result.dtype, result.shape, function(i)
    return (left and left[i] or 0) + (right and right[i] or 0)
  end)
end

for _, op in ipairs { "add", "subtract", "negative", "concat" } do
  plain.tangent[op] = function(p, inputs, tangents)
    local moved = {}
    for k, x in ipairs(inputs) do
      moved[k] = tangents[k] or plain.full(x.dtype, x.shape, 0)
    end
    return eval[op](p, table.unpack(moved))
  end
end

--- Linear in the inputs of these places; the others say where, not how much.
local LINEAR <const> = {
  identity = { 1 }, cast = { 1 }, broadcast_to = { 1 }, reshape = { 1 }, expand_dims = { 1 },
  transpose = { 1 }, slice = { 1 }, gather = { 1 }, reduce_sum = { 1 },
  where = { 2, 3 },
}
for op, places in pairs(LINEAR) do
  plain.tangent[op] = function(p, inputs, tangents)
    local moved = { table.unpack(inputs) }
    for _, k in ipairs(places) do
      moved[k] = tangents[k] or plain.full(inputs[k].dtype, inputs[k].shape, 0)
    end
    return eval[op](p, table.unpack(moved))
  end
end

return plain
