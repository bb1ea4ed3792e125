--- Operations of the host for random graphs: neap.op in Lua, each node an operation of its own,
-- which writes down that it ran and with what. What they compute is said once, on plain tensors,
-- for neap and for the evaluator.
local neap = require "neap"
local plain = require "random.plain"

local host = {}

local function all(t, f)
  return plain.make(t.dtype, t.shape, function(i)
    return f(t[i])
  end)
end

--- A small whole number that hangs on every element, from 0 to 3.
local function digest(t)
  local sum = 0
  for i = 1, #t do
    sum = sum + i * math.abs(t[i] // 1)
  end
  return plain.make("int64", {}, function()
    return sum % 4
  end)
end

--- By kind: `inputs` as neap.op takes them, `compute` from plain tensors to one or more; `infer`
-- where the result is not like the first input, `gradient` where there is one.
host.kinds = {
  same = {
    inputs = "x", compute = function(x) return x end,
    gradient = function(_, _, dy) return dy end,
  },
  twice = {
    inputs = "x", compute = function(x) return all(x, function(a) return 2 * a end) end,
    gradient = function(_, _, dy) return dy + dy end,
  },
  first = { inputs = "x y", compute = function(x) return x end },
  size = {
    inputs = "x", compute = digest,
    infer = function() return { dtype = "int64", shape = {} } end,
  },
  pair = {
    inputs = "x", results = 2,
    compute = function(x) return all(x, function(a) return a + 1 end), digest(x) end,
    infer = function(x) return x, { dtype = "int64", shape = {} } end,
  },
  source = {
    inputs = "",
    compute = function() return plain.make("float32", { 3 }, function(i) return i end) end,
    infer = function() return { dtype = "float32", shape = { 3 } } end,
  },
  trap = { -- fails where y is not 0
    inputs = "x y",
    compute = function(x, y)
      return y[1] == 0 and x or error(plain.failed)
    end,
  },
  positive = { -- as many elements as are above 0, and a 7
    inputs = "x", open = true,
    compute = function(x)
      local kept = {}
      for i = 1, #x do
        kept[#kept + 1] = x[i] > 0 and x[i] or nil
      end
      kept[#kept + 1] = 7
      return plain.make(x.dtype, { #kept }, function(i) return kept[i] end)
    end,
    infer = function(x) return { dtype = x.dtype, shape = { -1 } } end,
  },
}

--- Of a tensor, or of a number as neap gives it for rank 0.
function host.from_neap(value, dtype)
  local t = type(value) == "userdata" and value or neap.tensor(value, dtype)
  local flat = t:reshape({ t.size }):totable()
  return plain.make(t.dtype, t.shape, function(i)
    return flat[i]
  end)
end

function host.to_neap(t)
  local flat = table.move(t, 1, #t, 1, {})
  return neap.tensor(#t.shape > 0 and flat or flat[1], t.dtype, t.shape)
end

--- A plain tensor as one line.
function host.text(t)
  local words = {}
  for i = 1, #t do
    words[i] = type(t[i]) == "boolean" and tostring(t[i]) or ("%.9g"):format(t[i] + 0)
  end
  return ("%s(%s) %s"):format(t.dtype, table.concat(t.shape, ","), table.concat(words, " "))
end

--- What a call writes into the log: its name and its inputs.
function host.entry(name, inputs)
  local words = { name }
  for i, t in ipairs(inputs) do
    words[i + 1] = host.text(t)
  end
  return table.concat(words, "; ")
end

--- host.open(): may the shape of a host's result be left to the run?
function host.open()
  return neap.graph():as_default(function()
    local kind = host.kinds.positive
    local op = neap.op {
      name = "open", inputs = kind.inputs, infer = kind.infer, compute = function(x) return x end,
    }
    local session <close> = neap.session()
    return pcall(session.run, session, op(neap.constant { 1, 2 }))
  end)
end

--- An operation that adds to `log` what it does.
local function operation(name, how, log)
  return neap.op {
    name = name, inputs = how.inputs, results = how.results, infer = how.infer,
    gradient = how.gradient,
    compute = function(...)
      local inputs = {}
      for i, t in ipairs { ... } do
        inputs[i] = host.from_neap(t)
      end
      log[#log + 1] = host.entry(name, inputs)
      local results = { how.compute(table.unpack(inputs)) }
      for i, t in ipairs(results) do
        results[i] = host.to_neap(t)
      end
      return table.unpack(results)
    end,
  }
end

--- A function host.KIND(name) for each kind, which gives the function that builds a node: one of a
-- name, for neap may build a loop's body more than once.
function host.operations(log)
  local made = {}
  return setmetatable({}, { __index = function(_, kind)
    return function(name)
      made[name] = made[name] or operation(name, host.kinds[kind], log)
      return made[name]
    end
  end })
end

return host
