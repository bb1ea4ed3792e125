--- Sessions as Lua values: the structure of fetches, feeds, callables, variables, options.
local helper = require "helper"
local neap = require "neap"

local graph, session, x, y, total

before_each(function()
  graph = neap.graph():as_default()
  x = neap.placeholder("float32", { -1 }, "x")
  y = x * 2
  total = neap.reduce_sum(y)
  session = neap.session(graph)
end)

after_each(function()
  session:close()
end)

describe("a run", function()
  it("gives values in the structure of what it fetches", function()
    local feeds = { [x] = { 1, 2 } }
    local empty = neap.group { y }
    assert.equal(6, session:run(total, feeds))
    assert.is_nil(session:run(empty, feeds))
    assert.equal(false, session:run(false, feeds))
    assert.same({}, session:run({}, feeds))
    local values = session:run({
      total, a = { b = { y, y }, c = total }, off = false, none = empty, [7] = x,
    }, feeds)
    assert.equal(6, values[1])
    assert.same({ 2, 4 }, values.a.b[1]:totable())
    assert.same({ 2, 4 }, values.a.b[2]:totable())
    assert.equal(6, values.a.c)
    assert.equal(false, values.off)
    assert.equal(false, values.none)
    assert.same({ 1, 2 }, values[7]:totable())
    local keys = 0
    for _ in pairs(values) do
      keys = keys + 1
    end
    assert.equal(5, keys)
  end)

  it("gives a number, integer or boolean for rank 0", function()
    assert.equal("float", math.type(session:run(total, { [x] = { 1 } })))
    assert.equal("integer", math.type(session:run(neap.argmax(x), { [x] = { 1, 5 } })))
    assert.equal(true, session:run(neap.greater(total, 1), { [x] = { 1 } }))
    local any = neap.placeholder() -- the rank is known at run time alone
    assert.equal(3, session:run(any, { [any] = 3 }))
    assert.same({ 3 }, session:run(any, { [any] = { 3 } }):totable())
  end)

  it("takes hundreds of fetches and feeds", function()
    local fetches, feeds, expected = {}, {}, {}
    for i = 1, 300 do
      local p = neap.placeholder("float32", {})
      feeds[p] = i
      fetches[i] = p + 1
      expected[i] = i + 1
    end
    assert.same(expected, session:run(fetches, feeds))
  end)

  it("refuses tables of fetches that hold themselves", function()
    local fetches = { y }
    fetches[2] = fetches
    helper.fails("session.run: fetches nested more than 64 deep, or a cycle", function()
      return session:run(fetches, { [x] = { 1 } })
    end)
  end)

  it("names the fetch that is none", function()
    helper.fails("session.run: fetch [2]: a node, a table or false expected, got number", function()
      return session:run { y, 3 }
    end)
    helper.fails("session.run: fetch [loss]: a node, a table or false expected, got boolean",
      function()
        return session:run { loss = true }
      end)
    helper.fails("session.run: argument 'fetches': a node or a table of nodes expected, got nil",
      function()
        return session:run()
      end)
    helper.fails("session.run: at most 2 arguments expected, got 3", function()
      return session:run(y, {}, 1)
    end)
  end)

  it("feeds any node, and ignores what it does not need", function()
    assert.same({ 5 }, session:run(y, { [y] = { 5 } }):totable())
    assert.equal(10, session:run(total, { [y] = { 10 }, [x] = { 1 } }))
    helper.fails('session.run: feed "group": an operation without a value cannot be fed', function()
      local group = neap.group { y }
      return session:run(y, { [x] = { 1 }, [group] = 1 })
    end)
  end)

  it("copies what it is fed", function()
    local values = { 1, 2 }
    local first = session:run(x, { [x] = values })
    values[1] = 7
    local second = session:run(x, { [x] = values })
    assert.same({ 1, 2 }, first:totable())
    assert.same({ 7, 2 }, second:totable())
  end)

  it("keeps its results when the session goes", function()
    local other = neap.session(graph)
    local value = other:run(y, { [x] = { 1, 2 } })
    other:close()
    collectgarbage()
    assert.same({ 2, 4 }, value:totable())
  end)
end)

describe("a callable", function()
  it("gives what a run gives", function()
    local call = session:callable(y, { x })
    assert.same({ 2, 4 }, call({ 1, 2 }):totable())
    assert.same({ 6 }, call({ 3 }):totable())
    assert.same({ 8 }, call(neap.tensor { 4 }):totable())
    assert.same({ 0 }, call({}).shape)
    assert.equal(6, session:callable(total, x) { 1, 2 })
    assert.is_nil(session:callable(neap.group { y }, { x }) { 1 })
    local constant = neap.constant { 1, 2 }
    assert.same({ 1, 2 }, session:callable(constant)():totable())
    local nested = session:callable({ a = { y }, b = total, c = false }, { x })
    for i = 1, 3 do
      local values = nested { i }
      assert.same({ 2 * i }, values.a[1]:totable())
      assert.equal(2 * i, values.b)
      assert.equal(false, values.c)
    end
  end)

  it("gives a new tensor every time", function()
    local call = session:callable(y, { x })
    local results = {}
    for i = 1, 10 do
      results[i] = call { i, i }
    end
    for i = 1, 10 do
      assert.same({ 2 * i, 2 * i }, results[i]:totable())
    end
    local same = session:callable(x, { x })
    local first, second = same { 1 }, same { 2 }
    assert.equal(1, first[1])
    assert.equal(2, second[1])
  end)

  it("keeps a variable that was assigned what it was called with", function()
    local v = neap.variable { 0, 0 }
    local call = session:callable(neap.assign(v, x), { x })
    call { 1, 2 }
    local before = session:get(v)
    call { 3, 4 }
    assert.same({ 1, 2 }, before:totable())
    assert.same({ 3, 4 }, session:get(v):totable())
  end)

  it("does not depend on the table from which it was made", function()
    local fetches = { y, total }
    local call = session:callable(fetches, { x })
    fetches[1], fetches[3] = nil, x
    local values = call { 1 }
    assert.equal(2, #values)
  end)

  it("may be called by the metamethods of its own argument", function()
    local p = neap.placeholder("float32", { 2 })
    local call = session:callable({ x + 0, p + 0 }, { x, p })
    call({ 1, 2 }, { 3, 4 })
    local sneaky = setmetatable({}, {
      __len = function()
        return 2
      end,
      __index = function(_, i)
        call({ 70 + i, 70 + i }, { 80, 80 })
        return i
      end,
    })
    local values = call({ 5, 6 }, sneaky)
    assert.same({ 5, 6 }, values[1]:totable())
    assert.same({ 1, 2 }, values[2]:totable())
  end)

  it("ends with its session", function()
    local call = session:callable(y, { x })
    local gone = neap.session(graph):callable(y, { x }) -- which alone holds that session
    collectgarbage()
    assert.same({ 2 }, gone({ 1 }):totable())
    session:close()
    helper.fails("callable: the session is closed", function()
      return call { 1 }
    end)
  end)

  it("takes many values", function()
    local nodes, sum, values = {}, neap.constant(0), {}
    for i = 1, 40 do
      nodes[i] = neap.placeholder("float32", {})
      sum = sum + nodes[i]
      values[i] = i
    end
    assert.equal(820, session:callable(sum, nodes)(table.unpack(values)))
  end)

  it("says what is wrong with its arguments", function()
    helper.fails("session.callable: argument 'placeholders': at [2]: a node expected, got string",
      function()
        return session:callable(y, { x, "x" })
      end)
    helper.fails("session.callable: call it with ':' on a session, got node", function()
      return session.callable(y, { x })
    end)
  end)
end)

describe("a variable's value", function()
  it("is read and set by its session", function()
    local v = neap.variable({ 1, 2 }, { dtype = "float64" })
    local w = neap.variable(5)
    assert.same({ 1, 2 }, session:get(v):totable())
    assert.equal("float64", session:get(v).dtype)
    assert.equal(5, session:get(w))
    session:set(v, { 3, 4 })
    session:set(w, neap.tensor(7))
    assert.same({ 3, 4 }, session:get(v):totable())
    assert.equal(7, session:get(w))
    session:initialize()
    assert.equal(5, session:get(w))
    helper.fails('session.set: variable "variable": [2] is a string, expected a number', function()
      session:set(v, { 1, "2" })
    end)
    helper.fails('session.get: placeholder "x" is not a variable', function()
      return session:get(x)
    end)
    assert.is_false((pcall(session.set, session, v, { 1, 2, 3 })))
  end)
end)

describe("a session", function()
  it("takes options by name", function()
    local other <close> = neap.session { graph = graph, threads = 1, seed = 3, passes = "none" }
    assert.is_true(rawequal(graph, other.graph))
    assert.equal("session on a graph of 4 nodes", tostring(other))
    helper.fails("session: argument 'threads': 5000 is out of range", function()
      return neap.session(graph, { threads = 5000 })
    end)
    helper.fails("session: argument 'graph': a graph expected, got node", function()
      return neap.session(x)
    end)
    helper.fails("session: argument 'log': a function expected, got string", function()
      return neap.session(graph, { log = "log" })
    end)
    helper.fails("session: argument 'seed': 0.5 is not an integer", function()
      return neap.session(graph, { seed = 0.5 })
    end)
  end)

  it("takes an empty table of options", function()
    for _, made in ipairs { neap.session {}, neap.session(graph, {}) } do
      assert.same({ 2 }, made:run(y, { [x] = { 1 } }):totable())
      made:close()
    end
  end)

  it("is closed once, by whatever comes first", function()
    local other
    do
      local scoped <close> = neap.session(graph)
      other = scoped
      assert.equal(2, scoped:run(total, { [x] = { 1 } }))
    end
    assert.equal("closed session", tostring(other))
    other:close()
    collectgarbage()
    helper.fails("session.run: the session is closed", function()
      return other:run(total, { [x] = { 1 } })
    end)
    helper.fails("session.initialize: the session is closed", function()
      other:initialize()
    end)
  end)

  it("may be closed while its arguments are read", function()
    local closing = setmetatable({}, {
      __len = function()
        session:close()
        return 1
      end,
      __index = function()
        return 1
      end,
    })
    local call = session:callable(y, { x })
    helper.fails("session.run: the session is closed", function()
      return session:run(y, { [x] = closing })
    end)
    helper.fails("callable: the session is closed", function()
      return call(closing)
    end)
  end)

  it("keeps its graph", function()
    local other = neap.graph():as_default(function()
      local z = neap.constant { 1, 2 } + 1
      return { session = neap.session(), z = z }
    end)
    collectgarbage()
    collectgarbage()
    assert.same({ 2, 3 }, other.session:run(other.z):totable())
  end)

  it("explains a run without running it", function()
    local v = neap.variable(1)
    local text = session:explain({ y, neap.assign_add(v, 1) }, { [x] = { 1, 2 } })
    assert.is_truthy(text:find "^plan")
    assert.equal(1, session:get(v))
  end)

  it("sees nodes that were made after it", function()
    assert.equal(4, session:run(total + 2, { [x] = { 1 } }))
  end)
end)
