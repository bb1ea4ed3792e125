--- Variables: reads, assignments and the one commit at the end of a run; initial values.
local helper = require "helper"
local neap = require "neap"

local graph

before_each(function()
  graph = neap.graph():as_default()
end)

describe("reading a variable", function()
  it("gives its value before the run, whatever is assigned in it", function()
    local v = neap.variable(1)
    local read = v * 10
    local assign = neap.assign(v, 5)
    local session <close> = neap.session(graph)
    local values = session:run { read, assign, v }
    assert.same({ 10, 5, 1 }, values)
    assert.equal(5, session:get(v))
    assert.same({ 50, 5, 5 }, session:run { read, assign, v })
  end)

  it("does so when the read was made after the assignment", function()
    local v = neap.variable(1)
    local assign = neap.assign_add(v, 1)
    local read = v + 0
    local session <close> = neap.session(graph)
    assert.same({ 2, 1 }, session:run { assign, read })
    assert.same({ 3, 2 }, session:run { assign, read })
  end)

  it("gives the new value behind a control dependency", function()
    local v = neap.variable(1)
    local assign = neap.assign(v, 5)
    local after = neap.control_dependencies({ assign }, function()
      return neap.identity(v)
    end)
    local session <close> = neap.session(graph)
    assert.equal(5, session:run(after))
    assert.equal(5, session:get(v))
  end)

  it("gives the new value through the assignment's result", function()
    local v = neap.variable { 1, 2 }
    local doubled = neap.assign(v, v * 3) * 2
    local session <close> = neap.session(graph)
    assert.same({ 6, 12 }, session:run(doubled):totable())
    assert.same({ 18, 36 }, session:run(doubled):totable())
  end)

  it("sees only the assignments of its own run", function()
    local v = neap.variable(1)
    local assign = neap.assign(v, 5)
    local read = neap.identity(v)
    local session <close> = neap.session(graph)
    assert.equal(1, session:run(read))
    session:run(assign)
    assert.equal(5, session:run(read))
  end)
end)

describe("assignments", function()
  it("chain in the order of creation", function()
    local v = neap.variable(2)
    local first = neap.assign_add(v, 3)
    local second = neap.assign(v, 7)
    local third = neap.assign_sub(v, 1)
    local session <close> = neap.session(graph)
    assert.same({ 6, 7, 5 }, session:run { third, second, first })
    assert.equal(6, session:get(v))
    assert.same({ 9, 8 }, session:run { first, third })
    assert.equal(8, session:get(v))
  end)

  it("take values that were computed from other variables before the run", function()
    local a, b = neap.variable(1), neap.variable(2)
    local swap = neap.group { neap.assign(a, b), neap.assign(b, a) }
    local session <close> = neap.session(graph)
    session:run(swap)
    assert.equal(2, session:get(a))
    assert.equal(1, session:get(b))
    session:run(swap)
    assert.equal(1, session:get(a))
  end)

  it("swap large tensors too", function()
    local a = neap.variable(helper.uniform(1, { 300, 300 }, -1, 1))
    local b = neap.variable(helper.uniform(2, { 300, 300 }, -1, 1))
    local swap = neap.group { neap.assign(a, b), neap.assign(b, a) }
    local session <close> = neap.session(graph)
    local was_a, was_b = session:get(a):tobytes(), session:get(b):tobytes()
    session:run(swap)
    assert.is_true(was_b == session:get(a):tobytes())
    assert.is_true(was_a == session:get(b):tobytes())
  end)

  it("may read what they write, moved about", function()
    local v = neap.variable { { 1, 2 }, { 3, 4 } }
    local session <close> = neap.session(graph)
    session:run(neap.assign(v, v:transpose()))
    assert.same({ { 1, 3 }, { 2, 4 } }, session:get(v):totable())
    session:run(neap.assign_add(v, v:transpose()))
    assert.same({ { 2, 5 }, { 5, 8 } }, session:get(v):totable())
    session:run(neap.assign(v, v:gather({ 1, 0 })))
    assert.same({ { 5, 8 }, { 2, 5 } }, session:get(v):totable())
    session:run(neap.assign(v, v:matmul(v)))
    assert.same({ { 41, 80 }, { 20, 41 } }, session:get(v):totable())
  end)

  it("happen only if they are fetched, or something fetched depends on them", function()
    local v = neap.variable(1)
    neap.assign(v, 5)
    local x = neap.constant(3) * 2
    local session <close> = neap.session(graph)
    session:run(x)
    assert.equal(1, session:get(v))
  end)

  it("happen once in a run, however often they are fetched", function()
    local v = neap.variable(1)
    local add = neap.assign_add(v, 1)
    local session <close> = neap.session(graph)
    assert.same({ 2, 2, 4 }, session:run { add, add, add * 2 })
    assert.equal(2, session:get(v))
  end)

  it("act in each run of a callable", function()
    local v, x = neap.variable(0), neap.placeholder("float32", {})
    local session <close> = neap.session(graph)
    local add = session:callable(neap.assign_add(v, x), { x })
    for i = 1, 100 do
      assert.equal(i * (i + 1) / 2, add(i))
    end
  end)
end)

describe("a fetched value", function()
  it("stays what it was when the variable changes", function()
    for _, shape in ipairs { { 3 }, { 200, 300 } } do
      local v = neap.variable(helper.uniform(5, shape, -1, 1))
      local add = neap.assign_add(v, neap.ones(shape))
      local session <close> = neap.session(graph)
      local before = session:run(v)
      local bytes = before:tobytes()
      local got = session:get(v)
      local result = session:run(add)
      local result_bytes = result:tobytes()
      for _ = 1, 3 do
        session:run(add)
      end
      assert.is_true(bytes == before:tobytes())
      assert.is_true(bytes == got:tobytes())
      assert.is_true(result_bytes == result:tobytes())
      session:set(v, neap.tensor.zeros(shape))
      session:run(add)
      assert.is_true(bytes == before:tobytes())
    end
  end)

  it("outlives its session", function()
    local v = neap.variable { 1, 2, 3 }
    local session = neap.session(graph)
    local value = session:run(v)
    session:close()
    collectgarbage()
    assert.same({ 1, 2, 3 }, value:totable())
  end)
end)

describe("set", function()
  it("gives a variable a value, which the first run leaves", function()
    local v = neap.variable(1)
    local session <close> = neap.session(graph)
    session:set(v, 7)
    assert.equal(7, session:run(v))
    assert.equal(8, session:run(neap.assign_add(v, 1)))
  end)

  it("copies what it is given before the first write", function()
    local v = neap.variable { 1, 2 }
    local value = neap.tensor { 5, 6 }
    local session <close> = neap.session(graph)
    session:set(v, value)
    session:run(neap.assign_add(v, { 1, 1 }))
    assert.same({ 5, 6 }, value:totable())
    assert.same({ 6, 7 }, session:get(v):totable())
  end)

  it("leaves the values of other sessions", function()
    local v = neap.variable(1)
    local one <close> = neap.session(graph)
    local other <close> = neap.session(graph)
    one:set(v, 7)
    assert.equal(1, other:get(v))
    assert.equal(7, one:get(v))
  end)

  it("refuses another shape or dtype, and leaves the value", function()
    local v = neap.variable { 1, 2 }
    local session <close> = neap.session(graph)
    assert.has_error(function()
      session:set(v, { 1, 2, 3 })
    end)
    assert.has_error(function()
      session:set(v, neap.tensor({ 1, 2 }, "float64"))
    end)
    assert.same({ 1, 2 }, session:get(v):totable())
  end)
end)

describe("an initial value", function()
  it("may be a node", function()
    local v = neap.variable(neap.zeros { 2, 3 } + 4)
    assert.same({ 2, 3 }, v.shape)
    local session <close> = neap.session(graph)
    assert.same({ { 4, 4, 4 }, { 4, 4, 4 } }, session:get(v):totable())
  end)

  it("may depend on other variables, in any order of first use", function()
    local a = neap.variable(3)
    local b = neap.variable(a * 2)
    local c = neap.variable(b + a)
    local session <close> = neap.session(graph)
    assert.equal(9, session:get(c))
    local other <close> = neap.session(graph)
    assert.same({ 9, 6, 3 }, other:run { c, b, a })
  end)

  it("takes the other variable's value, as it was set", function()
    local a = neap.variable(3)
    local b = neap.variable(a * 2)
    local session <close> = neap.session(graph)
    session:set(a, 10)
    assert.equal(20, session:get(b))
  end)

  it("is drawn once, the same in whichever run it is needed and after initialize", function()
    local v = neap.variable(neap.random_uniform { 4 })
    local w = neap.variable(neap.random_uniform { 4 })
    local draw = neap.random_uniform { 4 }
    local session <close> = neap.session(graph, { seed = 1 })
    local first, second = session:get(v):tobytes(), session:get(w):tobytes()
    assert.is_false(first == second)
    session:run { neap.assign(v, draw), neap.assign(w, draw) }
    session:initialize()
    assert.is_true(first == session:run(v):tobytes())
    local other <close> = neap.session(graph, { seed = 1 })
    other:run(draw)
    assert.is_true(second == other:get(w):tobytes())
    assert.is_true(first == other:run(v):tobytes())
  end)

  it("comes back with initialize", function()
    local v, w = neap.variable(1), neap.variable { 2, 3 }
    local session <close> = neap.session(graph)
    session:run { neap.assign(v, 5), neap.assign_add(w, { 1, 1 }) }
    session:initialize()
    assert.equal(1, session:get(v))
    assert.same({ 2, 3 }, session:get(w):totable())
  end)

  it("is computed by get for that variable alone", function()
    local a = neap.variable(1)
    local ids = neap.constant({ 9 }, "int64")
    local broken = neap.variable(neap.gather({ 1, 2 }, neap.identity(ids) * 1))
    local session <close> = neap.session(graph)
    assert.equal(1, session:get(a))
    assert.has_error(function()
      session:get(broken)
    end)
    assert.equal(1, session:get(a))
    assert.equal(2, session:run(a + 1))
  end)

  it("is all or nothing in initialize", function()
    local a = neap.variable(1)
    neap.variable(neap.gather({ 1, 2 }, neap.constant({ 9 }, "int64") * 1))
    local session <close> = neap.session(graph)
    session:set(a, 7)
    assert.has_error(function()
      session:initialize()
    end)
    assert.equal(7, session:get(a))
  end)

  it("serves variables that are made after the session", function()
    local a = neap.variable(1)
    local session <close> = neap.session(graph)
    session:run(neap.assign_add(a, 1))
    local b = neap.variable(a * 10)
    assert.equal(20, session:get(b))
    assert.equal(2, session:get(a))
  end)

  it("is a copy of a tensor that the script keeps", function()
    local value = neap.tensor { 1, 2 }
    local v = neap.variable(value)
    local session <close> = neap.session(graph)
    session:run(neap.assign_add(v, { 5, 5 }))
    assert.same({ 1, 2 }, value:totable())
    session:initialize()
    assert.same({ 1, 2 }, session:get(v):totable())
  end)
end)

describe("a run that fails", function()
  --- A graph where an index that is fed decides whether the run fails, after assignments.
  local function model()
    local v = neap.variable({ 1, 2, 3 }, { name = "v" })
    local big = neap.variable(helper.uniform(3, { 200, 200 }, -1, 1), { name = "big" })
    local drawn = neap.variable({ 0, 0 }, { name = "drawn" })
    local index = neap.placeholder("int64", { 1 })
    local writes = {
      neap.assign(v, v + 1), neap.assign(big, big * 2),
      neap.assign(drawn, neap.random_uniform { 2 }),
    }
    local behind = neap.control_dependencies(writes, function()
      return neap.gather(v, index)
    end)
    local beside = neap.gather(v, index)
    return index, writes, behind, beside, neap.random_normal { 3 }
  end

  it("leaves every variable and the random state as they were", function()
    local index, writes, behind, beside, draw = model()
    local victim <close> = neap.session(graph, { seed = 42, threads = 2 })
    local twin <close> = neap.session(graph, { seed = 42, threads = 2 })
    for _, session in ipairs { victim, twin } do
      session:run({ writes, draw }, { [index] = { 0 } })
    end
    local before = helper.state(victim, graph)
    for _ = 1, 3 do
      assert.has_error(function()
        victim:run(behind, { [index] = { 3 } })
      end)
      assert.has_error(function()
        victim:run({ writes, beside, draw }, { [index] = { -1 } })
      end)
      assert.has_error(function()
        victim:run({ draw, beside }, { [index] = { 1 << 40 } })
      end)
    end
    assert.is_true(before == helper.state(victim, graph))
    local after = victim:run({ writes, behind, draw }, { [index] = { 2 } })
    local expected = twin:run({ writes, behind, draw }, { [index] = { 2 } })
    assert.is_true(after[3]:tobytes() == expected[3]:tobytes())
    assert.is_true(helper.state(victim, graph) == helper.state(twin, graph))
  end)

  it("leaves them in a callable too", function()
    local index, _, behind = model()
    local session <close> = neap.session(graph, { seed = 1 })
    local call = session:callable(behind, { index })
    call { 0 }
    local before = helper.state(session, graph)
    assert.has_error(function()
      call { 7 }
    end)
    assert.is_true(before == helper.state(session, graph))
    call { 1 }
    assert.is_false(before == helper.state(session, graph))
  end)

  it("leaves what an optimizer keeps", function()
    local table_of = neap.variable(helper.uniform(3, { 5, 4 }, -1, 1))
    local ids = neap.placeholder("int64", { -1 })
    local loss = neap.gather(table_of, ids):square():reduce_sum()
    local step = neap.train.adam({ learning_rate = 0.1 }):minimize(loss)
    local session <close> = neap.session(graph)
    session:run(step, { [ids] = { 0, 1 } })
    local before = helper.state(session, graph)
    assert.has_error(function()
      session:run(step, { [ids] = { 0, 5 } })
    end)
    assert.is_true(before == helper.state(session, graph))
  end)
end)
