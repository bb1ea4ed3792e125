--- Operations written in Lua, and what their functions may do.
--
-- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"

local graph, session, x

before_each(function()
  graph = neap.graph():as_default()
  x = neap.placeholder("float32", { -1 }, "x")
  session = neap.session(graph)
end)

after_each(function()
  session:close()
end)

local function map(f)
  return function(t)
    local values = t:totable()
    for i, value in ipairs(values) do
      values[i] = f(value)
    end
    return neap.tensor(values, t.dtype)
  end
end

local function identity(options)
  options.inputs = options.inputs or "x"
  options.compute = options.compute or function(t)
    return t
  end
  return neap.op(options)
end

--- An operation that does something while it runs.
local function doing(name, f)
  return identity {
    name = name,
    compute = function(t)
      f(t)
      return t
    end,
  }(x)
end

--- The first line of the error of a run, without what follows (made at …).
local function failure(node)
  local text = helper.failure(session.run, session, node, { [x] = { 1, 2 } })
  return (text:gsub("\n.*", ""):gsub(" %(made at.*%)$", "")), text
end

describe("an operation in Lua", function()
  it("computes, infers and differentiates", function()
    local cube = neap.op {
      name = "cube", inputs = "x",
      compute = map(function(v)
        return v ^ 3
      end),
      gradient = function(a, result, dy)
        assert.equal("cube", result.op)
        return dy * 3 * a * a
      end,
    }
    local y = cube(x)
    assert.equal("cube", y.op)
    assert.same({ -1 }, y.shape)
    assert.same({ 1, 8 }, session:run(y, { [x] = { 1, 2 } }):totable())
    local dx = neap.gradients(y, x)
    assert.same({ 3, 12 }, session:run(dx, { [x] = { 1, 2 } }):totable())
    assert.equal("mine", cube { x = x, name = "mine" }.name)
    assert.same({ 8 }, session:run(cube { 2 }):totable())
  end)

  it("may have several inputs and results, of other shapes and dtypes", function()
    local divmod = neap.op {
      name = "divmod", inputs = "x y", results = 2,
      infer = function(a, b)
        assert.same({ dtype = "float32", shape = {} }, b)
        return { dtype = "int64", shape = a.shape }, a
      end,
      compute = function(a, b)
        local quotients, rests = {}, {}
        for i, value in ipairs(a) do
          quotients[i], rests[i] = math.tointeger(value // b:item()), value % b:item()
        end
        return neap.tensor(quotients, "int64"), rests
      end,
    }
    local quotient, rest = divmod(x, 3)
    assert.equal("int64", quotient.dtype)
    assert.same({ -1 }, rest.shape)
    local values = session:run({ quotient, rest }, { [x] = { 7, 8 } })
    assert.same({ 2, 2 }, values[1]:totable())
    assert.same({ 1, 2 }, values[2]:totable())
  end)

  it("is known to every graph in which it is used", function()
    local op = identity { name = "same" }
    op(x)
    op(x)
    local other = neap.graph()
    local z = other:as_default(function()
      return op { 1, 2 }
    end)
    local other_session <close> = neap.session(other)
    op, graph = nil, nil
    collectgarbage()
    assert.same({ 1, 2 }, other_session:run(z):totable())
  end)

  it("keeps tensors that it was given", function()
    local kept
    session:run(doing("keep", function(t)
      kept = t
    end), { [x] = { 1, 2 } })
    session:run(x * 2, { [x] = { 5, 6 } })
    collectgarbage()
    assert.same({ 1, 2 }, kept:totable())
  end)

  it("may be the initial value of a variable", function()
    local v = neap.variable(identity { name = "start" } { 3, 4 })
    assert.same({ 3, 4 }, session:get(v):totable())
  end)

  it("has arguments that are checked", function()
    helper.fails("op: argument 'compute' is missing", function()
      return neap.op { name = "a", inputs = "x" }
    end)
    helper.fails("op: argument 'infer': a function expected, got number", function()
      return neap.op { name = "a", inputs = "x", compute = print, infer = 1 }
    end)
    helper.fails("op: argument 'name': a string expected, got nil", function()
      return neap.op { inputs = "x", compute = print }
    end)
    helper.fails("op: unknown argument 'forward', known are: name, inputs, infer, compute, "
      .. "gradient, results, attributes, doc", function()
        return neap.op { name = "a", inputs = "x", forward = print }
      end)
    helper.fails('op: operation "add" exists already', function()
      return (identity { name = "add" })
    end)
    helper.fails('op: "not a name" cannot be an operation\'s name', function()
      return (identity { name = "not a name" })
    end)
    helper.fails("same: 1 input expected (x), got 0", function()
      return identity { name = "same" }()
    end)
  end)
end)

describe("the text of its inputs", function()
  local function make(inputs)
    return neap.op { name = "odd", inputs = inputs, compute = print }
  end

  it("names each input once, apart by spaces", function()
    local letters = "names of letters, digits and underscores expected, apart by spaces"
    local wrong = {
      ["x, y"] = letters, ["..."] = letters, ["x]"] = letters, ["1"] = letters, ["x-y"] = letters,
      ["x\ty"] = letters, ["x."] = letters, ["x.."] = letters, ["x...z"] = letters,
      ["[]"] = letters,
      ["(x)"] = letters, ["x=1"] = letters, ["x...."] = letters, ["[[x]]"] = letters,
      ["x[y]"] = letters, [("x"):rep(65)] = letters, ["\xC3\xA9"] = letters,
      ["x x"] = "a name stands there twice", ["x y [x]"] = "a name stands there twice",
      ["x name"] = '"name" is the argument for the node\'s name',
      ["name"] = '"name" is the argument for the node\'s name',
      ["x... y"] = "an input follows the sequence", ["x... [y]"] = "an input follows the sequence",
      ["[x] y"] = "an input follows one that may be left out",
      ["[x"] = "a bracket is not closed", ["[x y]"] = "a bracket is not closed",
    }
    for inputs, text in pairs(wrong) do
      local message = helper.failure(function() return (make(inputs)) end)
      assert.equal('op: operation "odd": inputs "', message:sub(1, 29))
      assert.equal('": ' .. text, message:sub(-#text - 3))
    end
    for _, inputs in ipairs { "", "x", "x y", "x...", "x y...", "x [seed]", "_x1 X", " x  y ",
      "xy x y", ("x"):rep(64), "[x...]" } do
      make(inputs)
    end
  end)
end)

describe("a failure in its functions", function()
  it("is told with its cause, however deep the call", function()
    for depth = 1, 40, 13 do
      local nest
      neap.graph():as_default()
      local z = neap.placeholder("float32", {})
      nest = neap.op { name = "nest", inputs = "x", compute = function(t)
        if t:item() == depth then
          error "the cause"
        end
        local inner <close> = neap.session()
        return inner:run(nest(z), { [z] = t:item() + 1 })
      end }
      local outer <close> = neap.session()
      local text = helper.failure(outer.run, outer, nest(z), { [z] = 1 })
      assert.matches('^nest "nest[_%d]*": ', text)
      assert.matches("spec/lua_host_spec.lua:%d+: the cause %(made at [^\n]*%)\n", text)
      assert.matches("\nstack traceback:\n\t%[C%]: in function 'error'", text)
      assert.equal(1, select(2, text:gsub("stack traceback", "")))
    end
  end)

  it("is told where it calls itself without end", function()
    for _, callback in ipairs { "compute", "infer", "gradient" } do
      local nest
      local function deeper(t)
        neap.graph():as_default(function()
          local z = neap.placeholder("float32", {})
          local y = nest(z)
          if callback == "gradient" then
            neap.gradients(y, z)
          end
          local inner <close> = neap.session()
          inner:run(y, { [z] = 1 })
        end)
        return t
      end
      local op = { name = "nest", inputs = "x", compute = function(t) return t end }
      op[callback] = deeper
      nest = neap.op(op)
      local ok, message = pcall(deeper)
      assert.is_false(ok)
      assert.matches("C stack overflow", message)
    end
  end)

  it("fails the run, with a traceback, and the session goes on", function()
    local v = neap.variable(1)
    local step = neap.assign_add(v, 1)
    local bad = doing("bad", function()
      error "boom"
    end)
    local line, text = failure({ step, bad })
    assert.is_truthy(line:find '^bad "bad": spec/lua_host_spec.lua:%d+: boom$')
    assert.is_truthy(text:find("stack traceback", 1, true))
    assert.equal(1, session:get(v))
    assert.same({ 2 }, session:run(x * 2, { [x] = { 1 } }):totable())
  end)

  it("that is no string is raised as it is", function()
    local object = setmetatable({}, { __tostring = function()
      error "no text"
    end })
    for _, raised in ipairs { object, 5, false, print } do
      local ok, message = pcall(session.run, session, doing("bad" .. type(raised), function()
        error(raised)
      end), { [x] = { 1 } })
      assert.is_false(ok)
      assert.is_true(raised == message)
    end
    local ok, message = pcall(session.run, session, doing("nothing", function()
      error(nil)
    end), { [x] = { 1 } })
    assert.is_false(ok)
    assert.is_nil(message)
  end)

  it("of its results is told", function()
    local cases = {
      none = { function() end, "compute returned 0 values, expected 1" },
      two = { function(t) return t, t end, "compute returned 2 values, expected 1" },
      text = { function() return "1" end,
        "compute: result 1: a number, boolean, table or tensor expected, got string" },
      node = { function() return x end,
        "compute: result 1: a number, boolean, table or tensor expected, got node" },
      other = { function() return neap.tensor({ 1, 2 }, "int8") end,
        "result 0 is int8, inferred was float32" },
    }
    for name, case in pairs(cases) do
      local node = neap.op { name = name, inputs = "x", compute = case[1] }(x)
      assert.equal(('%s "%s": %s'):format(name, name, case[2]), (failure(node)))
    end
  end)

  it("of infer or gradient is told where the node is built", function()
    local infers = identity { name = "infers", infer = function()
      error("no shape", 0)
    end }
    local text = helper.failure(infers, x)
    assert.equal('infers "infers": no shape', (text:gsub("\n.*", "")))
    local shapeless = identity { name = "shapeless", infer = function()
      return 5
    end }
    assert.is_truthy(helper.failure(shapeless, x):find(
      "a table {dtype=, shape=} expected, got number", 1, true))
    local wrong = identity { name = "wrong", gradient = function()
      return 5
    end }(x)
    assert.is_truthy(helper.failure(neap.gradients, wrong, x):find(
      "for input 1 a node of its graph expected, got number", 1, true))
    local without = identity { name = "without" }(x)
    assert.is_false((pcall(neap.gradients, without, x)))
  end)
end)

describe("an operation with an infer of its own", function()
  local halve, on_infer

  before_each(function()
    on_infer = nil
    halve = neap.op {
      name = "halve", inputs = "x",
      infer = function(a)
        if on_infer then
          on_infer()
        end
        return { dtype = a.dtype, shape = { a.shape[1] // 2 } }
      end,
      compute = function(t)
        local values = t:totable()
        return neap.tensor({ table.unpack(values, 1, #values // 2) }, t.dtype)
      end,
    }
  end)

  it("serves initialize, get and explain", function()
    local v = neap.variable(halve(neap.constant { 1, 2, 3, 4 }))
    session:initialize()
    session:set(v, { 7, 8 })
    session:initialize()
    assert.same({ 1, 2 }, session:get(v):totable())
    local late = neap.variable(halve(neap.constant { 5, 6 }))
    assert.same({ 5 }, session:get(late):totable())
    local text = session:explain(halve(x), { [x] = { 1, 2, 3, 4, 5, 6 } })
    assert.is_truthy(text:find('halve  "halve_%d" float32 %(3,%)'))
  end)

  it("serves a callable, whatever the sizes", function()
    local call = session:callable(halve(x), { x })
    assert.same({ 1 }, call({ 1, 2 }):totable())
    assert.same({ 1, 2 }, call({ 1, 2, 3, 4 }):totable())
  end)

  it("cannot close the session that it serves", function()
    neap.variable(halve(neap.constant { 1, 2 }))
    local y = halve(x)
    on_infer = function()
      session:close()
    end
    for name, call in pairs { explain = { y, { [x] = { 1, 2 } } }, initialize = {} } do
      local text = helper.failure(session[name], session, table.unpack(call))
      assert.is_truthy(text:find("session.close: the session is running", 1, true), text)
    end
    on_infer = nil
    assert.same({ 1 }, session:run(y, { [x] = { 1, 2 } }):totable())
  end)
end)

describe("inside a run", function()
  it("the session cannot be run, closed or set", function()
    local y = x * 2
    local call = session:callable(y, { x })
    local cases = {
      run = { function() session:run(y, { [x] = { 1 } }) end,
        "session.run: the session is running" },
      close = { function() session:close() end, "session.close: the session is running" },
      initialize = { function() session:initialize() end,
        "session.initialize: the session is running" },
      callable = { function() session:callable(y, { x }) end,
        "session.callable: the session is running" },
      call = { function() call { 1 } end, "callable: the session is running" },
    }
    for name, case in pairs(cases) do
      local line = failure(doing(name, case[1]))
      assert.equal(case[2], (line:gsub("^.-spec/[%w_/]+%.lua:%d+: ", "")))
      assert.same({ 2 }, call({ 1 }):totable())
    end
  end)

  it("another session can be run, and nodes be made", function()
    local other <close> = neap.session(graph)
    local got, made
    session:run(doing("other", function()
      got = other:run(x * 3, { [x] = { 1 } })
      made = x + 1
      collectgarbage()
    end), { [x] = { 1 } })
    assert.same({ 3 }, got:totable())
    assert.same({ 2 }, session:run(made, { [x] = { 1 } }):totable())
  end)

  it("a coroutine cannot yield, but may run", function()
    local node = doing("yields", coroutine.yield)
    local ok, message = coroutine.wrap(function()
      return pcall(session.run, session, node, { [x] = { 1 } })
    end)()
    assert.is_false(ok)
    assert.is_truthy(message:find("attempt to yield across a C-call boundary", 1, true))
    local value = coroutine.wrap(function()
      return session:run(doing("fine", print and function() end), { [x] = { 1 } })
    end)()
    assert.same({ 1 }, value:totable())
  end)

  it("operations built by a coroutine that is gone still run", function()
    local node = coroutine.wrap(function()
      return doing("orphan", function() end)
    end)()
    collectgarbage()
    collectgarbage()
    assert.same({ 1 }, session:run(node, { [x] = { 1 } }):totable())
  end)
end)
