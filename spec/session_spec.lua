--- Sessions: what may be fed and fetched, callables, shapes that change from run to run.
local helper = require "helper"
local neap = require "neap"

local graph

before_each(function()
  graph = neap.graph():as_default()
end)

describe("run", function()
  it("gives values in the structure of its fetches", function()
    local x = neap.constant { 1, 2 }
    local y = neap.constant(3)
    local session <close> = neap.session(graph)
    assert.equal(3, session:run(y))
    local values = session:run { x, y }
    assert.same({ 1, 2 }, values[1]:totable())
    assert.equal(3, values[2])
    values = session:run { first = y, rest = { x, deeper = { y, y } } }
    assert.equal(3, values.first)
    assert.same({ 1, 2 }, values.rest[1]:totable())
    assert.same({ 3, 3 }, values.rest.deeper)
    assert.same({}, session:run {})
  end)

  it("gives nil for an operation without a value, and false in a table", function()
    local nothing = neap.no_op()
    local session <close> = neap.session(graph)
    assert.is_nil(session:run(nothing))
    local values = session:run { nothing, neap.constant(1), last = nothing }
    assert.same({ false, 1, last = false }, values)
  end)

  it("gives false for false", function()
    local session <close> = neap.session(graph)
    assert.is_false(session:run(false))
    assert.same({ false, 2 }, session:run { false, neap.constant(2) })
  end)

  it("computes a node once, however often it is fetched", function()
    local x = neap.random_uniform { 3 }
    local session <close> = neap.session(graph)
    local values = session:run { x, x, { x } }
    assert.is_true(values[1]:tobytes() == values[2]:tobytes())
    assert.is_true(values[1]:tobytes() == values[3][1]:tobytes())
  end)

  it("gives Lua numbers and booleans at rank 0", function()
    local session <close> = neap.session(graph)
    assert.equal("float", math.type(session:run(neap.constant(1))))
    assert.equal("integer", math.type(session:run(neap.constant(1, "int32"))))
    assert.equal("integer", math.type(session:run(neap.constant(1, "uint8"))))
    assert.equal(true, session:run(neap.constant(true)))
    assert.equal(math.mininteger, session:run(neap.constant(math.mininteger, "int64")))
  end)
end)

describe("a feed", function()
  it("stands in for any node", function()
    local x = neap.placeholder("float32", { 2 })
    local h = x * 10
    local v = neap.variable { 1, 1 }
    local c = neap.constant { 5, 5 }
    local y = h + v + c
    local session <close> = neap.session(graph)
    assert.same({ 16, 26 }, session:run(y, { [x] = { 1, 2 } }):totable())
    assert.same({ 7, 8 }, session:run(y, { [h] = { 1, 2 } }):totable())
    assert.same({ 15, 16 }, session:run(y, { [h] = { 1, 2 }, [v] = { 9, 9 } }):totable())
    assert.same({ 2, 3 }, session:run(y, { [h] = { 1, 2 }, [c] = { 0, 0 } }):totable())
    assert.same({ 1, 1 }, session:get(v):totable())
  end)

  it("is given back when it is fetched", function()
    local x = neap.placeholder "float32"
    local h = x + 1
    local session <close> = neap.session(graph)
    assert.same({ 1, 2 }, session:run(x, { [x] = { 1, 2 } }):totable())
    assert.same({ 7 }, session:run(h, { [h] = { 7 } }):totable())
  end)

  it("is ignored where the run does not need it", function()
    local x, y = neap.placeholder("float32", {}), neap.placeholder("float32", {})
    local session <close> = neap.session(graph)
    assert.equal(2, session:run(x + 1, { [x] = 1, [y] = 5 }))
  end)

  it("cuts what is above it, effects too", function()
    local v = neap.variable(1)
    local add = neap.assign_add(v, 1)
    local y = add * 2
    local session <close> = neap.session(graph)
    assert.equal(20, session:run(y, { [add] = 10 }))
    assert.equal(1, session:get(v))
  end)

  it("may be a number, a table, a tensor or rows of tensors", function()
    local x = neap.placeholder "float32"
    local session <close> = neap.session(graph)
    local function gives(expected, value)
      local got = session:run(x * 2, { [x] = value })
      assert.same(expected, type(got) == "number" and got or got:totable())
    end
    gives(6, 3)
    gives({ 2, 4 }, { 1, 2 })
    gives({ { 2, 4 }, { 6, 8 } }, { { 1, 2 }, { 3, 4 } })
    gives({ 2, 4 }, neap.tensor { 1, 2 })
    gives({ { 2, 4 }, { 6, 8 } }, { neap.tensor { 1, 2 }, neap.tensor { 3, 4 } })
  end)

  it("does not change the tensor that is fed", function()
    local x = neap.placeholder "float32"
    local value = neap.tensor { 1, 2, 3 }
    local v = neap.variable { 0, 0, 0 }
    local y = neap.assign(v, x):square():negative()
    local session <close> = neap.session(graph)
    session:run(y, { [x] = value })
    session:run(neap.assign_add(v, { 1, 1, 1 }))
    assert.same({ 1, 2, 3 }, value:totable())
  end)

  it("may be of another size in each run", function()
    local x = neap.placeholder("float32", { -1, 3 })
    local w = neap.variable(helper.uniform(1, { 3, 2 }, -1, 1))
    local y = x:matmul(w):relu()
    local mean = y:reduce_mean()
    local sum = neap.gradients(y:reduce_sum(), w)
    local session <close> = neap.session(graph, { threads = 2 })
    local function rows(n)
      return helper.uniform(7, { n, 3 }, -1, 1)
    end
    local first
    for _, n in ipairs { 1, 7, 128, 0, 1, 7, 1000, 1 } do
      local values = session:run({ y, mean, sum }, { [x] = rows(n) })
      assert.same({ n, 2 }, values[1].shape)
      assert.same({ 3, 2 }, values[3].shape)
      if n == 0 then
        assert.is_true(values[2] ~= values[2])
        assert.same({ { 0, 0 }, { 0, 0 }, { 0, 0 } }, values[3]:totable())
      elseif n == 1 then
        first = first or values[1]:tobytes()
        assert.is_true(first == values[1]:tobytes())
      end
    end
  end)

  it("may be of another rank in each run", function()
    local x = neap.placeholder "float32"
    local y = (x * 2):reduce_sum()
    local session <close> = neap.session(graph)
    assert.equal(2, session:run(y, { [x] = 1 }))
    assert.equal(6, session:run(y, { [x] = { 1, 2 } }))
    assert.equal(20, session:run(y, { [x] = { { 1, 2 }, { 3, 4 } } }))
    assert.equal(0, session:run(y, { [x] = neap.tensor.zeros { 2, 0, 3 } }))
    assert.equal(6, session:run(y, { [x] = { 1, 2 } }))
  end)
end)

describe("a callable", function()
  it("is a function of its placeholders", function()
    local x, y = neap.placeholder("float32", {}), neap.placeholder("float32", {})
    local session <close> = neap.session(graph)
    local f = session:callable(x - y, { x, y })
    assert.equal(3, f(5, 2))
    assert.equal(-3, f(2, 5))
  end)

  it("gives the structure of its fetches", function()
    local x = neap.placeholder "float32"
    local session <close> = neap.session(graph)
    local f = session:callable({ double = x * 2, list = { x, neap.no_op() } }, { x })
    local values = f { 1, 2 }
    assert.same({ 2, 4 }, values.double:totable())
    assert.same({ 1, 2 }, values.list[1]:totable())
    assert.is_false(values.list[2])
  end)

  it("gives each of many fetches its own key, whatever the order of keys", function()
    local session <close> = neap.session(graph)
    for round = 1, 20 do
      local fetches = {}
      for i = 1, 2 * round do
        local c = neap.constant(i) * 2
        fetches["key" .. i * round] = i % 3 == 0 and c or i % 3 == 1 and neap.expand_dims(c, 0)
          or { inner = c }
      end
      for _, values in ipairs { session:callable(fetches, {})(), session:run(fetches) } do
        for i = 1, 2 * round do
          local value = values["key" .. i * round]
          local got = i % 3 == 0 and value or i % 3 == 1 and value[1] or value.inner
          assert.equal(2 * i, got)
        end
      end
    end
  end)

  it("takes shapes that change", function()
    local x = neap.placeholder "float32"
    local session <close> = neap.session(graph)
    local f = session:callable(x:reduce_sum(), { x })
    for n = 0, 20 do
      assert.equal(n, f(neap.tensor.ones { n }))
    end
    assert.equal(4, f(4))
  end)

  it("without placeholders takes nothing", function()
    local session <close> = neap.session(graph)
    local f = session:callable(neap.constant(3) + 1, {})
    assert.equal(4, f())
    assert.equal(4, f())
  end)

  it("gives the bits that run gives", function()
    local x = neap.placeholder("float32", { -1, 30 })
    local w = neap.variable(helper.uniform(2, { 30, 20 }, -1, 1))
    local y = neap.softmax(neap.tanh(x:matmul(w)))
    local session <close> = neap.session(graph)
    local f = session:callable(y, { x })
    local input = helper.uniform(3, { 17, 30 }, -1, 1)
    assert.is_true(session:run(y, { [x] = input }):tobytes() == f(input):tobytes())
  end)
end)

describe("a session", function()
  it("sees nodes that were made after it", function()
    local x = neap.constant(1)
    local session <close> = neap.session(graph)
    assert.equal(1, session:run(x))
    assert.equal(3, session:run(x + 2))
  end)

  it("keeps its graph alive", function()
    local y = graph:as_default(function()
      return neap.constant { 1, 2 } * 2
    end)
    local session <close> = neap.session(graph)
    graph = nil
    neap.graph():as_default()
    collectgarbage()
    assert.same({ 2, 4 }, session:run(y):totable())
  end)

  it("is of the default graph if no other is given", function()
    local y = neap.constant(2) + 3
    local session <close> = neap.session()
    assert.equal(5, session:run(y))
    local seeded <close> = neap.session { seed = 1 }
    assert.equal(5, seeded:run(y))
  end)

  it("closes once, and says so afterwards", function()
    local y = neap.constant(2)
    local session = neap.session(graph)
    local call = session:callable(y, {})
    session:close()
    session:close()
    assert.has_error(function()
      session:run(y)
    end)
    assert.has_error(function()
      call()
    end)
    assert.is_truthy(tostring(session))
  end)

  it("closes at the end of its block", function()
    local y = neap.constant(2)
    local kept
    do
      local session <close> = neap.session(graph)
      kept = session
      assert.equal(2, session:run(y))
    end
    assert.has_error(function()
      kept:run(y)
    end)
  end)

  it("is one of many on one graph, each with its own values", function()
    local v = neap.variable(0)
    local add = neap.assign_add(v, 1)
    local sessions = {}
    for i = 1, 20 do
      sessions[i] = neap.session(graph)
    end
    for i, session in ipairs(sessions) do
      for _ = 1, i do
        session:run(add)
      end
    end
    for i, session in ipairs(sessions) do
      assert.equal(i, session:get(v))
      session:close()
    end
  end)

  it("runs in a coroutine", function()
    local x = neap.placeholder("float32", {})
    local y = x * 2
    local session <close> = neap.session(graph)
    local routine = coroutine.wrap(function()
      for i = 1, 3 do
        coroutine.yield(session:run(y, { [x] = i }))
      end
    end)
    assert.same({ 2, 4, 6 }, { routine(), routine(), routine() })
  end)

  it("evicts plans that it has no room for, and makes them again", function()
    local x = neap.placeholder "float32"
    local nodes = {}
    for i = 1, 300 do
      nodes[i] = x * i + 1
    end
    local session <close> = neap.session(graph)
    for round = 1, 2 do
      for i, node in ipairs(nodes) do
        assert.same({ i * round + 1 }, session:run(node, { [x] = { round } }):totable())
      end
    end
    for n = 1, 300 do
      assert.equal(n, session:run(nodes[1], { [x] = neap.tensor.zeros { n } }).size)
    end
  end)
end)
