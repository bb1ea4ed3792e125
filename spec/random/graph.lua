--- Draws a graph, as a list of steps in order of creation. A step is one node (or one call, for
-- what gives several):
--
--   id, op     its place, and the operation, as plain.eval names it or evaluate.lua knows it
--   text       the Lua source that makes it, its inputs in the places of $1, $2, …
--   inputs     steps, or plain tensors where the text has a literal in their place
--   controls   the steps of the control_dependencies around it
--   p          what the operation has as attributes
--   dtype      nil: no value
--   dims       its shape, of numbers and of symbols: { low=, high=, step= }, which are sizes known
--              when it runs, the value of the size `step` or a dimension of a placeholder
--   bound      how large an element can be
--   updates    the places of inputs that are variables which it writes; all it writes in `writes`
--   depends    what gradients reach from here: by id, placeholders and variables; `rough` where
--              an operation without a gradient is on the way
--   inexact    not whole numbers: fetched, and compared with a tolerance, but not used
--   cut        a function of a dice and a shape, which draws what may be fed in the step's place
--   drawn      hangs on what is drawn at random
--   hidden     is not used by other steps
local helper = require "helper"
local plain = require "random.plain"

local graph = {}

--- A generator of whole numbers in [0, count).
function graph.dice(seed)
  local drawn = 0
  return function(count)
    drawn = drawn + 1
    return helper.bits(seed, drawn) % count
  end
end

local NONE <const> = {}
local LARGE <const> = 5000 -- the bound of what may be written into a variable and grow there

local Builder = {}
Builder.__index = Builder

--- ## Steps

local function high(dims)
  local count = 1
  for _, d in ipairs(dims) do
    count = count * (type(d) == "table" and d.high or d)
  end
  return count
end

local function low(dims)
  local count = 1
  for _, d in ipairs(dims) do
    count = count * (type(d) == "table" and d.low or d)
  end
  return count
end

local function whole(value, dtype, shape)
  return plain.full(dtype or "int64", shape or {}, value)
end

local function integers(list)
  return plain.make("int64", { #list }, function(i)
    return list[i]
  end)
end

--- No dimension is a symbol?
function graph.whole(dims)
  for _, d in ipairs(dims) do
    if type(d) == "table" then
      return false
    end
  end
  return true
end

local function list(dims)
  return "{" .. table.concat(dims, ", ") .. "}"
end

--- Operations through which no gradient passes, silently.
local STOPS <const> = {
  greater = true, equal = true, argmax = true, shape = true, zeros_like = true, ones_like = true,
  one_hot = true, random = true, zeros = true, ones = true,
}
--- Those whose gradient reads an operand's value: a variable there could be of another version.
local READS_BACK <const> = {
  multiply = true, matmul = true, maximum = true, minimum = true, mod = true, where = true,
}

local function trace(step)
  local smooth = plain.tangent[step.op] or step.smooth
  step.depends = {}
  for _, input in ipairs(step.inputs) do
    if input.op and step.dtype and step.dtype:find "float" and not STOPS[step.op] then
      for id in pairs(input.depends) do
        step.depends[id] = true
      end
      step.rough = step.rough or input.rough
        or (input.op == "variable" and READS_BACK[step.op])
    end
  end
  if next(step.depends) and not smooth then
    step.rough = true
  end
end

function Builder:step(step)
  step.inputs, step.controls, step.p = step.inputs or {}, step.controls or {}, step.p or NONE
  step.id = #self.steps + 1
  self.steps[step.id] = step
  trace(step)
  if step.op == "placeholder" or step.op == "variable" then
    step.depends = step.dtype == self.dtype and { [step.id] = true } or {}
    return step
  end
  step.drawn = step.op == "random"
  for _, input in ipairs(step.inputs) do
    step.inexact, step.drawn = step.inexact or input.inexact, step.drawn or input.drawn
  end
  return step
end

--- A step that may be made under control dependencies.
function Builder:node(step)
  if self.roll(3) == 0 then
    step.controls = {}
    for _ = 1, 1 + self.roll(2) do
      local control = self:any(function(s)
        return not s.part_of_several
      end)
      if control and self.roll(2) == 0 then -- rather what has effects
        control = self:any(function(s)
          return s.writes or s.op == "host" and not s.part_of_several or s.op == "group"
        end) or control
      end
      step.controls[#step.controls + 1] = control
    end
  end
  return self:step(step)
end

--- A step drawn among those that fit.
function Builder:any(fits)
  local found = {}
  for _, step in ipairs(self.steps) do
    found[#found + 1] = fits(step) and step or nil
  end
  if #found > 0 then -- the later ones more often, so that graphs are deep
    local last = self.roll(math.min(6, #found))
    return found[self.roll(2) == 0 and self.roll(#found) + 1 or #found - last]
  end
end

--- A value of the graph's floating dtype that further steps may use.
function Builder:data(fits)
  return self:any(function(s)
    return s.dtype == self.dtype and s.dims and not s.hidden and not s.inexact
      and (not fits or fits(s))
  end)
end

--- A function that draws tensors of whole numbers within bounds.
local function elements(dtype, lowest, highest)
  return function(roll, shape)
    return plain.make(dtype, shape, function()
      return lowest + roll(highest - lowest + 1)
    end)
  end
end

local function small(dtype)
  return elements(dtype, -3, 3)
end

function Builder:value(op, dims, bound, text, inputs, more)
  local step = more or {}
  step.op, step.dims, step.bound, step.text, step.inputs = op, dims, bound, text, inputs
  step.dtype = step.dtype or self.dtype
  if step.cut == nil then
    step.cut = small(step.dtype)
  end
  return self:node(step)
end

--- x, small: its remainder by a small prime, where it may be large.
function Builder:tamed(x)
  if x.bound <= 12 then
    return x
  end
  local prime = ({ 3, 5, 7, 11 })[self.roll(4) + 1]
  return self:value("mod", x.dims, prime, ("neap.mod($1, %d)"):format(prime),
    { x, whole(prime, x.dtype) }, { dtype = x.dtype })
end

--- ## Sizes

function Builder:symbol(lowest, highest, step)
  local symbol = { low = lowest, high = highest, step = step }
  self.symbols[#self.symbols + 1] = symbol
  return symbol
end

local function scalar_integer(lowest, highest)
  return { dtype = "int64", cut = elements("int64", lowest, highest) }
end

--- An int64 of rank 0 from 0 to 3, from one of the places that sizes come from.
function Builder:number()
  local kind = self.features.computed and self.roll(9) or 0
  local function remainder(x)
    return self:value("mod", {}, 3, "neap.mod($1, 4)", { x, whole(4) }, scalar_integer(0, 3))
  end
  local x = self:data(function(s)
    return low(s.dims) > 0
  end)
  if kind == 0 then
    return self.size_fed
  elseif kind == 1 and x then -- a reduction of data
    local top = self:value("reduce_max", {}, x.bound, "neap.reduce_max($1)", { x })
    local cast = self:value("cast", {}, x.bound, 'neap.cast($1, "int64")', { top },
      { dtype = "int64", p = { dtype = "int64" } })
    return remainder(cast)
  elseif kind == 2 then -- many fed integers: their values are not looked at when a plan is made
    local x18 = self.integers_fed
    local op = self.roll(2) == 0 and "reduce_max" or "reduce_sum"
    return remainder(self:value(op, {}, 60, ("neap.%s($1)"):format(op), { x18 },
      { dtype = "int64" }))
  elseif kind == 3 and x and #x.dims == 1 and high(x.dims) <= 4 then
    return self:value("argmax", {}, 3, "neap.argmax($1)", { x }, scalar_integer(0, 3))
  elseif kind == 4 then -- a variable, before or behind an assignment
    local v = self.roll(2) == 0 and self.count or self:any(function(s)
      return s.dtype == "int64" and s.dims and #s.dims == 0 and s.writes and not s.hidden
    end) or self.count
    return remainder(v)
  elseif kind == 5 and x and self.features.hosts then
    return self:host("size", {}, { x }, scalar_integer(0, 3))
  elseif kind == 6 then
    local draw = self:value("random", {}, 3, 'neap.random_uniform({}, 0, 4, "int64")', {},
      { dtype = "int64", p = { low = 0, high = 4 }, cut = false })
    return draw
  elseif kind == 7 and #self.symbols > 1 then
    local a, b = self:length(), self:length()
    if a and b then
      return remainder(self:value("add", {}, 8, "$1 + $2", { a, b }, { dtype = "int64" }))
    end
  elseif x and #x.dims > 0 and low(x.dims) > 0 then -- how many elements are above 0
    local above = self:value("greater", x.dims, 1, "neap.greater($1, 0)",
      { x, whole(0, self.dtype) }, { dtype = "bool", cut = false, hidden = true })
    local ones = self:value("cast", x.dims, 1, 'neap.cast($1, "int64")', { above },
      { dtype = "int64", p = { dtype = "int64" } })
    return remainder(self:value("reduce_sum", {}, 48, "neap.reduce_sum($1)", { ones },
      { dtype = "int64" }))
  end
  return remainder(self.count)
end

--- A new size: its step, which has a symbol.
function Builder:size()
  local step = self:number()
  if self.roll(4) > 0 then
    step = self:value("add", {}, 4, "$1 + 1", { step, whole(1) }, scalar_integer(1, 4))
    self:symbol(1, 4, step)
  else
    self:symbol(0, 3, step)
  end
  return self.symbols[#self.symbols]
end

--- The step that tells a symbol; for one that has none, from the shape of what has it.
function Builder:length(symbol)
  symbol = symbol or self.symbols[self.roll(#self.symbols) + 1]
  if symbol.step and self.roll(3) > 0 then
    return symbol.step
  end
  local axis
  local x = self:any(function(s)
    if s.dims and not s.hidden then
      for d, dimension in ipairs(s.dims) do
        if dimension == symbol then
          axis = axis or {}
          axis[s] = d - 1
          return true
        end
      end
    end
  end)
  if not x then
    return symbol.step
  end
  local shape = self:value("shape", { #x.dims }, 4, "neap.shape($1)", { x },
    { dtype = "int64", cut = false, hidden = true })
  local step = self:value("gather", {}, 4, ('neap.gather($1, neap.constant(%d, "int64"))')
    :format(axis[x]), { shape, whole(axis[x]) }, { dtype = "int64", cut = false })
  symbol.step = symbol.step or step
  return step
end

--- A shape as an input: its step, or a literal where no size is to be computed; and its text.
function Builder:shape(dims)
  if graph.whole(dims) then
    return integers(dims), list(dims)
  end
  local inputs, words = {}, {}
  for i, d in ipairs(dims) do
    if type(d) == "table" then
      local length = self:length(d)
      inputs[i] = self:value("reshape", { 1 }, 4, "neap.reshape($1, {1})",
        { length, integers { 1 } }, { dtype = "int64", cut = false, hidden = true })
      words[i] = "$" .. i
    else
      inputs[i] = integers { d }
      words[i] = ('neap.constant({%d}, "int64")'):format(d)
    end
  end
  if #inputs == 1 then
    return inputs[1]
  end
  return self:value("concat", { #dims }, 4, ("neap.concat({%s}, 0)")
    :format(table.concat(words, ", ")), inputs,
    { dtype = "int64", p = { axis = 0 }, cut = false, hidden = true })
end

--- Dimensions with a size in them, at most 48 elements.
function Builder:sized_dims()
  local symbol = self.roll(3) > 0 and self:size() or self.symbols[self.roll(#self.symbols) + 1]
  local kind = self.roll(4)
  if kind == 0 then
    return { symbol }
  elseif kind == 1 then
    return { symbol, 3 }
  elseif kind == 2 then
    return { 2, symbol }
  end
  return { symbol, self.symbols[self.roll(#self.symbols) + 1] }
end

--- ## What computes

local function broadcast(a, b)
  local longer, other = a, b
  if #b > #a then
    longer, other = b, a
  end
  local dims = { table.unpack(longer) }
  for i = 0, #other - 1 do
    local d, e = longer[#longer - i], other[#other - i]
    if d ~= e and d ~= 1 and e ~= 1 then
      return nil
    end
    dims[#dims - i] = d == 1 and e or d
  end
  return high(dims) <= 48 and dims or nil
end

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
    local dims = graph.whole(x.dims) and { high(x.dims) } or #x.dims == 1 and x.dims
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

--- Fits in some runs only; used by nothing else.
function kinds.fragile(b)
  local w = b.wide
  local symbol = b:size()
  local shape = b:shape { symbol, 4 }
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

--- ## Operations of the host

function Builder:host(kind, dims, inputs, more)
  local words = {}
  for i in ipairs(inputs) do
    words[i] = "$" .. i
  end
  local name = ("h%d"):format(#self.steps + 1)
  local step = more or {}
  step.p, step.smooth = { kind = kind, name = name }, kind == "same" or kind == "twice"
  return self:value("host", dims, inputs[1] and inputs[1].bound * 2 or 3,
    ("host.%s(%q)(%s)"):format(kind, name, table.concat(words, ", ")), inputs, step)
end

function kinds.host(b)
  local kind = ({ "same", "twice", "first", "pair", "source", "trap", "positive" })[b.roll(7) + 1]
  local x = b:tamed(b:data())
  if kind == "first" then
    return b:host(kind, x.dims, { x, b:any(function(s)
      return s.dtype and s.dims and not s.inexact and s.dtype ~= "bool"
    end) })
  elseif kind == "pair" then
    local both = b:host(kind, nil, { x }, { part_of_several = true, hidden = true, cut = false })
    both.dims, both.dtype = nil, nil
    local first = b:step { op = "part", inputs = { both }, p = { index = 1 }, dims = x.dims,
                           dtype = x.dtype, bound = x.bound + 1, text = "", of = both,
                           rough = next(x.depends) ~= nil or x.rough }
    local second = b:step { op = "part", inputs = { both }, p = { index = 2 }, dims = {},
                            dtype = "int64", bound = 3, text = "", of = both }
    both.parts = { first, second }
    second.cut = scalar_integer(0, 3).cut
    if b.features.computed and b.roll(2) == 0 then
      b:symbol(0, 3, second)
    end
    return first
  elseif kind == "source" then
    local from = b:host(kind, { 3 }, {}, { dtype = "float32" })
    return b.dtype == "float32" and from or b:value("cast", { 3 }, 3,
      ("neap.cast($1, %q)"):format(b.dtype), { from }, { p = { dtype = b.dtype } })
  elseif kind == "trap" then
    return b:host(kind, x.dims, { x, b.flag })
  elseif kind == "positive" then
    if not b.features.open or #x.dims ~= 1 then
      return nil
    end
    return high(x.dims) < 48 and b:host(kind, { b:symbol(1, high(x.dims) + 1) }, { x })
  end
  return b:host(kind, x.dims, { x })
end

--- ## Variables

--- Something of a whole shape, small.
function Builder:conform(dims)
  local x = self:data(function(s)
    return #s.dims == #dims and broadcast(s.dims, dims) and plain.same(s.dims, dims)
      and s.op ~= "variable"
  end)
  if x and self.roll(3) > 0 then
    return self:tamed(x)
  end
  local y = self:tamed(self:data())
  local sum = #y.dims == 0 and y.op ~= "variable" and y or self:value("reduce_sum", {},
    y.bound * 48, "neap.reduce_sum($1)", { y })
  sum = self:tamed(sum)
  return #dims == 0 and sum or self:value("broadcast_to", dims, sum.bound,
    ("neap.broadcast_to($1, %s)"):format(list(dims)), { sum, integers(dims) })
end

function Builder:variable(name, dims, value, options)
  local o = options or {}
  local dtype = o.dtype or self.dtype
  local initial = o.initial or ("neap.tensor.full(%s, %d, %q)"):format(list(dims), value, dtype)
  return self:step {
    op = "variable", dims = dims, dtype = dtype, bound = LARGE, initial = value, name = name,
    inexact = o.inexact, open = o.initial ~= nil, cut = small(dtype),
    text = ("neap.variable(%s, {name = %q, trainable = %s})"):format(initial, name,
      o.trainable ~= false),
  }
end

--- A variable of the graph's dtype, and now and then the one that counts.
function Builder:target()
  if self.roll(4) == 0 then
    return self.count
  end
  return self.variables[self.roll(#self.variables) + 1]
end

function Builder:write(op, v, inputs, text, more)
  local step = more or {}
  table.insert(inputs, 1, v)
  step.updates, step.writes = step.updates or { [1] = v }, step.writes or { v }
  step.dtype, step.cut, step.inexact = v.dtype, false, v.inexact
  local made = self:value(op, v.dims, LARGE, text, inputs, step)
  return made
end

function kinds.assign(b)
  local v = b:target()
  local op = ({ "assign", "assign_add", "assign_sub" })[b.roll(3) + 1]
  local x
  if v.dtype == "int64" then
    x = b:any(function(s)
      return s.dtype == "int64" and s.dims and #s.dims == 0 and s.bound <= 12 and not s.inexact
    end)
  else
    x = b:conform(v.dims)
  end
  return x and b:write(op, v, { x }, ("neap.%s($1, $2)"):format(op))
end

--- A read behind something, mostly a write.
function kinds.read(b)
  local v = b:target()
  local behind = b:any(function(s)
    return s.writes or s.op == "group"
  end)
  return b:step {
    op = "identity", dtype = v.dtype, dims = v.dims, bound = LARGE, text = "neap.identity($1)",
    inputs = { v }, controls = behind and b.roll(4) > 0 and { behind } or {},
  }
end

function kinds.group(b)
  local inputs, words = {}, {}
  for i = 1, 1 + b.roll(3) do
    inputs[i] = b:any(function(s)
      return not s.part_of_several and (s.writes or s.op == "host" or b.roll(4) == 0)
    end)
    words[#inputs] = "$" .. #inputs
  end
  return #inputs > 0 and b:node { op = "group", inputs = inputs,
                                  text = ("neap.group {%s}"):format(table.concat(words, ", ")) }
end

local function one(b)
  return plain.full(b.dtype, {}, 1)
end

function kinds.descent(b)
  local v = b.variables[b.roll(#b.variables) + 1]
  local g = b:conform(v.dims)
  return b:write("apply_gradient_descent", v, { g, one(b) },
    "neap.apply_gradient_descent($1, $2, 1)")
end

--- Momentum with a slot of its own, or with one that is there already.
function kinds.momentum(b)
  local v = b.variables[b.roll(#b.variables) + 1]
  local slot = v.slot
  if not slot then
    slot = b:variable(v.name .. "s", v.dims, 0, { trainable = false })
    v.slot = slot
    b.slots[#b.slots + 1] = slot
  end
  local g = b:conform(v.dims)
  return b:write("apply_momentum", v, { slot, g, one(b) },
    "neap.apply_momentum($1, $2, $3, 1, 1)",
    { updates = { v, slot }, writes = { v, slot }, p = { momentum = 1 } })
end

--- An optimizer made as scripts make it: loss = sum(v g), whose gradient is g.
function kinds.minimize(b)
  local v = b.variables[b.roll(#b.variables) + 1]
  local g = b:conform(v.dims)
  if g.rough or g.depends[v.id] then
    return nil
  end
  local x = b.roll(2) == 0 and v or b:value("identity", v.dims, LARGE, "neap.identity($1)", { v })
  local product = b:value("multiply", v.dims, LARGE * 12, "neap.multiply($1, $2)", { x, g },
    { hidden = true, cut = false })
  local loss = b:value("reduce_sum", {}, LARGE * 48, "neap.reduce_sum($1)", { product },
    { cut = false, hidden = true })
  local momentum = b.roll(2) == 0 and not v.open
  local text = momentum and "neap.train.momentum {learning_rate = 1, momentum = 1}"
    or "neap.train.gradient_descent {learning_rate = 1}"
  local step = b:node {
    op = "minimize", inputs = { v, g, loss }, updates = { v }, writes = { v }, text = text
      .. ":minimize($3, {$1})", p = { momentum = momentum and 1 },
  }
  if momentum then
    step.writes[2] = b:step {
      op = "variable", dims = v.dims, dtype = v.dtype, bound = LARGE, initial = 0,
      name = v.name .. "/velocity", made_by = step,
      text = "neap.default_graph().variables[#neap.default_graph().variables]",
    }
    b.slots[#b.slots + 1] = step.writes[2]
  end
  return step
end

--- Adam is not exact: what it writes is fetched, its count of steps is used as any number.
function kinds.adam(b)
  if not b.adam then
    local function slot(name, dims, dtype)
      return b:variable(name, dims, 0,
        { dtype = dtype, trainable = false, inexact = dtype == nil })
    end
    b.adam = { b:variable("a", { 3 }, 2, { inexact = true }), slot("am", { 3 }),
               slot("av", { 3 }), slot("astep", {}, "int64") }
    b.slots[#b.slots + 1] = b.adam[4]
  end
  local v, m, s, step = table.unpack(b.adam)
  return b:write("apply_adam", v, { m, s, step, b:conform { 3 }, plain.full(b.dtype, {}, 0.5) },
    "neap.apply_adam($1, $2, $3, $4, $5, 0.5)",
    { updates = { v, m, s, step }, writes = { v, m, s, step }, hidden = true })
end

--- ## Gradients: fetched, and compared along a direction

function kinds.gradient(b)
  local y = b:data(function(s)
    return #s.dims == 0 and not s.rough and s.op ~= "variable" and next(s.depends)
  end)
  local x = y and b:any(function(s)
    return s.op == "placeholder" and y.depends[s.id]
  end)
  return x and b:step {
    op = "gradient", inputs = { y, x }, dims = x.dims, dtype = x.dtype, bound = LARGE,
    text = "neap.gradients($1, $2)", hidden = true, inexact = true,
  }
end

--- ## The graph

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


--- How often each kind is drawn; `hosts` and so on leave kinds out.
local WEIGHTS <const> = {
  { "unary", 6 }, { "binary", 14 }, { "choice", 3 }, { "reduction", 5 }, { "product", 4 },
  { "moved", 5 }, { "joined", 3 }, { "rows", 4 }, { "part", 2 }, { "sized", 14 },
  { "fragile", 1 }, { "group", 3 },
  { "host", 8, "hosts" }, { "assign", 9, "writes" }, { "read", 6, "writes" },
  { "descent", 2, "writes" }, { "momentum", 4, "writes" }, { "minimize", 3, "writes" },
  { "adam", 2, "writes" }, { "gradient", 3 },
}

--- Draws a graph. `features`: hosts, writes, open (results of the host whose size the run tells).
function graph.draw(seed, features)
  local roll = graph.dice(seed)
  local b = setmetatable({
    steps = {}, symbols = {}, variables = {}, slots = {}, roll = roll, features = features,
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
