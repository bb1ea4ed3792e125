--- Graphs: what they list, names, scopes, control dependencies, shapes that are partly known, and
-- sizes that defeat naive traversals.
--
-- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"

local graph

before_each(function()
  graph = neap.graph():as_default()
end)

describe("a graph", function()
  it("lists its nodes in order of creation", function()
    local x = neap.placeholder("float32", {}, "x")
    local v = neap.variable(1, { name = "v" })
    local y = x + v
    assert.same({ x }, graph.placeholders)
    assert.same({ v }, graph.variables)
    local names = {}
    for i, node in ipairs(graph.operations) do
      names[i] = node.name
    end
    assert.equal("x", names[1])
    assert.equal(y.name, names[#names])
    assert.equal(#names, #graph)
  end)

  it("finds a node by name", function()
    local x = neap.placeholder("float32", {}, "x")
    assert.equal(x, graph:node "x")
    assert.is_nil(graph:node "y")
  end)

  it("makes names unique", function()
    local names = {}
    for i = 1, 3 do
      names[i] = neap.placeholder("float32", {}, "x").name
    end
    assert.same({ "x", "x_1", "x_2" }, names)
    assert.equal("x_1_1", neap.placeholder("float32", {}, "x_1").name)
    assert.equal("add", (neap.constant(1) + 1).name)
    assert.equal("add_1", (neap.constant(1) + 1).name)
  end)

  it("keeps nodes that the script drops", function()
    for _ = 1, 10 do
      neap.placeholder("float32", {}, "x")
    end
    collectgarbage()
    assert.equal("x_9", graph.placeholders[10].name)
    assert.equal("x_9", graph:node("x_9").name)
  end)

  it("is kept by its nodes", function()
    local x = neap.graph():as_default(function()
      return neap.placeholder("float32", {}, "far")
    end)
    collectgarbage()
    collectgarbage()
    assert.equal("far", x.name)
    assert.equal(x, x.graph:node "far")
  end)

  it("is the default only while the function runs", function()
    local other = neap.graph()
    local x = other:as_default(function()
      assert.equal(other, neap.default_graph())
      return neap.constant(1)
    end)
    assert.equal(other, x.graph)
    assert.equal(graph, neap.default_graph())
    assert.has_error(function()
      other:as_default(function()
        error "inside"
      end)
    end)
    assert.equal(graph, neap.default_graph())
    assert.same({ 1, nil, 3 }, { other:as_default(function()
      return 1, nil, 3
    end) })
  end)

  it("takes operations with inputs wherever their inputs are", function()
    local x = neap.graph():as_default(function()
      return neap.constant(1)
    end)
    assert.equal(x.graph, (x + 1).graph)
    assert.equal(0, #graph.operations)
  end)
end)

describe("a node", function()
  it("says what it is", function()
    local x = neap.placeholder("float32", { -1, 3 }, "x")
    local w = neap.variable(helper.uniform(1, { 3, 2 }, -1, 1), { name = "w" })
    local y = neap.matmul(x, w, { name = "y" })
    assert.equal("y", y.name)
    assert.equal("matmul", y.op)
    assert.equal("float32", y.dtype)
    assert.same({ -1, 2 }, y.shape)
    assert.equal(2, y.rank)
    assert.equal(graph, y.graph)
    assert.same({ x, w }, y.inputs)
    assert.same({ y }, x.consumers)
    assert.is_false(y.attributes.transpose_a)
    assert.equal(6, w.size)
    assert.is_truthy(tostring(y):find("y", 1, true))
    assert.is_nil(y[1])
    assert.has_error(function()
      return y.colour
    end)
    assert.has_error(function()
      y.name = "z"
    end)
  end)

  it("is one object, however it is reached", function()
    local x = neap.placeholder("float32", {}, "x")
    local y = x + 1
    assert.is_true(rawequal(x, graph:node "x"))
    assert.is_true(rawequal(x, y.inputs[1]))
    local map = { [x] = "found" }
    assert.equal("found", map[graph.placeholders[1]])
  end)

  it("has methods for operations whose first input is one node", function()
    local x = neap.constant { { 1, 2 }, { 3, 4 } }
    assert.equal("reduce_sum", x:reduce_sum().op)
    assert.equal("matmul", x:matmul(x).op)
    assert.equal("function", type(neap.shape))
    assert.equal("table", type(x.shape))
    assert.equal("named", x:square({ name = "named" }).name)
  end)

  it("knows of its shape what follows from its inputs", function()
    local function shape(node)
      return node.shape or "unknown"
    end
    local x, y = neap.placeholder("float32", { -1, 3 }), neap.placeholder("float32", { 5, -1 })
    local any = neap.placeholder "float32"
    assert.same({ 5, 3 }, shape(x + y))
    assert.same({ -1, 3 }, shape(x * 2))
    assert.equal("unknown", shape(x + any))
    assert.same({ 3, -1 }, shape(x:transpose()))
    assert.same({ -1 }, shape(x:reduce_sum { axis = 1 }))
    assert.same({}, shape(any:reduce_sum()))
    assert.same({ -1, 1 }, shape(x:reduce_sum { axis = 1, keepdims = true }))
    assert.same({ -1, 7 }, shape(x:matmul(neap.ones { 3, 7 })))
    assert.same({ 2, 4 }, shape(neap.concat({ x, neap.ones { 2, 1 } }, 1)))
  end)
end)

describe("name_scope", function()
  it("begins names, nests, and gives back what its function gives", function()
    local a, b, c
    local one, two = neap.name_scope("outer", function()
      a = neap.constant(1) + 1
      neap.name_scope("inner", function()
        b = neap.placeholder("float32", {}, "x")
      end)
      return 1, 2
    end)
    c = neap.constant(1) + 1
    assert.equal("outer/add", a.name)
    assert.equal("outer/inner/x", b.name)
    assert.equal("add", c.name)
    assert.same({ 1, 2 }, { one, two })
  end)

  it("is unique as nodes are", function()
    local names = {}
    for i = 1, 2 do
      neap.name_scope("layer", function()
        names[i] = neap.placeholder("float32", {}, "x").name
      end)
    end
    assert.same({ "layer/x", "layer_1/x" }, names)
  end)

  it("ends with an error", function()
    assert.has_error(function()
      neap.name_scope("broken", function()
        error "inside"
      end)
    end)
    assert.equal("x", neap.placeholder("float32", {}, "x").name)
  end)
end)

describe("control_dependencies", function()
  it("runs nodes before those made inside, fetched or not", function()
    local v, w = neap.variable(0), neap.variable(0)
    local x = neap.control_dependencies({ neap.assign(v, 1) }, function()
      return neap.control_dependencies({ neap.assign(w, 2) }, function()
        return neap.constant(7) * 1
      end)
    end)
    local session <close> = neap.session(graph)
    assert.equal(7, session:run(x))
    assert.equal(1, session:get(v))
    assert.equal(2, session:get(w))
  end)

  it("puts a read behind an assignment", function()
    local v = neap.variable(1)
    local old = v * 10
    local new = neap.control_dependencies({ neap.assign(v, 2) }, function()
      return v * 10
    end)
    local session <close> = neap.session(graph)
    assert.same({ 10, 20 }, session:run { old, new })
  end)

  it("ends with an error, and gives back what its function gives", function()
    local v = neap.variable(0)
    assert.has_error(function()
      neap.control_dependencies({ neap.assign(v, 1) }, function()
        error "inside"
      end)
    end)
    local x = neap.constant(1) * 2
    assert.same({ 3, 4 }, { neap.control_dependencies({}, function()
      return 3, 4
    end) })
    local session <close> = neap.session(graph)
    session:run(x)
    assert.equal(0, session:get(v))
  end)

  it("refuses nodes of two graphs", function()
    local here = neap.no_op()
    local other = neap.graph():as_default(function()
      return neap.no_op()
    end)
    assert.has_error(function()
      neap.control_dependencies({ here, other }, function()
        return neap.constant(1) + 1
      end)
    end)
  end)
end)

describe("a large graph", function()
  it("of a chain of a million additions builds, differentiates and runs", function()
    local count <const> = 1000000
    local x = neap.placeholder("float32", {})
    local y = x
    for _ = 1, count do
      y = neap.add(y, x)
    end
    assert.is_true(#graph > count)
    local dx = neap.gradients(y, x)
    local session <close> = neap.session(graph)
    assert.equal(count + 1, session:run(y, { [x] = 1 }))
    assert.equal(count + 1, session:run(dx, { [x] = 1 }))
  end)

  it("of a chain of 100,000 operations of many kinds runs, with and without the passes", function()
    local x = neap.placeholder("float64", { 2 })
    local y = x
    for i = 1, 25000 do
      y = neap.reshape(neap.abs(y + 1), { 1, 2 })
      y = neap.squeeze(i % 100 == 0 and y:matmul { { 1, 0 }, { 0, 1 } } or y)
    end
    for _, passes in ipairs { "none", "fold,simplify,merge,fuse,place" } do
      local session <close> = neap.session(graph, { passes = passes })
      assert.same({ 25000, 25001 }, session:run(y, { [x] = { 0, 1 } }):totable())
    end
  end)

  it("of a diamond of depth 60 runs each node once", function()
    local x = neap.placeholder("float64", {})
    local y = x
    for _ = 1, 60 do
      y = y + y
    end
    local dx = neap.gradients(y, x)
    assert.is_true(#graph < 1000)
    local session <close> = neap.session(graph)
    assert.equal(2.0 ^ 60, session:run(y, { [x] = 1 }))
    assert.equal(2.0 ^ 60, session:run(dx, { [x] = 1 }))
  end)

  it("of a diamond of depth 60 has a second gradient", function()
    local x = neap.placeholder("float64", {})
    local y = x
    for _ = 1, 60 do
      y = y * 0.5 + y * 0.5
    end
    local second = neap.gradients(neap.gradients(y * y, x), x)
    local session <close> = neap.session(graph)
    assert.equal(2, session:run(second, { [x] = 3 }))
  end)

  it("of a wide sum runs", function()
    local x = neap.placeholder("float32", { 3 })
    local parts = {}
    for i = 1, 500 do
      parts[i] = neap.expand_dims(x * i, 0)
    end
    local y = neap.concat(parts, 0):reduce_sum { axis = 0 }
    local dx = neap.gradients(y, x)
    local session <close> = neap.session(graph)
    local values = session:run({ y, dx }, { [x] = { 1, 2, 3 } })
    assert.same({ 125250, 250500, 375750 }, values[1]:totable())
    assert.same({ 125250, 125250, 125250 }, values[2]:totable())
  end)

  it("is freed without recursion", function()
    for _ = 1, 3 do
      local big = neap.graph()
      big:as_default(function()
        local y = neap.placeholder("float32", {})
        for _ = 1, 100000 do
          y = -y
        end
      end)
      big = nil -- luacheck: ignore 311
      collectgarbage()
    end
  end)

  it("has ten thousand nodes that ask for one name", function()
    for _ = 1, 10000 do
      neap.placeholder("float32", {}, "a")
    end
    assert.equal("a_9999", graph.placeholders[10000].name)
  end)
end)
