--- Plans: what explain says, and that no pass changes a bit of any result.
local helper = require "helper"
local neap = require "neap"

local graph

before_each(function()
  graph = neap.graph():as_default()
end)

local PASSES <const> = { "fold", "simplify", "merge", "fuse", "place" }

--- Runs with every choice of passes and some numbers of threads; all must give the same bits.
local function same_bits(fetches, feeds)
  local first
  local choices = { false, "none", "fold,simplify,merge", "fuse,place" }
  table.move(PASSES, 1, #PASSES, #choices + 1, choices)
  for _, passes in ipairs(choices) do
    for _, threads in ipairs { 1, 3 } do
      local session <close> = neap.session(graph, {
        passes = passes or nil, threads = threads, seed = 4,
      })
      local parts = {}
      for _ = 1, 2 do
        for _, value in ipairs(session:run(fetches, feeds)) do
          parts[#parts + 1] = helper.bytes(value)
        end
      end
      parts[#parts + 1] = helper.state(session, graph)
      local bytes = table.concat(parts, "|")
      first = first or bytes
      assert.is_true(first == bytes, ("passes %s, threads %d"):format(passes, threads))
    end
  end
end

describe("explain", function()
  local function explain(fetches, feeds, options)
    local session <close> = neap.session(graph, options)
    return session:explain(fetches, feeds)
  end

  -- How much scratch a kernel asks for hangs on its instruction set; the product's own 60 bytes
  -- do not.
  it("names the operations that run, the shapes of their results, the bytes of all", function()
    local x = neap.placeholder("float32", { -1, 4 }, "x")
    local w = neap.variable(helper.uniform(1, { 4, 3 }, -1, 1), { name = "w" })
    local y = neap.matmul(x, w, { name = "product" }):reduce_sum { axis = 0, name = "total" }
    local text = explain(y, { [x] = neap.tensor.zeros { 5, 4 } })
    local parts = {
      "5 x 4 x 3", "product", "reduce_sum", "total", "(5, 3)", "flops: 135",
    }
    for _, part in ipairs(parts) do
      assert.is_truthy(text:find(part, 1, true), part .. " is not in:\n" .. text)
    end
    local block = tonumber(text:match("block: (%d+) bytes"))
    assert.is_true(block >= 64 and block % 64 == 0, text)
  end)

  it("counts for a reduction the elements that are reduced", function()
    local x = neap.placeholder("float32", { 4, 10 })
    local labels = neap.placeholder("int64", { 4 })
    local loss = neap.sparse_softmax_cross_entropy_with_logits(labels, x)
    local zeros <const> = neap.tensor.zeros
    local feeds = { [x] = zeros { 4, 10 }, [labels] = zeros({ 4 }, "int64") }
    assert.is_truthy(explain(neap.reduce_max(x), feeds):find("flops: 40", 1, true))
    assert.is_truthy(explain(neap.argmax(x), feeds):find("flops: 40", 1, true))
    assert.is_truthy(explain(loss, feeds):find("flops: 40", 1, true))
  end)

  it("changes nothing, and needs no initial values", function()
    local v = neap.variable(1)
    local add = neap.assign_add(v, 1)
    local session <close> = neap.session(graph)
    assert.is_truthy(session:explain(add):find("assign_add", 1, true))
    assert.equal(1, session:get(v))
    assert.equal(2, session:run(add))
  end)

  it("leaves out what is not needed", function()
    local x = neap.placeholder("float32", { 2 }, "x")
    neap.exp(x, { name = "unused" })
    local h = neap.tanh(x, { name = "above" })
    local y = neap.reduce_sum(h, { name = "wanted" })
    assert.is_nil(explain(y, { [x] = { 1, 2 } }):find("unused", 1, true))
    assert.is_nil(explain(y, { [h] = { 1, 2 } }):find("above", 1, true))
  end)

  it("shows a run of element-wise operations as one", function()
    local x = neap.placeholder("float32", { 100 }, "x")
    local y = x
    for _ = 1, 10 do
      y = (y * 1.5 + 1):tanh()
    end
    local text = explain(y, { [x] = neap.tensor.zeros { 100 } })
    local alone = explain(y, { [x] = neap.tensor.zeros { 100 } }, { passes = "none" })
    local _, lines = text:gsub("\n", "\n")
    local _, more = alone:gsub("\n", "\n")
    assert.is_true(lines + 20 < more, text)
  end)

  it("uses less memory with reuse than without", function()
    local x = neap.placeholder("float32", { 200, 200 })
    local y = x
    for _ = 1, 10 do
      y = y:matmul(x)
    end
    local feeds = { [x] = neap.tensor.zeros { 200, 200 } }
    local function places(options)
      local seen, count = {}, 0
      for place in explain(y, feeds, options):gmatch "block %+ (%d+)" do
        count = count + (seen[place] and 0 or 1)
        seen[place] = true
      end
      return count
    end
    assert.equal(2, places { threads = 1 })
    assert.equal(9, places { passes = "none" })
  end)
end)

describe("the passes give the same bits", function()
  it("where constants can be folded", function()
    local x = neap.placeholder("float32", { 3 })
    local c = neap.constant { 1, 2, 3 } * 2 + 1
    local shape = neap.shape(neap.zeros { 3 })
    same_bits({ x * c, c:reduce_sum(), neap.reshape(c, shape) }, { [x] = { 0.1, 0.2, 0.3 } })
  end)

  it("where algebra could lose a sign, an infinity or not-a-number", function()
    local x = neap.placeholder("float32", { 6 })
    local zero = neap.zeros_like(x)
    local nodes = {
      x + 0, x * 0, x - x, x / x, x * 1, x / 1, x ^ 1, x ^ 2, x ^ 0, x + zero, x - 0, 0 - x, -(-x),
      neap.maximum(x, x), neap.where(x:greater(0), x, x), x ^ 0.5, 1 / (1 / x),
    }
    local feeds = { [x] = { -0.0, 0.0, math.huge, -math.huge, 0 / 0, 1.5 } }
    same_bits(nodes, feeds)
    local session <close> = neap.session(graph)
    local values = session:run(nodes, feeds)
    assert.equal(math.huge, 1 / values[1][1])
    assert.is_true(values[2][3] ~= values[2][3])
    assert.is_true(values[3][5] ~= values[3][5])
    assert.equal(-math.huge, 1 / values[5][1])
    assert.equal(-math.huge, 1 / values[11][1])
  end)

  it("where equal nodes are merged", function()
    local x = neap.placeholder("float32", { 5 })
    local a = (x * 2):exp() + (x * 2):exp()
    local b = x:reduce_sum { axis = 0, keepdims = true } + x:reduce_sum { axis = 0 }
    same_bits({ a, b }, { [x] = { 1, 2, 3, 4, 5 } })
  end)

  it("where element-wise operations fuse, with every kind of broadcasting", function()
    local x = neap.placeholder("float32", { 3, 5, 7 })
    local row = neap.variable(helper.uniform(2, { 7 }, -1, 1))
    local column = neap.variable(helper.uniform(3, { 3, 1, 1 }, -1, 1))
    local middle = neap.variable(helper.uniform(4, { 5, 1 }, -1, 1))
    local y = ((x + row) * column - middle):tanh()
    local z = neap.where(y:greater(row), y * 2, middle):square() + 1
    local feeds = { [x] = helper.uniform(5, { 3, 5, 7 }, -1, 1) }
    same_bits({ y, z, z:reduce_mean(), y:reduce_max { axis = 1 } }, feeds)
  end)

  it("where a long run fuses over many tiles", function()
    local x = neap.placeholder("float64", { 100003 })
    local y = x
    for i = 1, 70 do
      y = (y * (1 + i / 100) + 0.5):sigmoid() - x
    end
    same_bits({ y, y:reduce_sum() }, { [x] = helper.uniform(5, { 100003 }, -1, 1, "float64") })
  end)

  it("where a bias and an activation ride on a product", function()
    local x = neap.placeholder("float32", { -1, 33 })
    local w = neap.variable(helper.uniform(6, { 33, 65 }, -1, 1))
    local b = neap.variable(helper.uniform(7, { 65 }, -1, 1))
    local nodes = {}
    for i, activation in ipairs { "relu", "tanh", "sigmoid", "identity" } do
      nodes[i] = neap[activation](x:matmul(w) + b)
    end
    nodes[5] = (x:matmul(w) + b):relu() + x:matmul(w)
    nodes[6] = neap.gradients(nodes[2]:square():reduce_sum(), w)
    same_bits(nodes, { [x] = helper.uniform(8, { 19, 33 }, -1, 1) })
  end)

  it("where transposes go into products", function()
    local a = neap.variable(helper.uniform(9, { 17, 31 }, -1, 1))
    local b = neap.variable(helper.uniform(10, { 23, 31 }, -1, 1))
    same_bits {
      a:matmul(b:transpose()), b:matmul(a:transpose()), a:transpose():matmul(a),
      a:transpose():transpose():matmul(b, { transpose_b = true }),
      neap.matmul(a:transpose(), b, { transpose_a = true, transpose_b = true }),
    }
  end)

  it("where views share bytes, and one of them is written in place", function()
    local x = neap.placeholder("float32", { 4, 6 })
    local flat = x:reshape { 24 }
    local twice = flat * 2
    local back = twice:reshape { 4, 6 }
    local squeezed = back:expand_dims(0):squeeze(0)
    same_bits({ x, flat, twice, back, squeezed + x, -squeezed, flat + 1, twice:exp() },
      { [x] = helper.uniform(11, { 4, 6 }, -1, 1) })
  end)

  it("where variables are read and written", function()
    local v = neap.variable(helper.uniform(12, { 50, 50 }, -1, 1))
    local w = neap.variable(helper.uniform(13, { 50, 50 }, -1, 1))
    local before = v * 2
    local add = neap.assign_add(v, w:transpose())
    local swap = neap.assign(w, v + w)
    local after = neap.control_dependencies({ swap }, function()
      return v:matmul(w)
    end)
    same_bits { before, add, swap, after, add:matmul(w), v, w }
  end)

  it("where random numbers are drawn", function()
    local u, n = neap.random_uniform { 1000 }, neap.random_normal { 30, 30 }
    local v = neap.variable(neap.truncated_normal { 20, 20 })
    same_bits { u * 2, n:matmul(n), u + u, neap.assign_add(v, neap.random_uniform { 20, 20 }), v }
  end)

  it("where a fetched value is also an operand", function()
    local x = neap.placeholder("float32", { 10 })
    local a = x * 2
    local b = a + 1
    local c = b:tanh()
    same_bits({ a, b, c, a, c }, { [x] = helper.uniform(14, { 10 }, -1, 1) })
  end)
end)

describe("a plan", function()
  it("computes everything under denormal, infinite and undefined numbers alike", function()
    local x = neap.placeholder("float32", { 7 })
    local feeds = { [x] = { 1e-40, -1e-40, math.huge, -math.huge, 0 / 0, 3e38, -3e38 } }
    same_bits({ x * 0.5, x + x, x:relu(), x:tanh(), x:abs(), x:square(), x:sigmoid() }, feeds)
    local session <close> = neap.session(graph)
    assert.is_true(session:run(x * 0.5, feeds)[1] > 0)
  end)

  it("adds many numbers with little error", function()
    local x = neap.placeholder("float32", { -1 })
    local session <close> = neap.session(graph)
    local sum = session:run(x:reduce_sum(), { [x] = neap.tensor.full({ 10000000 }, 0.1) })
    assert.near(1, sum / (10000000 * helper.to_float32(0.1)), 1e-6)
  end)

  it("reduces to the same bits whatever the threads", function()
    local x = neap.placeholder("float32", { -1, 1000 })
    local nodes = {
      x:reduce_sum(), x:reduce_sum { axis = 0 }, x:reduce_sum { axis = 1 }, x:reduce_mean(),
      x:reduce_logsumexp { axis = 1 }, x:softmax(), x:reduce_max { axis = 0 },
      x:matmul(x, { transpose_b = true }), x:transpose():matmul(x),
    }
    local feeds = { [x] = helper.uniform(15, { 307, 1000 }, -1, 1) }
    local first
    for _, threads in ipairs { 1, 2, 5 } do
      local session <close> = neap.session(graph, { threads = threads })
      local parts = {}
      for i, value in ipairs(session:run(nodes, feeds)) do
        parts[i] = helper.bytes(value)
      end
      first = first or parts
      for i in ipairs(nodes) do
        assert.is_true(first[i] == parts[i], ("result %d at %d threads"):format(i, threads))
      end
    end
  end)
end)
