--- The kinds of steps that have effects, or that read behind them: operations of the host,
-- assignments, optimizers; and gradients. As in values.lua.
local Builder = require "random.builder"
local plain = require "random.plain"

local high, broadcast = Builder.high, Builder.broadcast
local integers, list = Builder.integers, Builder.list
local small, scalar_integer = Builder.small, Builder.scalar_integer
local LARGE <const> = Builder.LARGE

local kinds = {}

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
    local both = b:host(kind, nil, { x }, { parts = {}, hidden = true, cut = false })
    both.dims, both.dtype = nil, nil
    local first = b:step { op = "part", inputs = { both }, p = { index = 1 }, dims = x.dims,
                           dtype = x.dtype, bound = x.bound + 1, text = "", of = both,
                           rough = next(x.depends) ~= nil or x.rough }
    local second = b:step { op = "part", inputs = { both }, p = { index = 2 }, dims = {},
                            dtype = "int64", bound = 3, text = "", of = both }
    both.parts[1], both.parts[2] = first, second
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

--- A variable of whole numbers: a slot too.
function Builder:target()
  return self:any(function(s)
    return s.op == "variable" and not s.inexact
  end)
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
      return s.writes or s.op == "host" or b.roll(4) == 0
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
    { hidden = true, cut = false, fixed = true })
  local loss = b:value("reduce_sum", {}, LARGE * 48, "neap.reduce_sum($1)", { product },
    { cut = false, hidden = true, fixed = true })
  local momentum = b.roll(2) == 0 and not v.open
  local text = momentum and "neap.train.momentum {learning_rate = 1, momentum = 1}"
    or "neap.train.gradient_descent {learning_rate = 1}"
  local step = b:node {
    op = "minimize", fixed = true, inputs = { v, g, loss }, updates = { v }, writes = { v },
    text = text .. ":minimize($3, {$1})", p = { momentum = momentum and 1 },
  }
  if momentum then
    step.writes[2] = b:step {
      op = "variable", dims = v.dims, dtype = v.dtype, bound = LARGE, initial = 0,
      name = v.name .. "/velocity", made_by = step,
      text = "neap.default_graph().variables[#neap.default_graph().variables]",
    }
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

return kinds
