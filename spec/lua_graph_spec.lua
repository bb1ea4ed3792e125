--- Graphs, nodes and operations as Lua values.
--
-- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"

local graph, x

before_each(function()
  graph = neap.graph():as_default()
  x = neap.placeholder("float32", { -1, 2 }, "x")
end)

describe("a node", function()
  it("is one value, and a key", function()
    local y = x + 1
    assert.is_true(rawequal(x, y.inputs[1]))
    assert.is_true(rawequal(y, x.consumers[1]))
    assert.is_true(rawequal(x, graph:node "x"))
    assert.is_true(rawequal(graph, y.graph))
    assert.equal(5, ({ [x] = 5 })[y.inputs[1]])
  end)

  it("that nobody holds comes back, and keeps its graph", function()
    local before = tostring(x)
    x = nil
    collectgarbage()
    assert.equal(before, tostring(graph.placeholders[1]))
    local node = graph.placeholders[1]
    graph = nil
    neap.graph():as_default()
    collectgarbage()
    collectgarbage()
    assert.equal("x", node.name)
    assert.equal(1, #node.graph)
  end)

  it("has fields, which win over methods", function()
    local y = neap.matmul(x, { { 1, 2 }, { 3, 4 } }, { name = "y" })
    assert.equal("y", y.name)
    assert.equal("matmul", y.op)
    assert.equal("float32", y.dtype)
    assert.same({ -1, 2 }, y.shape)
    assert.equal(2, y.rank)
    assert.is_nil(y.size)
    assert.equal(4, y.inputs[2].size)
    assert.is_nil(neap.placeholder().shape)
    assert.is_nil(neap.placeholder().rank)
    assert.same({ transpose_a = false, transpose_b = false }, y.attributes)
    local group = neap.group { y }
    assert.is_nil(group.dtype)
    assert.is_nil(y[1])
    assert.is_nil(y[0])
  end)

  it("has its attributes as Lua values", function()
    local sum = neap.reduce_sum(x, { 0, 1 }, true)
    assert.same({ 0, 1 }, sum.attributes.axis)
    assert.equal(true, sum.attributes.keepdims)
    assert.equal("int32", neap.cast(x, "int32").attributes.dtype)
    assert.same({ 1, 2 }, neap.constant({ 1, 2 }).attributes.value:totable())
  end)

  it("says what it is", function()
    assert.equal('placeholder "x": float32 (?, 2)', tostring(x))
    assert.equal('group "group"', tostring(neap.group { x }))
    assert.equal('placeholder "placeholder": bool unknown', tostring(neap.placeholder "bool"))
    assert.equal("graph of 3 nodes, 2 placeholders, 0 variables", tostring(graph))
  end)

  it("has operations as methods, and no other field", function()
    assert.equal("reduce_sum", x:reduce_sum(0).op)
    helper.fails("no field 'concat' in node: did you mean 'neap.concat'?", function()
      return x.concat
    end)
    helper.fails("a node never changes", function()
      x.name = "z"
    end)
    for _, compare in ipairs {
      function() return x < 1 end, function() return #x end, function() return x .. "" end,
      function() return x() end, function() return x <= x end,
    } do
      assert.is_false((pcall(compare)))
    end
    assert.is_false(x == 1)
  end)

  it("has operators, with a node on either side", function()
    local cases = {
      { x + 1, "add" }, { 1 + x, "add" }, { x - x, "subtract" }, { 2 * x, "multiply" },
      { x / 2, "divide" }, { x ^ 2, "pow" }, { x % 2, "mod" }, { x // 2, "floor_divide" },
      { -x, "negative" }, { { 1, 2 } + x, "add" }, { neap.tensor { 1, 2 } - x, "subtract" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], case[1].op)
    end
    assert.equal("constant", (1 + x).inputs[1].op)
  end)
end)

describe("an operation's arguments", function()
  it("are inputs, then attributes by position", function()
    local y = neap.reduce_sum(x, 0, true)
    assert.same({ 1, 2 }, y.shape)
    assert.same({ -1, 1 }, neap.reduce_sum(x, 1, true).shape)
    assert.same({ 1, 1 }, neap.reduce_sum(x, nil, true).shape)
    assert.same({}, neap.reduce_sum(x, nil, nil, nil).shape)
    assert.same(x.shape, neap.reduce_sum(x, {}).shape)
    assert.same({}, neap.variable(1, {}).shape)
    assert.same({ 0 }, neap.constant({}, {}).shape)
    assert.is_nil(neap.placeholder({}).shape)
  end)

  it("are given by name in a last table, inputs too", function()
    assert.same({ -1, 1 }, neap.reduce_sum(x, { axis = 1, keepdims = true }).shape)
    assert.same({ -1, 1 }, neap.reduce_sum(x, 1, { keepdims = true }).shape)
    local z = neap.subtract { y = x, x = 5, name = "z" }
    assert.equal("z", z.name)
    assert.is_true(rawequal(x, z.inputs[2]))
  end)

  it("take the dtype of the other side, or what the operation asks", function()
    local ids = neap.placeholder("int64", { -1 })
    assert.equal("int64", (ids + 1).dtype)
    assert.equal("float64", (neap.constant(1, "float64") * { 1, 2 }).dtype)
    assert.equal("int64", neap.gather(x, { 0, 1 }).inputs[2].dtype)
    assert.equal("bool", neap.where({ true, false }, x, 0).inputs[1].dtype)
    local row = neap.tensor({ 0, 1 }, "int32") -- a tensor keeps its own
    assert.equal("int32", neap.gather(x, row).inputs[2].dtype)
    assert.equal("float32", neap.add(1, 2).dtype)
    helper.fails("add: input 'y': int64 cannot hold 0.5", function()
      return ids + 0.5
    end)
  end)

  it("that are a sequence may hold nodes and values", function()
    local y = neap.concat({ x, { { 1, 2 } }, neap.tensor { { 3, 4 } } }, 0)
    assert.equal(3, #y.inputs)
    local many = {}
    for i = 1, 100 do
      many[i] = x
    end
    assert.same({ -1, 200 }, neap.concat(many, 1).shape)
    helper.fails("concat: input 'x': a sequence of nodes expected, got node", function()
      return neap.concat(x, 0)
    end)
    helper.fails("concat: input 'x': [2] is nil: a hole in a sequence of 3", function()
      return neap.concat({ x, nil, x }, 0)
    end)
    helper.fails("concat: input 'x': a node or value expected, got string", function()
      return neap.concat({ x, "x" }, 0)
    end)
  end)

  it("may be a node where they are sizes", function()
    local shape = neap.shape(x)
    local y = neap.reshape(x, shape)
    assert.is_true(rawequal(shape, y.inputs[2]))
    assert.is_true(rawequal(shape, y.attributes.shape))
    assert.equal("zeros", neap.zeros(shape).op)
  end)

  it("of another kind are refused", function()
    helper.fails("reduce_sum: argument 'keepdims': a boolean expected, got number", function()
      return neap.reduce_sum(x, 0, 1)
    end)
    helper.fails("cast: argument 'dtype': the name of a dtype expected, got number", function()
      return neap.cast(x, 32)
    end)
    helper.fails("cast: argument 'dtype': no dtype 'float33': did you mean 'float32'?", function()
      return neap.cast(x, "float33")
    end)
    helper.fails("reshape: argument 'shape': an integer, a sequence of integers or a node "
      .. "expected, got string", function()
      return neap.reshape(x, "2")
    end)
    helper.fails("expand_dims: argument 'axis': 0.5 is not an integer", function()
      return neap.expand_dims(x, 0.5)
    end)
    helper.fails("reshape: argument 'shape': at [2]: 9.2233720368547758e+18 is too large for a "
      .. "float to be exact", function()
      return neap.reshape(x, { 1, 2 ^ 63 })
    end)
    assert.equal("expand_dims", neap.expand_dims(x, 1.0).op)
  end)

  it("of every operation may be anything without harm", function()
    local values = {
      false, "text", {}, { {} }, { x }, print, coroutine.create(print), io.stdout, 0 / 0, 1 << 62,
      x, neap.tensor { 1 }, graph, { axis = 1 }, -1, 2.5, setmetatable({}, { __len = type }),
    }
    local other <close> = neap.session(graph)
    values[#values + 1] = other
    for _, name in ipairs(neap.ops()) do
      for _, value in pairs(values) do
        for _, arguments in ipairs { { value }, { x, value }, { value, x }, { x, x, value } } do
          local ok, message = pcall(neap[name], table.unpack(arguments))
          assert.is_true(ok or type(message) == "string")
        end
      end
    end
  end)

  it("that fail leave the graph as it was", function()
    local count = #graph
    assert.is_false((pcall(neap.add, x, { 1, 2, 3 })))
    assert.is_false((pcall(neap.concat, { x, 1, "2" }, 0)))
    assert.is_false((pcall(neap.variable, 1, { name = "" })))
    assert.equal(count, #graph)
    assert.equal("constant", neap.constant(1).name)
  end)
end)

describe("the module", function()
  it("opens again with the same types", function()
    local loaded = package.loaded.neap
    package.loaded.neap = nil
    local again = require "neap"
    package.loaded.neap = loaded
    local y = again.add(x, 1)
    assert.is_true(rawequal(x, y.inputs[1]))
    assert.is_true(rawequal(graph, again.default_graph()))
  end)

  it("holds its Lua modules, which need no file", function()
    local path, cpath = package.path, package.cpath
    package.path, package.cpath = "", ""
    for _, name in ipairs { "train", "nn", "data", "canvas", "plot" } do
      assert.is_true(rawequal(neap[name], require("neap." .. name)))
    end
    package.path, package.cpath = path, cpath
  end)

  it("raises for what it has not", function()
    helper.fails("no function or module 'matmull' in neap: did you mean 'matmul'?", function()
      return neap.matmull
    end)
    assert.is_nil(neap[1])
  end)

  it("sets no global", function()
    for name in pairs(_G) do
      assert.is_nil(tostring(name):find "neap")
    end
  end)

  it("tells of itself", function()
    assert.is_truthy(neap.help("matmul"):find("^matmul%(a, b; transpose_a=false, "))
    assert.equal(neap.help "matmul", neap.help(neap.matmul))
    assert.is_truthy(neap.help():find("reduce_sum%(x; %[axis%], keepdims=false%)"))
    for _, name in ipairs(neap.ops()) do
      assert.is_truthy(neap.help(name):find(name, 1, true))
      assert.equal("function", type(neap[name]))
    end
    local config = neap.config()
    assert.equal(neap.version, config.version)
    assert.is_true(config.processors >= 1)
    helper.fails("help: unknown operation 'multiplicate'", function()
      return neap.help "multiplicate"
    end)
    assert.is_false((pcall(neap.set_threads, -1)))
    assert.is_false((pcall(neap.set_threads, "2")))
    neap.set_threads(0)
  end)
end)

describe("a scope around a function", function()
  it("passes what the function returns", function()
    assert.same({ 1, nil, 3, n = 3 }, table.pack(neap.name_scope("s", function()
      return 1, nil, 3
    end)))
    assert.same({ n = 0 }, table.pack(graph:as_default(function() end)))
  end)

  it("ends with the function, however that ends", function()
    local other = neap.graph()
    local object = {}
    for _, enter in ipairs {
      function(f) other:as_default(f) end,
      function(f) neap.name_scope("s", f) end,
      function(f) neap.control_dependencies({ x }, f) end,
    } do
      local ok, message = pcall(enter, function()
        error(object)
      end)
      assert.is_false(ok)
      assert.is_true(rawequal(object, message))
      local ok_yield = coroutine.wrap(function()
        return pcall(enter, coroutine.yield)
      end)()
      assert.is_false(ok_yield)
      assert.is_false(coroutine.resume(coroutine.create(enter), error))
      assert.is_true(rawequal(graph, neap.default_graph()))
      local y = neap.add(x, x)
      assert.is_nil(y.name:find "/")
    end
  end)

  it("wants a function", function()
    helper.fails("name_scope: a function expected, got nothing", function()
      return neap.name_scope "s"
    end)
    helper.fails("graph.as_default: a function expected, got number", function()
      return graph:as_default(5)
    end)
    assert.equal(7, neap.name_scope("s", setmetatable({}, { __call = function()
      return 7
    end })))
  end)
end)

describe("gradients", function()
  it("are a node for a node, a sequence for a sequence", function()
    local y, z = x * x, neap.placeholder("float32", {}, "z")
    assert.equal("float32", neap.gradients(y, x).dtype)
    assert.is_nil(neap.gradients(y, z))
    local both = neap.gradients({ y, y }, { x, z })
    assert.equal(2, #both)
    assert.equal(false, both[2])
    assert.equal("float32", neap.gradients(y, { x }, { neap.ones_like(y) })[1].dtype)
    helper.fails("gradients: argument 'grad_ys': 1 given for 2 ys", function()
      return neap.gradients({ y, y }, x, { y })
    end)
    helper.fails("gradients: argument 'xs': at [1]: a node expected, got number", function()
      return neap.gradients(y, { 1 })
    end)
    helper.fails("gradients: argument 'xs': a node or a sequence of nodes expected, got nil",
      function()
        return neap.gradients(y)
      end)
  end)
end)
