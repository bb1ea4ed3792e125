--- The kinds of steps that compute values: kinds.NAME(builder) adds one, or nothing where the draw
-- does not fit.
local Builder = require "random.builder"

local high, low, broadcast = Builder.high, Builder.low, Builder.broadcast
local whole, integers = Builder.whole, Builder.integers

local kinds = {}

function kinds.unary(b)
  local x = b:data()
  local op = ({ "negative", "abs", "relu", "identity", "square", "zeros_like", "ones_like" })
    [b.roll(7) + 1]
  x = op == "square" and b:tamed(x) or x
  return b:value(op, x.dims, op == "square" and x.bound ^ 2 or math.max(x.bound, 1),
    ("neap.%s($1)"):format(op), { x })
end

function kinds.binary(b)
  local x = b:data()
  local y = b:data(function(s)
    return broadcast(x.dims, s.dims)
  end)
  if not y then
    return nil
  end
  local op = ({ "add", "subtract", "maximum", "minimum", "multiply" })[b.roll(5) + 1]
  x, y = b:tamed(x), b:tamed(y)
  return b:value(op, broadcast(x.dims, y.dims), op == "multiply" and x.bound * y.bound
    or x.bound + y.bound, ("neap.%s($1, $2)"):format(op), { x, y })
end

function kinds.choice(b)
  local x = b:data()
  local fits = function(s)
    return broadcast(x.dims, s.dims)
  end
  local y, z = b:data(fits), b:data(fits)
  if not y or not z then
    return nil
  end
  local condition = b:value("greater", broadcast(x.dims, y.dims), 1, "neap.greater($1, $2)",
    { x, y }, { dtype = "bool", cut = false, hidden = true })
  local dims = broadcast(condition.dims, z.dims)
  return dims and b:value("where", broadcast(dims, x.dims), math.max(x.bound, z.bound),
    "neap.where($1, $2, $3)", { condition, x, z })
end

function kinds.reduction(b)
  local x = b:tamed(b:data())
  local axis, keepdims = nil, b.roll(2) == 0
  local op = low(x.dims) > 0 and b.roll(3) == 0 and "reduce_max" or "reduce_sum"
  local dims, words = {}, ""
  if #x.dims > 0 and b.roll(2) == 0 then
    axis = b.roll(#x.dims)
    words = (", axis = %d"):format(axis)
  end
  for d, dimension in ipairs(x.dims) do
    if axis and d ~= axis + 1 then
      dims[#dims + 1] = dimension
    elseif keepdims then
      dims[#dims + 1] = 1
    end
  end
  return b:value(op, dims, x.bound * 48, ("neap.%s($1, {keepdims = %s%s})"):format(op, keepdims,
    words), { x }, { p = { axis = axis, keepdims = keepdims } })
end

function kinds.product(b)
  local x = b:data(function(s)
    return #s.dims == 2
  end)
  local y = x and b:data(function(s)
    return #s.dims == 2 and s.dims[1] == x.dims[2] and high { x.dims[1], s.dims[2] } <= 48
  end)
  if not y then
    return nil
  end
  x, y = b:tamed(x), b:tamed(y)
  return b:value("matmul", { x.dims[1], y.dims[2] }, x.bound * y.bound * 16,
    "neap.matmul($1, $2)", { x, y })
end

function kinds.moved(b)
  local x = b:data()
  local kind = b.roll(4)
  if kind == 0 and #x.dims == 2 then
    return b:value("transpose", { x.dims[2], x.dims[1] }, x.bound, "neap.transpose($1)", { x })
  elseif kind == 1 and #x.dims < 3 then
    return b:value("expand_dims", { 1, table.unpack(x.dims) }, x.bound,
      "neap.expand_dims($1, 0)", { x }, { p = { axis = 0 } })
  elseif kind == 2 then -- flat, and a symbol of its own
    local dims = Builder.is_whole(x.dims) and { high(x.dims) } or #x.dims == 1 and x.dims
      or { b:symbol(low(x.dims), high(x.dims)) }
    return b:value("reshape", dims, x.bound, "neap.reshape($1, {-1})", { x, integers { -1 } })
  elseif #x.dims == 2 then -- its dimensions the other way round, as sizes
    local shape, text = b:shape { x.dims[2], x.dims[1] }
    return b:value("reshape", { x.dims[2], x.dims[1] }, x.bound,
      ("neap.reshape($1, %s)"):format(text or "$2"), { x, shape })
  end
end

function kinds.joined(b)
  local x = b:data(function(s)
    return #s.dims > 0
  end)
  local y = x and b:data(function(s)
    return #s.dims == #x.dims and s.dims[2] == x.dims[2] and s.dims[3] == x.dims[3]
  end)
  if not y or high(x.dims) + high(y.dims) > 48 then
    return nil
  end
  local a, c, dims = x.dims[1], y.dims[1], { table.unpack(x.dims) }
  if type(a) == "number" and type(c) == "number" then
    dims[1] = a + c
  else
    dims[1] = b:symbol(low { a } + low { c }, high { a } + high { c })
  end
  return b:value("concat", dims, math.max(x.bound, y.bound), "neap.concat({$1, $2}, 0)", { x, y },
    { p = { axis = 0 } })
end

--- Rows by whole numbers that were computed: positions, not sizes.
function kinds.rows(b)
  local x = b:data(function(s)
    return #s.dims > 0 and type(s.dims[1]) == "number" and s.dims[1] > 0
  end)
  local i = x and b:any(function(s)
    return s.dtype == "int64" and s.dims and #s.dims <= 1 and not s.hidden and not s.inexact
  end)
  if not i then
    return nil
  end
  local rows = x.dims[1]
  local at = b:value("mod", i.dims, rows, ("neap.mod($1, %d)"):format(rows), { i, whole(rows) },
    { dtype = "int64", cut = false })
  local dims = { table.unpack(i.dims) }
  table.move(x.dims, 2, #x.dims, #dims + 1, dims)
  return high(dims) <= 48 and b:value("gather", dims, x.bound, "neap.gather($1, $2)", { x, at })
end

--- A part that begins at a position which was computed.
function kinds.part(b)
  local x = b:data(function(s)
    return #s.dims == 1 and type(s.dims[1]) == "number" and s.dims[1] > 1
  end)
  local i = x and b:any(function(s)
    return s.dtype == "int64" and s.dims and #s.dims == 0 and not s.hidden
  end)
  if not i then
    return nil
  end
  local length = 1 + b.roll(x.dims[1] - 1)
  local room = x.dims[1] - length + 1
  local begin = b:value("mod", {}, room, ("neap.mod($1, %d)"):format(room), { i, whole(room) },
    { dtype = "int64", cut = false })
  begin = b:value("reshape", { 1 }, room, "neap.reshape($1, {1})", { begin, integers { 1 } },
    { dtype = "int64", cut = false, hidden = true })
  return b:value("slice", { length }, x.bound, ("neap.slice($1, $2, {%d})"):format(length),
    { x, begin, integers { length } })
end

--- ## What has a size that is computed

--- Fits in some runs only; used by nothing else. (What fails may not hang on draws, which the
-- evaluator knows from runs that did not fail.)
function kinds.fragile(b)
  local w = b.wide
  local symbol = b:size()
  local shape = b:shape { symbol, 4 }
  if shape.drawn then
    return nil
  end
  return b:value("reshape", { symbol, 4 }, 3, "neap.reshape($1, $2)", { w, shape },
    { hidden = true, cut = false })
end

function kinds.sized(b)
  local kind = b.roll(7)
  local dims = b:sized_dims()
  if kind == 0 then
    local op = b.roll(2) == 0 and "zeros" or "ones"
    local shape, text = b:shape(dims)
    return b:value(op, dims, 1, ("neap.%s(%s, %q)"):format(op, text or "$1", b.dtype), { shape },
      { p = { dtype = b.dtype } })
  elseif kind == 1 then
    local shape, text = b:shape(dims)
    local filling = b.roll(7) - 3
    return b:value("fill", dims, 3, ("neap.fill(%s, neap.tensor(%d, %q))")
      :format(text or "$1", filling, b.dtype), { shape },
      { p = { value = filling, dtype = b.dtype } })
  elseif kind <= 3 then
    local x = b:data(function(s)
      return #s.dims <= #dims and broadcast(s.dims, dims)
    end)
    local shape, text = b:shape(dims)
    return x and b:value("broadcast_to", dims, x.bound, ("neap.broadcast_to($1, %s)")
      :format(text or "$2"), { x, shape })
  elseif kind == 4 then -- the first rows of something longer
    local x = b:data(function(s)
      return #s.dims == 1 and low(s.dims) >= high { dims[1] }
    end)
    local shape, text = b:shape { dims[1] }
    return x and b:value("slice", { dims[1] }, x.bound, ("neap.slice($1, {0}, %s)")
      :format(text or "$3"), { x, integers { 0 }, shape })
  elseif kind == 5 then
    local i = b:any(function(s)
      return s.dtype == "int64" and s.dims and #s.dims <= 1 and not s.hidden
    end)
    local symbol = type(dims[1]) == "table" and dims[1] or dims[2]
    local depth = b:length(symbol)
    if not i or high(i.dims) > 12 then
      return nil
    end
    local to = { table.unpack(i.dims) }
    to[#to + 1] = symbol
    return b:value("one_hot", to, 1, ("neap.one_hot($1, {depth = $2, dtype = %q})"):format(b.dtype),
      { i, depth }, { p = { dtype = b.dtype } })
  end
  local shape, text = b:shape(dims)
  local draw = b:value("random", dims, 3, ('neap.random_uniform(%s, -3, 4, "int64")')
    :format(text or "$1"), { shape }, { dtype = "int64", p = { low = -3, high = 4 }, cut = false })
  return b:value("cast", dims, 3, ("neap.cast($1, %q)"):format(b.dtype), { draw },
    { p = { dtype = b.dtype } })
end

return kinds
