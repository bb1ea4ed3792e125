--- Graphs put together at random, from a seed: whatever the passes and the threads, each gives what
-- a plain evaluator gives (random/evaluate.lua), the same bits (under AVX2 and AVX-512 too), leaves
-- the same variables, and has the gradient that its values have.
--
-- For a long run: NEAP_RANDOM_GRAPHS=5000, from the seed NEAP_RANDOM_FIRST on. A failure tells its
-- seed and a small script.
local helper = require "helper"
local neap = require "neap"
local check = require "random.check"
local dice = require "random.graph".dice
local host = require "random.host"
local script = require "random.script"
local shrink = require "random.shrink"

local FIRST <const> = math.tointeger(tonumber(os.getenv "NEAP_RANDOM_FIRST" or 1))
local GRAPHS <const> = math.tointeger(tonumber(os.getenv "NEAP_RANDOM_GRAPHS" or 240))

describe("a random graph of sizes, effects and feeds", function()
  local counts, open = check.counts(), host.open()

  for seed = FIRST, FIRST + GRAPHS - 1 do
    it(("gives what the plain evaluator gives (seed %d)"):format(seed), function()
      local trial = check.trial(seed, {
        hosts = seed % 4 >= 2, writes = seed % 2 == 1, computed = seed % 5 > 0,
        open = open, bodies = seed % 3 == 0,
      })
      if check.run(trial, counts) then
        local small, wrong, at = shrink(trial)
        error(("seed %d: %s\n\n%s"):format(seed, wrong, script.whole(small, at)), 0)
      end
    end)
  end

  it("is seldom one whose values are in doubt", function()
    assert.is_true(counts.ran > 10 * counts.failed)
    assert.is_true(counts.failed > counts.unsure)
  end)
end)

local UNARY <const> = { "tanh", "sigmoid", "relu", "abs", "negative", "identity", "softmax" }
local BINARY <const> = { "add", "subtract", "multiply", "maximum", "minimum" }
local MODES <const> = { "constant", "symmetric", "edge" }
local REDUCTIONS <const> = {
  "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "reduce_logsumexp",
}

local function broadcasts(a, b)
  local one, two = a.shape, b.shape
  for i = 0, math.min(#one, #two) - 1 do
    local d, e = one[#one - i], two[#two - i]
    if d ~= e and d ~= 1 and e ~= 1 then
      return false
    end
  end
  return true
end

--- One more node from those that there are; nil if the draw does not fit them. Values stay small.
local function grown(nodes, roll)
  local x, y = nodes[roll(#nodes) + 1], nodes[roll(#nodes) + 1]
  local shape, rank = x.shape, x.rank
  local kind = roll(18)
  if kind <= 2 then
    local op = UNARY[roll(#UNARY) + 1]
    return (op ~= "softmax" or rank > 0) and neap[op](x) or nil
  elseif kind <= 6 and broadcasts(x, y) and math.max(x.size, y.size) < 400 then
    local z = neap[BINARY[roll(#BINARY) + 1]](x, y)
    return z.size < 400 and neap.tanh(z) or nil
  elseif kind == 7 and broadcasts(x, y) then
    return neap.where(neap.greater(x, y * 0.5), x, neap.negative(y))
  elseif kind == 8 then
    local axis = rank > 0 and roll(2) == 1 and roll(rank) or nil
    local keepdims = roll(2) == 1
    return neap[REDUCTIONS[roll(#REDUCTIONS) + 1]](x, { axis = axis, keepdims = keepdims })
  elseif kind == 9 and rank == 2 and y.rank == 2 then
    local ta, tb = roll(2) == 1, roll(2) == 1
    local inner, other = shape[ta and 1 or 2], y.shape[tb and 2 or 1]
    return inner == other and neap.tanh(neap.matmul(x, y, ta, tb)) or nil
  elseif kind == 10 and rank >= 2 then
    return neap.transpose(x)
  elseif kind == 11 then
    return roll(2) == 1 and neap.reshape(x, { -1 }) or rank < 4 and neap.expand_dims(x, 0) or nil
  elseif kind == 12 and rank == 1 and y.rank == 1 then
    return neap.concat({ x, y }, 0)
  elseif kind == 13 and rank == 1 and shape[1] >= 3 then
    local taken = neap.slice(x, { 1 }, { shape[1] - 2 })
    return roll(2) == 1 and taken or neap.gather(x, neap.tensor({ 2, 0, 2 }, "int64"))
  elseif kind == 14 and rank > 0 and x.size < 100 then
    local paddings = {}
    for axis = 1, rank do
      paddings[axis] = { roll(2), roll(2) }
    end
    return neap.pad(x, paddings, MODES[roll(#MODES) + 1])
  elseif kind == 15 and rank > 0 then
    return neap.roll(x, { roll(7) - 3, 1 }, { roll(rank), 0 })
  elseif kind == 16 and rank > 0 then
    return neap.strided_slice(x, { false }, { false }, { -1 - roll(2) })
  elseif kind == 17 and rank == 2 and y.rank == 2 then
    local a, b = roll(2), roll(2)
    return shape[a + 1] == y.shape[b + 1]
      and neap.tanh(neap.tensordot(x, y, { { a }, { b } })) or nil
  end
end

--- A random graph: its nodes, its placeholders with their values, its variables.
local function model(seed, dtype, count)
  local roll = dice(seed)
  local nodes, feeds, inputs = {}, {}, {}
  for i, shape in ipairs { { 4, 5 }, { 5 }, {}, { 4, 1 }, { 5, 4 } } do
    local x = neap.placeholder(dtype, shape)
    nodes[#nodes + 1], inputs[i] = x, x
    feeds[x] = helper.uniform(1000 * seed + i, shape, -1, 1, dtype)
  end
  local variables = {}
  for i, shape in ipairs { { 4, 5 }, { 5, 5 }, { 5 } } do
    variables[i] = neap.variable(helper.uniform(1000 * seed + 10 + i, shape, -1, 1, dtype))
    nodes[#nodes + 1] = variables[i]
  end
  while #nodes < count do
    nodes[#nodes + 1] = grown(nodes, roll)
  end
  return nodes, feeds, inputs, variables, roll
end

local CHOICES <const> = {
  { passes = "none", threads = 1 }, { threads = 1 }, { threads = 3 },
  { passes = "fuse", threads = 1 }, { passes = "place", threads = 2 },
  { passes = "merge,simplify,fold", threads = 1 },
  { isa = "avx2", threads = 2 }, -- where the best is AVX-512: the same bits too
}

describe("a random graph", function()
  for seed = 1, 60 do
    it(("gives the same bits with all passes and threads (seed %d)"):format(seed), function()
      local graph = neap.graph()
      graph:as_default(function()
        local dtype = seed % 3 == 0 and "float64" or "float32"
        local nodes, feeds, _, variables, roll = model(seed, dtype, 50)
        local fetches = {}
        for i = 1, 6 do
          fetches[i] = nodes[#nodes - roll(25)]
        end
        for _, gradient in ipairs(neap.gradients({ table.unpack(fetches) }, variables)) do
          fetches[#fetches + 1] = gradient
        end
        -- Writes among the reads: of a variable by a node of its shape, and reads behind that.
        for _, variable in ipairs(variables) do
          for i = #nodes, 1, -1 do
            if nodes[i].op ~= "variable" and table.concat(nodes[i].shape, " ")
              == table.concat(variable.shape, " ") then
              local write = neap[roll(2) == 1 and "assign_add" or "assign"](variable, nodes[i])
              fetches[#fetches + 1] = roll(2) == 1 and write or neap.group { write }
              fetches[#fetches + 1] = neap.control_dependencies({ write }, function()
                return neap.tanh(variable)
              end)
              break
            end
          end
        end
        local first
        for _, options in ipairs(CHOICES) do
          local session <close> = neap.session(graph, options)
          local parts = {}
          for _ = 1, 2 do
            for _, value in ipairs(session:run(fetches, feeds)) do
              parts[#parts + 1] = value and helper.bytes(value) or "none"
            end
          end
          parts[#parts + 1] = helper.state(session, graph)
          local bytes = table.concat(parts, "|")
          first = first or bytes
          assert.is_true(first == bytes,
            ("passes %s, threads %d, isa %s"):format(options.passes, options.threads, options.isa))
        end
      end)
    end)
  end

  for seed = 101, 130 do
    it(("has the gradient that its values have (seed %d)"):format(seed), function()
      local graph = neap.graph()
      graph:as_default(function()
        local nodes, feeds, inputs = model(seed, "float64", 30)
        local s = neap.reduce_sum(neap.tanh(nodes[#nodes]))
        for i = 1, 4 do
          s = s + neap.reduce_mean(nodes[#nodes - 3 * i])
        end
        local gradients = neap.gradients(s, inputs)
        local session <close> = neap.session(graph)
        for i, x in ipairs(inputs) do
          local here, shape = helper.flat(feeds[x]), x.shape
          local values = {}
          for sign = -1, 1, 2 do
            local moved = {}
            for j, value in ipairs(here) do
              moved[j] = value + sign * 1e-5 * (helper.bits(seed, j) / 2 ^ 23 - 1)
            end
            local near = { [x] = neap.tensor(moved, "float64", shape) }
            for other, value in pairs(feeds) do
              near[other] = near[other] or value
            end
            values[sign] = session:run(s, near)
          end
          local numeric, exact = (values[1] - values[-1]) / 2e-5, 0
          if gradients[i] then
            for j, slope in ipairs((helper.flat(session:run(gradients[i], feeds)))) do
              exact = exact + slope * (helper.bits(seed, j) / 2 ^ 23 - 1)
            end
          end
          assert.near(numeric, exact, 1e-7 * math.max(1, math.abs(numeric), math.abs(values[1])))
        end
      end)
    end)
  end
end)
