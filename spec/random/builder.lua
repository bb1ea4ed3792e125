--- The steps of a drawn graph: what a step is, how its inputs are found, where sizes come from. The
-- kinds of steps are in values.lua, effects.lua and bodies.lua; graph.lua draws them.
--
-- A step is one node, or one call that gives several:
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
--   writes     the variables that it writes; `updates` has them by their places in the inputs
--   depends    what gradients reach from here: by id, placeholders and variables; `rough` where
--              an operation without a gradient is on the way; `smooth`: the host gave it one
--   parts      of an operation of several results: the steps that are one each, `of` it
--   made_by    the step that makes it besides its own node: an optimizer its slot
--   inexact    not whole numbers: fetched, and compared with a tolerance, but not used
--   cut        a function of a dice and a shape, which draws what may be fed in the step's place
--   drawn      hangs on what is drawn at random
--   hidden     is not used by other steps
--   fixed      must have its inputs: of an optimizer's loss, whose gradient is known as it is, or
--              a body, which would read a variable in more than one place
local helper = require "helper"
local plain = require "random.plain"

local NONE <const> = {}

local Builder = {}
Builder.__index = Builder

--- The bound of what may be written into a variable and grow there.
Builder.LARGE = 5000
--- The most elements of a value.
Builder.MOST = 48

--- A generator of whole numbers in [0, count).
function Builder.dice(seed)
  local drawn = 0
  return function(count)
    drawn = drawn + 1
    return helper.bits(seed, drawn) % count
  end
end

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
function Builder.is_whole(dims)
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
      local control = self:any(function()
        return true
      end)
      if control and self.roll(2) == 0 then -- rather what has effects
        control = self:any(function(s)
          return s.writes or s.op == "host" or s.op == "group"
        end) or control
      end
      step.controls[#step.controls + 1] = control
    end
  end
  return self:step(step)
end

--- A step drawn among those that fit and are one node.
function Builder:any(fits)
  local found = {}
  for _, step in ipairs(self.steps) do
    found[#found + 1] = not step.parts and fits(step) and step or nil
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
  if Builder.is_whole(dims) then
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
  return high(dims) <= Builder.MOST and dims or nil
end

Builder.high, Builder.low, Builder.broadcast = high, low, broadcast
Builder.whole, Builder.integers, Builder.list = whole, integers, list
Builder.elements, Builder.small, Builder.scalar_integer = elements, small, scalar_integer

return Builder
