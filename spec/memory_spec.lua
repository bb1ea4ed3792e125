--- Memory: limits that are errors, results that are recycled, nothing that grows.
--
-- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"

local MEGABYTE <const> = 1 << 20

local graph

before_each(function()
  graph = neap.graph():as_default()
end)

describe("a memory limit", function()
  it("that is reached is an error, and the session goes on", function()
    local n = neap.placeholder("int64", { 1 })
    local ones = neap.ones(n)
    local sum = (ones * 2):reduce_sum()
    local session <close> = neap.session(graph, { memory_limit = 8 * MEGABYTE })
    local function size(elements)
      return { [n] = neap.tensor({ elements }, "int64") }
    end
    assert.equal(200, session:run(sum, size(100)))
    for _ = 1, 5 do
      for _, elements in ipairs { 3 * MEGABYTE, 1 << 30, 1 << 40, 1 << 60 } do
        local text = helper.failure(session.run, session, ones, size(elements))
        assert.is_truthy(text:find("limit", 1, true) or text:find("memory", 1, true), text)
      end
      assert.equal(200, session:run(sum, size(100)))
    end
    local value = session:run(ones, size(MEGABYTE))
    assert.equal(MEGABYTE, value.size)
  end)

  it("counts results until they are dropped", function()
    local ones = neap.ones { MEGABYTE / 4 }
    local session <close> = neap.session(graph, { memory_limit = 10 * MEGABYTE })
    local kept = {}
    local text
    for i = 1, 20 do
      local ok, value = pcall(session.run, session, ones)
      if not ok then
        text = value
        break
      end
      kept[i] = value
    end
    assert.is_truthy(text)
    assert.is_true(#kept >= 5 and #kept < 10)
    for i = 1, #kept do
      kept[i] = nil
    end
    collectgarbage()
    assert.equal(MEGABYTE / 4, session:run(ones).size)
  end)

  it("is collected for: results that nobody holds do not reach it", function()
    local ones = neap.ones { MEGABYTE / 4 }
    local session <close> = neap.session(graph, { memory_limit = 10 * MEGABYTE })
    for _ = 1, 100 do
      session:run(ones)
    end
  end)

  it("leaves every variable when an assignment does not fit", function()
    local v = neap.variable(neap.tensor.zeros { MEGABYTE / 4 })
    local w = neap.variable(neap.tensor.zeros { MEGABYTE / 4 })
    local step = neap.group { neap.assign(v, v + 1), neap.assign(w, v) }
    local n = neap.placeholder("int64", { 1 })
    local large = neap.control_dependencies({ step }, function()
      return neap.ones(n)
    end)
    local session <close> = neap.session(graph, { memory_limit = 20 * MEGABYTE })
    session:run(step)
    local before = helper.state(session, graph)
    assert.has_error(function()
      session:run(large, { [n] = neap.tensor({ 8 * MEGABYTE }, "int64") })
    end)
    assert.is_true(before == helper.state(session, graph))
    session:run(step)
    assert.equal(2, session:get(v)[1])
    assert.equal(1, session:get(w)[1])
  end)

  it("is set per session", function()
    local ones = neap.ones { MEGABYTE }
    local small <close> = neap.session(graph, { memory_limit = MEGABYTE })
    local large <close> = neap.session(graph)
    assert.has_error(function()
      small:run(ones)
    end)
    assert.equal(MEGABYTE, large:run(ones).size)
  end)
end)

describe("resident memory", function()
  local function stays_below(megabytes, rounds, round)
    for i = 1, rounds // 4 do
      round(i)
    end
    collectgarbage()
    collectgarbage()
    local before = helper.resident "VmRSS"
    for i = 1, rounds do
      round(i)
    end
    collectgarbage()
    collectgarbage()
    local grown = helper.resident "VmRSS" - before
    if not helper.sanitized then
      assert.is_true(grown < megabytes * MEGABYTE, ("%.1f MB more"):format(grown / MEGABYTE))
    end
  end

  it("stays under 100 MB while 100,000 runs return 1 MB each", function()
    -- In a process of its own, whose peak no other spec has raised.
    local output = helper.child [[
      local neap = require "neap"
      local x = neap.placeholder("float32", {})
      local y = neap.broadcast_to(x, { 1 << 18 })
      local session = neap.session()
      local call = session:callable(y, { x })
      for i = 1, tonumber(arg[1]) do
        local value = session:run(y, { [x] = i })
        assert(value[1] == i and value[1 << 18] == i)
        value = call(-i)
        assert(value[1] == -i)
      end
      local file <close> = io.open "/proc/self/status"
      print(file:read("a"):match "VmHWM:%s*(%d+)")
    ]]
    if not helper.sanitized then
      assert.is_true(tonumber(output) * 1024 < 100 * MEGABYTE, output)
    end
  end)

  it("does not grow with graphs and sessions that come and go", function()
    stays_below(4, 2000, function()
      local g = neap.graph()
      g:as_default(function()
        local x = neap.placeholder("float32", { -1, 4 })
        local w = neap.variable(neap.random_uniform { 4, 4 })
        local loss = x:matmul(w):square():reduce_mean()
        local step = neap.train.adam({ learning_rate = 0.1 }):minimize(loss)
        local session <close> = neap.session(g)
        session:run({ loss, step }, { [x] = { { 1, 2, 3, 4 } } })
      end)
    end)
  end)

  it("does not grow with sessions that nobody closes", function()
    local y = neap.variable(neap.tensor.ones { 1000 }) * 2
    stays_below(4, 2000, function()
      neap.session(graph):run(y)
    end)
  end)

  it("does not grow with callables and tensors that nobody holds", function()
    local x = neap.placeholder "float32"
    local y = x * 2
    local session <close> = neap.session(graph)
    stays_below(4, 5000, function(i)
      session:callable(y, { x })(neap.tensor.ones { i % 50 })
    end)
  end)

  it("does not grow with shapes that are never seen again", function()
    local x = neap.placeholder("float32", { -1, -1 })
    local y = (x + 1):relu():reduce_sum { axis = 0 }
    local session <close> = neap.session(graph)
    stays_below(8, 3000, function(i)
      session:run(y, { [x] = neap.tensor.zeros { 1 + i // 50, 1 + i % 50 } })
    end)
  end)

  it("does not grow with runs that fail", function()
    local ids = neap.placeholder("int64", { -1 })
    local v = neap.variable(neap.tensor.ones { 100, 100 })
    local y = neap.gather(neap.assign(v, v + 1) * 2, ids)
    local session <close> = neap.session(graph)
    stays_below(4, 5000, function()
      assert(not pcall(session.run, session, y, { [ids] = { 100 } }))
    end)
  end)
end)
