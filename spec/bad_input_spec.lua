--- Bad input: each with its whole error text. After each the session gives the bits that it gave
-- before, no variable has changed, and nothing has leaked.
local helper = require "helper"
local neap = require "neap"

local graph, session, x, y, v, model, feeds, expected, state

before_each(function()
  graph = neap.graph():as_default()
  x = neap.placeholder("float32", { -1, 3 }, "x")
  y = neap.placeholder("float64", {}, "y")
  v = neap.variable({ { 1, 2 }, { 3, 4 }, { 5, 6 } }, { name = "v" })
  model = neap.softmax(x:matmul(v))
  session = neap.session(graph, { seed = 1 })
  feeds = { [x] = { { 0.1, 0.2, 0.3 } } }
  expected = session:run(model, feeds):tobytes()
  state = session:get(v):tobytes()
end)

after_each(function()
  assert.is_true(expected == session:run(model, feeds):tobytes())
  assert.is_true(state == session:get(v):tobytes())
  session:close()
end)

--- Asserts the text of a failure, also after hundreds, and that a hundred more leave nothing
-- behind: not a node, not a byte that a collection does not find.
local function fails(text, call)
  local function hundred()
    for _ = 1, 100 do
      pcall(call)
    end
    collectgarbage()
    collectgarbage()
    return collectgarbage "count"
  end
  helper.fails(text, call)
  hundred()
  local nodes, before = #graph, hundred()
  local grown = hundred() - before
  assert.equal(nodes, #graph)
  assert.is_true(grown < 2, ("%.1f KiB have leaked"):format(grown))
  helper.fails(text, call)
end

describe("an unknown", function()
  it("operation is no field of neap", function()
    fails("help: unknown operation 'multiplicate'", function()
      return neap.help "multiplicate"
    end)
    fails("help: unknown operation 'matmull': did you mean 'matmul'?", function()
      return neap.help "matmull"
    end)
  end)

  it("attribute is named, with those that there are", function()
    fails("reduce_sum: unknown argument 'axes', known are: x, axis, keepdims, name", function()
      return neap.reduce_sum(x, { axes = 1 })
    end)
  end)

  it("option of a variable is named", function()
    fails("variable: unknown argument 'trainabel', known are: initial, name, dtype, trainable",
      function()
        return neap.variable(1, { trainabel = false })
      end)
  end)

  it("option of a session is named", function()
    fails("session: unknown argument 'seeds', known are: graph, threads, memory_limit, seed, "
      .. "device, passes, log, isa", function()
        return neap.session(graph, { seeds = 1 })
      end)
  end)

  it("pass is named, with those that there are", function()
    for _, passes in ipairs { "", ",", "fuse,", ",fuse", "fold,,fuse", "none,fuse", " fuse" } do
      fails(('session: passes "%s": there are fold, simplify, merge, fuse and place; or none')
        :format(passes), function()
          return neap.session(graph, { passes = passes })
        end)
    end
    fails('session: passes "fusion": there are fold, simplify, merge, fuse and place; or none',
      function()
        return neap.session(graph, { passes = "fusion" })
      end)
  end)

  it("dtype is named", function()
    fails("placeholder: argument 'dtype': no dtype 'float31': did you mean 'float32'?", function()
      return neap.placeholder "float31"
    end)
    local _, message = pcall(neap.tensor, { 1 }, "double")
    assert.matches("tensor: argument 'dtype': no dtype 'double', there are: float32, float64, ",
      message, 1, true)
  end)

  it("field of a node is named", function()
    fails("no field 'colour' in node", function()
      return x.colour
    end)
  end)

  it("optimizer's option is named", function()
    fails("adam: unknown argument 'betta1', known are: beta1, beta2, epsilon, learning_rate",
      function()
        return neap.train.adam { learning_rate = 1, betta1 = 0.9 }
      end)
  end)
end)

describe("arguments", function()
  it("too few are counted", function()
    fails("add: 2 inputs expected (x y), got 1", function()
      return neap.add(x)
    end)
    fails("add: 2 inputs expected (x y), got 0", function()
      return neap.add()
    end)
  end)

  it("too many are counted", function()
    fails("square: at most 1 argument expected, got 2", function()
      return neap.square(x, x)
    end)
  end)

  it("of another type are named", function()
    for name, value in pairs { string = "3", ["function"] = print, ["FILE*"] = io.stdout } do
      fails(("add: input 'y': a node or value expected, got %s"):format(name), function()
        return neap.add(x, value)
      end)
    end
  end)

  it("given twice are named", function()
    fails("reduce_sum: argument 'axis' is given twice", function()
      return neap.reduce_sum(x, 1, { axis = 1 })
    end)
  end)

  it("that mix names and values are refused", function()
    fails("reduce_sum: attributes by name and a value by number in one table", function()
      return neap.reduce_sum(x, { 1, keepdims = true })
    end)
  end)

  it("that are no integers are refused", function()
    fails("reduce_sum: argument 'axis': 0.5 is not an integer", function()
      return neap.reduce_sum(x, 0.5)
    end)
    fails("reduce_sum: argument 'axis': an integer or a sequence of integers expected, got string",
      function()
        return neap.reduce_sum(x, "1")
      end)
    fails("reduce_sum: argument 'axis': at [2]: nan is not an integer", function()
      return neap.reduce_sum(x, { 0, 0 / 0 })
    end)
  end)

  it("given with ':' in place of '.' are refused", function()
    fails("add: call it with '.', not ':'", function()
      return neap:add(x, x)
    end)
  end)

  it("of a method called with '.' are refused", function()
    fails("session.run: call it with ':' on a session, got node", function()
      return session.run(model)
    end)
    fails("graph.node: call it with ':' on a graph, got string", function()
      return graph.node "x"
    end)
  end)

  it("that are userdata of another type are refused", function()
    fails("session.run: call it with ':' on a session, got FILE*", function()
      return session.run(io.stdout, model)
    end)
    fails("session.get: a node expected, got FILE*", function()
      return session:get(io.stdout)
    end)
  end)

  it("that are no variable are refused", function()
    fails('assign "assign": input variable is placeholder "x", not a variable', function()
      return neap.assign(x, 1)
    end)
    fails('session.get: placeholder "x" is not a variable', function()
      return session:get(x)
    end)
  end)
end)

describe("shapes that do not agree", function()
  it("are both printed, with the operation and the node", function()
    local a, b = neap.zeros { 128, 784 }, neap.zeros { 512, 10 }
    fails('matmul "hidden/product": inner dimensions differ: (128, 784) x (512, 10)', function()
      return neap.matmul(a, b, { name = "hidden/product" })
    end)
    fails('add "sum": shapes do not broadcast: (128, 784) and (512, 10)', function()
      return neap.add(a, b, { name = "sum" })
    end)
  end)

  it("are told when they are known only at run time, with the place of the node", function()
    local w = neap.placeholder("float32", nil, "w")
    local line = debug.getinfo(1, "l").currentline + 1
    local product = neap.matmul(x, w, { name = "product" })
    fails('matmul "product": inner dimensions differ: (1, 3) x (4, 2)'
      .. (" (made at spec/bad_input_spec.lua:%d)"):format(line), function()
      return session:run(product, { [x] = { { 1, 2, 3 } }, [w] = neap.tensor.zeros { 4, 2 } })
    end)
  end)
end)

describe("dtypes that differ", function()
  it("are both named", function()
    fails('add "add": dtypes differ: float32 and float64 (inputs x and y)', function()
      return x + y
    end)
  end)

  it("from what an operation takes are named", function()
    local flag = neap.constant(true)
    fails('exp "exp": input x is bool; it takes float32, float64, float16, bfloat16', function()
      return flag:exp()
    end)
  end)
end)

describe("a node of another graph", function()
  local other

  before_each(function()
    other = neap.graph():as_default(function()
      return neap.placeholder("float32", {}, "other")
    end)
  end)

  it("is refused as input, fetch, feed, and by gradients", function()
    fails('add: placeholder "other" is a node of another graph', function()
      return x + other
    end)
    fails('session.run: fetch placeholder "other" is a node of another graph', function()
      return session:run(other)
    end)
    fails('session.run: feed "other": it is a node of another graph', function()
      return session:run(model, { [x] = { { 1, 2, 3 } }, [other] = 1 })
    end)
    fails('gradients: placeholder "other" is a node of another graph', function()
      return neap.gradients(model, other)
    end)
  end)
end)

describe("a feed", function()
  it("that is missing is named, with what it should be", function()
    fails('placeholder "x": no value was fed (float32, shape (?, 3)); matmul "matmul" needs it'
      .. " (made at spec/bad_input_spec.lua:10)", function()
      return session:run(model)
    end)
  end)

  it("of the wrong shape is told", function()
    fails('placeholder "x": fed with shape (1, 2), it takes (?, 3)', function()
      return session:run(model, { [x] = { { 1, 2 } } })
    end)
    fails('placeholder "x": fed with shape (3,), it takes (?, 3)', function()
      return session:run(model, { [x] = { 1, 2, 3 } })
    end)
    fails('placeholder "x": fed with shape (), it takes (?, 3)', function()
      return session:run(model, { [x] = 1 })
    end)
  end)

  it("of the wrong dtype is told", function()
    fails('session.run: feed "x": a tensor of float64 where float32 is expected', function()
      return session:run(model, { [x] = neap.tensor({ { 1, 2, 3 } }, "float64") })
    end)
    fails('session.run: feed "x": [1][1] is a boolean, expected a number', function()
      return session:run(model, { [x] = { { true, false, true } } })
    end)
  end)

  it("that is not for a node is refused", function()
    fails("session.run: feeds: a node expected as key, got string", function()
      return session:run(model, { x = { { 1, 2, 3 } } })
    end)
    fails("session.run: feeds: a node expected as key, got number", function()
      return session:run(model, { { { 1, 2, 3 } } })
    end)
    fails("session.run: argument 'feeds': a table expected, got number", function()
      return session:run(model, 5)
    end)
  end)

  it("of a number that the dtype cannot hold is refused", function()
    local ids = neap.placeholder("int32", {}, "ids")
    fails('session.run: feed "ids": int32 cannot hold 0.5', function()
      return session:run(ids, { [ids] = 0.5 })
    end)
    fails('session.run: feed "ids": int32 cannot hold 2147483648', function()
      return session:run(ids, { [ids] = 1 << 31 })
    end)
  end)

  it("of a callable is checked in the same way", function()
    local call = session:callable(model, { x })
    fails('placeholder "x": fed with shape (1, 2), it takes (?, 3)', function()
      return call { { 1, 2 } }
    end)
    fails("callable: 1 value expected, got 0", function()
      return call()
    end)
    fails("callable: 1 value expected, got 2", function()
      return call({ { 1, 2, 3 } }, 1)
    end)
  end)
end)

describe("a fetch", function()
  it("that is not a node is refused", function()
    fails("session.run: argument 'fetches': a node or a table of nodes expected, got string",
      function()
        return session:run "model"
      end)
    fails("session.run: fetch [2]: a node, a table or false expected, got number", function()
      return session:run { model, 3 }
    end)
    fails("session.run: argument 'fetches': a node or a table of nodes expected, got nil",
      function()
        return session:run()
      end)
  end)
end)

describe("a closed session", function()
  it("says so", function()
    local closed = neap.session(graph)
    local call = closed:callable(model, { x })
    closed:close()
    fails("session.run: the session is closed", function()
      return closed:run(model)
    end)
    fails("session.get: the session is closed", function()
      return closed:get(v)
    end)
    fails("callable: the session is closed", function()
      return call { { 1, 2, 3 } }
    end)
  end)
end)

describe("a table", function()
  it("that is ragged says where", function()
    fails("tensor: row 2 has 1 element, expected 2 (at [2])", function()
      return neap.tensor { { 1, 2 }, { 3 } }
    end)
    fails("constant: row 2 has 3 elements, expected 2 (at [2])", function()
      return neap.constant { { 1, 2 }, { 3, 4, 5 } }
    end)
    fails("tensor: [1][2] is a number, expected a row", function()
      return neap.tensor { { { 1, 2 }, 3 } }
    end)
  end)

  it("with a hole says where", function()
    fails("tensor: [2] is nil: a hole in a sequence of 3", function()
      return neap.tensor { 1, nil, 3 }
    end)
  end)

  it("of mixed types says where", function()
    fails("tensor: [2] is a string, expected a number", function()
      return neap.tensor { 1, "2", 3 }
    end)
    fails("tensor: [2] is a boolean, expected a number", function()
      return neap.tensor { 1, true }
    end)
  end)

  it("that holds itself is refused", function()
    local t = {}
    t[1] = t
    fails("tensor: tables nested more than 8 deep, or a cycle (at [1][1][1][1][1][1][1][1])",
      function()
        return neap.tensor(t)
      end)
  end)

  it("with a node inside is refused", function()
    fails("constant: [1] is a node, expected a number or boolean", function()
      return neap.constant { x }
    end)
  end)
end)

describe("a dimension", function()
  it("that is not a number, negative or fractional is refused", function()
    fails("placeholder: argument 'shape': at [1]: nan is not an integer", function()
      return neap.placeholder("float32", { 0 / 0 })
    end)
    fails("placeholder: argument 'shape': at [2]: 1.5 is not an integer", function()
      return neap.placeholder("float32", { 1, 1.5 })
    end)
    fails("placeholder: argument 'shape': at [1]: inf is not an integer", function()
      return neap.placeholder("float32", { math.huge })
    end)
    fails('placeholder "placeholder": shape: dimension 0 is negative: -2', function()
      return neap.placeholder("float32", { -2 })
    end)
    fails("placeholder: argument 'shape': at [1]: an integer expected, got string", function()
      return neap.placeholder("float32", { "10" })
    end)
  end)

  it("so large that the size overflows is refused before any memory is taken", function()
    local many <const> = " has more than 2^62 elements"
    fails('placeholder "placeholder": shape: (2147483648, 2147483648, 4)' .. many, function()
      return neap.placeholder("float32", { 1 << 31, 1 << 31, 4 })
    end)
    fails('zeros "zeros": shape: (4294967296, 4294967296)' .. many, function()
      return neap.zeros { 1 << 32, 1 << 32 }
    end)
    fails("tensor.zeros: (4611686018427387904, 2)" .. many, function()
      return neap.tensor.zeros { 1 << 62, 2 }
    end)
    fails('placeholder "placeholder": shape: (0, 4294967296, 4294967296)' .. many, function()
      return neap.placeholder("float32", { 0, 1 << 32, 1 << 32 })
    end)
  end)

  it("of zero leaves the others", function()
    assert.same({ 0, 1 << 40 }, neap.placeholder("float32", { 0, 1 << 40 }).shape)
  end)

  it("too many is refused", function()
    fails("placeholder: argument 'shape': rank 9 is more than 8", function()
      return neap.placeholder("float32", { 1, 1, 1, 1, 1, 1, 1, 1, 1 })
    end)
  end)

  it("that only a run knows is checked there", function()
    local n = neap.placeholder("int64", { 2 })
    local zeros = neap.zeros(n, { name = "z" })
    local line = debug.getinfo(1, "l").currentline - 1
    local made <const> = (" (made at spec/bad_input_spec.lua:%d)"):format(line)
    fails('zeros "z": shape[1] = -1 is negative' .. made, function()
      return session:run(zeros, { [n] = neap.tensor({ 1, -1 }, "int64") })
    end)
    fails('zeros "z": shape: (4294967296, 4294967296) has more than 2^62 elements' .. made,
      function()
        return session:run(zeros, { [n] = neap.tensor({ 1 << 32, 1 << 32 }, "int64") })
      end)
  end)
end)

describe("an index out of range", function()
  it("is told with its place and value, and the place of the node", function()
    local ids = neap.placeholder("int64", { -1, 2 }, "ids")
    local line = debug.getinfo(1, "l").currentline + 1
    local rows = neap.gather(v, ids, { name = "rows" })
    local made <const> = (" (made at spec/bad_input_spec.lua:%d)"):format(line)
    fails('gather "rows": indices[1, 0] = 3 is not in [0, 3)' .. made, function()
      return session:run(rows, { [ids] = { { 0, 1 }, { 3, 9 } } })
    end)
    fails('gather "rows": indices[0, 1] = -1 is not in [0, 3)' .. made, function()
      return session:run(rows, { [ids] = { { 0, -1 } } })
    end)
  end)

  it("is told of a label", function()
    local labels = neap.placeholder("int64", { -1 }, "labels")
    local line = debug.getinfo(1, "l").currentline + 1
    local loss = neap.sparse_softmax_cross_entropy_with_logits(labels, x, { name = "loss" })
    fails('sparse_softmax_cross_entropy_with_logits "loss": labels[1] = 3 is not in [0, 3)'
      .. (" (made at spec/bad_input_spec.lua:%d)"):format(line), function()
      return session:run(loss, { [labels] = { 2, 3 }, [x] = { { 1, 2, 3 }, { 1, 2, 3 } } })
    end)
  end)

  it("of the result's dtype is refused where the axis is longer, when built or run", function()
    local size = neap.placeholder("int64", {}, "size")
    local known = neap.placeholder("int8", { 1 << 31 })
    local unknown = neap.zeros(size, "int8")
    local best = unknown:argmax(0, "int32")
    local text <const> = "int32 does not hold the indices of axis 0 of (2147483648,)"
    fails('argmax "argmax_1": ' .. text, function()
      return known:argmax(0, "int32")
    end)
    local failure = helper.failure(session.run, session, best, { [size] = 1 << 31 })
    assert.is_truthy(failure:find('argmax "argmax": ' .. text, 1, true), failure)
    assert.equal(0, session:run(best, { [size] = 7 }))
    assert.same({}, known:argmax(0, "int64").shape)
  end)
end)

describe("a name", function()
  it("may hold anything, and is quoted in messages", function()
    local odd = neap.placeholder("float32", { 2 }, 'a\n"b" %n\\')
    local three = neap.zeros { 3 }
    fails('add "add": shapes do not broadcast: (2,) and (3,)', function()
      return odd + three
    end)
    local text = helper.failure(session.run, session, odd)
    assert.is_nil(text:find "%c")
    assert.is_truthy(text:find("%n", 1, true))
  end)

  it("with a zero byte is refused", function()
    fails("placeholder: argument 'name': a zero byte in a string", function()
      return neap.placeholder("float32", {}, "a\0b")
    end)
  end)
end)

describe("an error of a C function", function()
  it("is told by the name of the Lua function", function()
    fails("tensor.reshape: shape (1,) cannot become (2,)", function()
      return neap.tensor.ones({ 1 }):reshape { 2 }
    end)
    fails("tensor: only one dimension may be -1", function()
      return neap.tensor({ 1, 2 }, "float32", { -1, -1 })
    end)
    fails("set_threads: -1 is not between 0 and 1024", function()
      return neap.set_threads(-1)
    end)
  end)
end)
