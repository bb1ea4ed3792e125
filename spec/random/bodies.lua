--- The kinds of steps that have bodies: branches and loops. A body is a few words of Lua, and what
-- they compute as a function of plain tensors; the evaluator runs the body that is taken, as often
-- as it is.
--
-- In `p` of such a step: `run(inputs, log)` gives its values in a sequence, and what it writes as a
-- second one; `log(name, inputs)` notes a call of the host.
local Builder = require "random.builder"
local host = require "random.host"
local plain = require "random.plain"

local eval = plain.eval
local high, low, whole = Builder.high, Builder.low, Builder.whole

local kinds = {}

local function number(x, value)
  return plain.full(x.dtype, {}, value)
end

local function remainder(x, by)
  return eval.mod(nil, x, number(x, by))
end

--- ## What a body does with x, keeping its shape: its text, in which $x and $v stand for x and a
-- variable, and compute(x, log, state), where state.v is the value of that variable.

local bodies = {}

function bodies.arithmetic()
  return "neap.mod($x + 1, 5)", function(x)
    return remainder(eval.add(nil, x, number(x, 1)), 5)
  end
end

function bodies.host(name)
  return ("host.same(%q)($x)"):format(name), function(x, log)
    log(name, { x })
    return host.kinds.same.compute(x)
  end
end

--- A size that the body computes.
function bodies.sized()
  local text = "neap.mod($x + neap.reduce_sum(neap.ones(neap.reshape(neap.mod(neap.cast("
    .. 'neap.reduce_sum($x), "int64"), 4), {1}), $x.dtype)), 7)'
  return text, function(x)
    local sum = eval.cast({ dtype = "int64" }, eval.reduce_sum({}, x))
    return remainder(eval.add(nil, x, number(x, sum[1] % 4)), 7)
  end
end

function bodies.write()
  return "neap.mod($x + neap.assign_add($v, 1), 5)", function(x, _, state)
    state.v = eval.add(nil, state.v, number(state.v, 1))
    return remainder(eval.add(nil, x, state.v), 5)
  end
end

--- Written, and read behind that by control.
function bodies.read()
  local text = "neap.control_dependencies({neap.assign_sub($v, 2)}, "
    .. "function() return neap.mod($x + neap.identity($v), 5) end)"
  return text, function(x, _, state)
    state.v = eval.subtract(nil, state.v, number(state.v, 2))
    return remainder(eval.add(nil, x, state.v), 5)
  end
end

--- A branch in the body, which hangs on x.
function bodies.nested(name)
  local text = ("neap.cond(neap.greater(neap.reduce_sum($x), 2), function() return "
    .. "host.twice(%q)(neap.mod($x, 3)) end, function() return $x end)"):format(name)
  return text, function(x, log)
    if eval.reduce_sum({}, x)[1] > 2 then
      local small = remainder(x, 3)
      log(name, { small })
      return host.kinds.twice.compute(small)
    end
    return x
  end
end

--- Draws one that the features allow.
local function draw(b, name)
  local names = { "arithmetic", "sized" }
  if b.features.hosts then
    table.insert(names, "host")
    table.insert(names, "nested")
  end
  if b.features.writes then
    table.insert(names, "write")
    table.insert(names, "read")
  end
  local kind = names[b.roll(#names) + 1]
  local text, compute = bodies[kind](name)
  return text, compute, kind == "write" or kind == "read"
end

local function put(text, x, v)
  return (text:gsub("%$x", x):gsub("%$v", v))
end

--- ## The steps

--- A step whose body may write v1, which is of rank 0.
local function add(b, op, dims, inputs, text, p, writes, more)
  local step = more or {}
  step.p, step.fixed = p, true
  if writes then
    inputs[#inputs + 1] = b.variables[1]
    step.writes, step.updates = { b.variables[1] }, { [#inputs] = b.variables[1] }
  end
  return b:value(op, dims, 12, text, inputs, step)
end

function kinds.branch(b)
  local x = b:tamed(b:data())
  local condition = b:tamed(b:data(function(s)
    return #s.dims == 0
  end) or x)
  if #condition.dims > 0 then
    condition = b:value("reduce_sum", {}, 600, "neap.reduce_sum($1)", { condition })
  end
  local name = ("b%d"):format(#b.steps)
  local one, compute_one, writes_one = draw(b, name .. "t")
  local other, compute_other, writes_other = draw(b, name .. "e")
  local writes = writes_one or writes_other
  local function run(inputs, log)
    local state = { v = inputs[3] }
    local compute = inputs[2][1] > 0 and compute_one or compute_other
    return { compute(inputs[1], log, state) }, { state.v }
  end
  return add(b, "branch", x.dims, { x, condition },
    ("neap.cond(neap.greater($2, 0), function() return %s end, function() return %s end)")
      :format(put(one, "$1", "$3"), put(other, "$1", "$3")), { run = run }, writes)
end

--- As many iterations as an int64 says, at most three; x keeps its shape, or grows by an element.
function kinds.loop(b)
  local grows = b.roll(3) == 0
  local x = b:data(function(s)
    return not grows or #s.dims == 1 and high(s.dims) <= Builder.MOST - 3
  end)
  local count = b:any(function(s)
    return s.dtype == "int64" and s.dims and #s.dims == 0 and not s.hidden and not s.inexact
  end)
  if not x or not count then
    return nil
  end
  x = b:tamed(x)
  count = b:value("mod", {}, 3, "neap.mod($1, 4)", { count, whole(4) },
    { dtype = "int64", cut = false })
  local name = ("b%d"):format(#b.steps)
  local text, compute, writes = draw(b, name)
  local function run(inputs, log)
    local state, t = { v = inputs[3] }, inputs[1]
    for _ = 1, inputs[2][1] do
      local after = compute(t, log, state)
      if grows then
        local last = eval.reshape(nil, eval.reduce_sum({}, t), { 1 })
        after = eval.concat({ axis = 0 }, after, remainder(last, 3))
      end
      t = after
    end
    return { plain.full("int64", {}, inputs[2][1]), t }, { state.v }
  end
  local body = put(text, "x", "$3")
  if grows then
    body = ("neap.concat({%s, neap.reshape(neap.mod(neap.reduce_sum(x), 3), {1})}, 0)"):format(body)
  end
  local step = add(b, "loop", nil, { x, count },
    ("table.unpack(neap.while_loop(function(i) return neap.less(i, $2) end, "
      .. 'function(i, x) return i + 1, %s end, {neap.constant(0, "int64"), $1}))'):format(body),
    { run = run }, writes, { parts = {}, hidden = true, cut = false })
  step.dims, step.dtype = nil, nil
  local dims = grows and { b:symbol(low(x.dims), high(x.dims) + 3) } or x.dims
  step.parts[1] = b:step { op = "part", inputs = { step }, p = { index = 1 }, dims = {}, bound = 3,
                           dtype = "int64", text = "", of = step }
  step.parts[2] = b:step { op = "part", inputs = { step }, p = { index = 2 }, dims = dims,
                           dtype = b.dtype, bound = 12, text = "", of = step,
                           rough = next(x.depends) ~= nil or x.rough }
  return step.parts[2]
end

return kinds
