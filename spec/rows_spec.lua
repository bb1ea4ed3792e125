--- What is normalised along an axis, against its definition in plain Lua: rows of every length,
-- from one element to more than a tile has, alone and side by side, for every instruction set and
-- dtype; the same bits with any number of threads.
local helper = require "helper"
local neap = require "neap"

local LENGTHS <const> = { 1, 2, 3, 7, 8, 10, 15, 16, 17, 31, 33, 64, 100, 257, 511, 512, 513, 1025 }
local TOLERANCE <const> = { float64 = 1e-13, float32 = 5e-6, float16 = 4e-3, bfloat16 = 3e-2 }

--- A tensor's elements as a function of (outer, k, inner), counted from 0.
local function reader(value, count, inner)
  local flat = helper.flat(value)
  return function(outer, k, i)
    return flat[(outer * count + k) * inner + i + 1]
  end
end

--- What each operation gives along one row, by the values that it has there.
local function expected(row)
  local max, sum = -math.huge, 0
  for _, x in ipairs(row.x) do max = math.max(max, x) end
  for _, x in ipairs(row.x) do sum = sum + math.exp(x - max) end
  local want = { softmax = {}, log_softmax = {}, entropy = 0, sparse = 0 }
  local dot, mass, total = 0, 0, 0
  for k, x in ipairs(row.x) do
    local l = x - max - math.log(sum)
    want.log_softmax[k], want.softmax[k] = l, math.exp(l)
    dot = dot + row.dy[k] * math.exp(l)
    mass, total = mass + row.labels[k], total + row.dy[k]
    want.entropy = want.entropy - row.labels[k] * l
  end
  want.sparse = -want.log_softmax[row.label + 1]
  want.dsoftmax, want.dlog_softmax, want.dentropy, want.dsparse = {}, {}, {}, {}
  for k, y in ipairs(want.softmax) do
    want.dsoftmax[k] = (row.dy[k] - dot) * y
    want.dlog_softmax[k] = row.dy[k] - y * total
    want.dentropy[k] = (y * mass - row.labels[k]) * row.dloss
    want.dsparse[k] = (y - (k - 1 == row.label and 1 or 0)) * row.dloss
  end
  return want
end

--- Checks all operations along the middle axis of (outer, count, inner); the losses of sparse
-- labels along the last alone.
local function check(dtype, isa, outer, count, inner, scale)
  local shape, graph = { outer, count, inner }, neap.graph()
  local x = helper.uniform(1, shape, -scale, scale, dtype)
  local dy = helper.uniform(2, shape, -1, 1, dtype)
  local labels = helper.uniform(3, shape, 0, 2 / count, dtype)
  local dloss = helper.uniform(4, { outer, inner }, -1, 1, dtype)
  local index = helper.integers(5, { outer }, count)
  local names, nodes = {}, {}
  graph:as_default(function()
    local logits = neap.constant(x)
    local function add(name, y, seed)
      names[#names + 1], nodes[#nodes + 1] = name, y
      names[#names + 1], nodes[#nodes + 1] = "d" .. name, neap.gradients({ y }, logits, { seed })
    end
    add("softmax", neap.softmax(logits, 1), neap.constant(dy))
    add("log_softmax", neap.log_softmax(logits, 1), neap.constant(dy))
    add("entropy", neap.softmax_cross_entropy_with_logits(neap.constant(labels), logits, 1),
      neap.constant(dloss))
    if inner == 1 then
      local rows = neap.reshape(logits, { outer, count })
      add("sparse", neap.sparse_softmax_cross_entropy_with_logits(neap.constant(index), rows),
        neap.reshape(neap.constant(dloss), { outer }))
    end
  end)
  local values, bytes = nil, nil
  for threads = 1, 3, 2 do
    local options = { threads = threads, isa = isa, passes = "fuse,place" }
    local session <close> = neap.session(graph, options)
    values = session:run(nodes)
    local parts = {}
    for i, value in ipairs(values) do parts[i] = helper.bytes(value) end
    bytes = bytes or table.concat(parts)
    assert.is_true(bytes == table.concat(parts))
  end
  local read = {}
  for name, tensor in pairs { x = x, dy = dy, labels = labels } do
    read[name] = reader(tensor, count, inner)
  end
  local got, heads, classes = {}, helper.flat(dloss), helper.flat(index)
  for n, name in ipairs(names) do
    got[name] = reader(values[n], values[n].size == outer * inner and 1 or count, inner)
  end
  for o = 0, outer - 1 do
    for i = 0, inner - 1 do
      local row = {
        dloss = heads[o * inner + i + 1], label = classes[o + 1], x = {}, dy = {}, labels = {},
      }
      for k = 1, count do
        for name, at in pairs(read) do row[name][k] = at(o, k - 1, i) end
      end
      for name, want in pairs(expected(row)) do
        for k = 1, got[name] and (type(want) == "table" and count or 1) or 0 do
          local number, right = got[name](o, k - 1, i), type(want) == "table" and want[k] or want
          local near = math.abs(number - right) <= TOLERANCE[dtype] * (1 + math.abs(right))
          if not near then -- NaN is near nothing
            error(("%s of %s, %s: %s at (%d, %d, %d) of (%d, %d, %d), not %s"):format(name, dtype,
              isa, number, o, k - 1, i, outer, count, inner, right))
          end
        end
      end
    end
  end
end

describe("rows", function()
  for _, isa in ipairs(helper.instruction_sets()) do
    it("of any length are what they are defined as, by " .. isa, function()
      for _, count in ipairs(LENGTHS) do
        check("float32", isa, 5, count, 1, count % 2 == 0 and 5 or 80)
        check("float64", isa, 3, count, 1, 5)
      end
      for _, count in ipairs { 1, 4, 33 } do
        check("float32", isa, 3, count, 3, 5)
        check("float64", isa, 2, count, 17, 5)
        check("float16", isa, 2, count, 1, 3)
        check("bfloat16", isa, 2, count, 1, 3)
      end
      check("float32", isa, 1, 9000, 1, 5)
      check("float32", isa, 1, 40, 700, 5)
      check("float64", isa, 40, 2, 300, 5)
    end)
  end

  local NAN <const>, INF <const> = 0 / 0, math.huge

  --- The value of an operation of constants, which the plan does not fold.
  local function value(op, ...)
    local graph <const> = neap.graph()
    local inputs = { ... }
    return graph:as_default(function()
      for i, x in ipairs(inputs) do inputs[i] = neap.constant(x) end
      local session <close> = neap.session(graph, { passes = "fuse,place" })
      return session:run(neap[op](table.unpack(inputs)))
    end)
  end

  it("of infinities and of huge numbers", function()
    local y = value("softmax", neap.tensor { { -INF, -INF, -INF }, { 1e4, 1e38, -1e38 } })
    helper.near({ NAN, NAN, NAN, 0, 1, 0 }, y:reshape { 6 }, 0)
    helper.near({ -INF, 0, -INF }, value("log_softmax", neap.tensor { -INF, 3, -INF }), 0)
    helper.near({ NAN, NAN }, value("softmax", neap.tensor { INF, 0 }), 0)
    helper.near({ NAN, NAN }, value("softmax", neap.tensor { NAN, 0 }), 0)
  end)

  it("without elements, and no rows at all", function()
    local none = neap.tensor.zeros { 2, 0 }
    assert.same({ 2, 0 }, value("softmax", none).shape)
    helper.near({ 0, 0 }, value("softmax_cross_entropy_with_logits", none, none), 0)
    assert.same({ 0 }, value("sparse_softmax_cross_entropy_with_logits",
      neap.tensor({}, "int64", { 0 }), neap.tensor.zeros { 0, 3 }).shape)
  end)

  it("with labels outside them: an error that names the node, and nothing is written", function()
    local graph <const> = neap.graph():as_default()
    local labels = neap.placeholder("int64", { 2 })
    local logits = neap.placeholder("float32", { 2, 3 })
    local v = neap.variable { 7, 7 }
    local loss = neap.sparse_softmax_cross_entropy_with_logits(labels, logits, { name = "loss" })
    local write = neap.assign(v, loss * 2)
    local dlogits = neap.gradients(neap.reduce_sum(loss), logits)
    local session <close> = neap.session(graph)
    for _, fetches in ipairs { { write }, { dlogits * 3 } } do
      for _, label in ipairs { 3, -1 } do
        local _, message = pcall(session.run, session, fetches, {
          [labels] = neap.tensor({ 2, label }, "int64"), [logits] = neap.tensor.zeros { 2, 3 },
        })
        local want = ("labels[1] = %d is not in [0, 3)"):format(label)
        assert.is_truthy(message:find(want, 1, true), message)
        assert.is_truthy(message:find("sparse_", 1, true), message)
      end
    end
    helper.near({ 7, 7 }, session:get(v), 0)
  end)
end)
