--- What the collector is told, and what is left when everything has been dropped.
--
-- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"

local MEGABYTE <const> = 1 << 20

describe("the collector", function()
  local function finalized()
    return setmetatable({}, { __gc = function() end })
  end

  --- How many of `count` tensors of a megabyte are alive at most, while each is dropped at once.
  local function most_alive(count)
    local alive, most = setmetatable({}, { __mode = "k" }), 0
    for i = 1, count do
      alive[neap.tensor.zeros { MEGABYTE / 4 }] = true
      if i % 10 == 0 then
        local now = 0
        for _ in pairs(alive) do
          now = now + 1
        end
        most = math.max(most, now)
      end
    end
    return most
  end

  it("runs when tensors that nobody holds weigh much, in each of its modes", function()
    local mode = collectgarbage "generational"
    local generational = most_alive(300)
    collectgarbage "incremental"
    local incremental = most_alive(300)
    collectgarbage(mode)
    assert.is_true(generational < 120, tostring(generational))
    assert.is_true(incremental < 120, tostring(incremental))
  end)

  it("is not woken when it was stopped", function()
    collectgarbage()
    collectgarbage "stop"
    local most = most_alive(40)
    local running = collectgarbage "isrunning"
    collectgarbage "restart"
    assert.equal(40, most)
    assert.is_false(running)
  end)

  it("may run at every step", function()
    neap.graph():as_default()
    local pause = collectgarbage("incremental", 1, 1000)
    local x = neap.placeholder("float32", { -1 })
    local session <close> = neap.session()
    for i = 1, 50 do
      collectgarbage("step", 0)
      local y = x * i
      assert(session:run({ y, { y } }, { [x] = { 1, finalized() and 2 } })[2][1][2] == 2 * i)
    end
    collectgarbage(pause)
  end)

  it("finalizes sessions, callables, graphs and tensors in any order", function()
    for _ = 1, 50 do
      local graph = neap.graph()
      graph:as_default(function()
        local x = neap.placeholder("float32", { -1 })
        local v = neap.variable { 1, 2 }
        local session = neap.session(graph)
        local call = session:callable({ x, v + x }, { x })
        local holder = { graph, session, call, call { 1, 2 } }
        holder.holder = holder
        setmetatable(holder, { __gc = function(self) -- may use what is being finalized
          pcall(self[3], { 1, 2 })
          pcall(self[2].run, self[2], v)
          self[2]:close()
        end })
      end)
    end
    collectgarbage()
    collectgarbage()
  end)

  it("may finalize a graph before what still names its nodes", function()
    local text, name
    local function hold()
      local held = setmetatable({}, { __gc = function(t)
        text, name = tostring(t.node), select(2, pcall(function() return t.node.name end))
      end })
      held.node = neap.graph():as_default(function() return neap.constant(1) end)
    end
    hold()
    collectgarbage()
    collectgarbage()
    assert.equal("node of a finalized graph", text)
    assert.matches("a node expected, got node of a finalized graph$", name)
  end)

  it("collects a graph whose Lua operations refer to it", function()
    local collected = 0
    for _ = 1, 20 do
      local graph = neap.graph()
      graph:as_default(function()
        local mark = setmetatable({}, { __gc = function()
          collected = collected + 1
        end })
        local op = neap.op { name = "same", inputs = "x", compute = function(t)
          return graph and mark and t
        end }
        neap.session(graph):run(op { 1 })
      end)
    end
    neap.graph():as_default()
    collectgarbage()
    collectgarbage()
    assert.is_true(collected >= 19, tostring(collected))
  end)
end)

describe("a view", function()
  it("of a view keeps the memory, and not the views between", function()
    local t = neap.tensor { { 1, 2 }, { 3, 4 } }
    local before = collectgarbage "count"
    for _ = 1, 10000 do
      t = t:reshape { 2, 2 }
    end
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 200)
    assert.same({ { 1, 2 }, { 3, 4 } }, t:totable())
    local row = t[2]
    t = nil
    collectgarbage()
    assert.is_nil(t)
    assert.same({ 3, 4 }, row:totable())
  end)
end)

describe("a loop that drops what it makes", function()
  -- Each script runs alone: the process's memory is what is measured. It prints how many megabytes
  -- it has at most, of some hundreds of pieces of four that were dropped.
  local function most(mode, body)
    local output = helper.child(([[
      local neap = require "neap"
      %s
      local most = 0
      local function measure()
        local status <close> = assert(io.open "/proc/self/status")
        most = math.max(most, tonumber(status:read("a"):match "VmRSS:%%s*(%%d+)") // 1024)
      end
      local FOUR <const> = { 1 << 20 }
      %s
      print("most", most)
    ]]):format(mode, body))
    return tonumber(output:match "most%s+(%d+)")
  end

  local bodies = {
    results = [[
      local x = neap.placeholder("float32", FOUR)
      local y, feeds = x + 1, { [x] = neap.tensor.zeros(FOUR) }
      local session <close> = neap.session()
      for i = 1, 250 do
        if i < 100 then
          local _ = ("x"):rep(4 << 20)
        elseif i == 100 then
          collectgarbage()
        end
        session:run(y, feeds)
        measure()
      end]],
    ["results of a callable"] = [[
      local x = neap.placeholder("float32", FOUR)
      local session <close> = neap.session()
      local call, t = session:callable({ x + 1, { x * 2 } }, x), neap.tensor.zeros(FOUR)
      for i = 1, 150 do
        if i == 30 then
          local _ = ("x"):rep(64 << 20)
          collectgarbage()
        end
        call(t)
        measure()
      end]],
    tensors = [[
      for i = 1, 150 do
        if i == 30 then
          local _ = ("x"):rep(64 << 20)
          collectgarbage()
        end
        local _ = neap.tensor.zeros(FOUR)
        measure()
      end]],
    ["rows of tensors"] = [[
      for _ = 1, 150 do
        local _ = neap.tensor.zeros { 2, 1 << 19 }[1]
        measure()
      end]],
    -- Kept for a while, so that they have grown old when they are dropped.
    ["views that were kept"] = [[
      local kept = {}
      for i = 1, 150 do
        local whole = neap.tensor.zeros(FOUR)
        kept[i % 8] = i % 2 == 0 and whole:reshape { 1024, 1024 }
          or whole:reshape({ 1024, 1024 })[1]:reshape { 2, 512 }[1]
        measure()
      end]],
    ["graphs with constants"] = [[
      for _ = 1, 150 do
        neap.graph():as_default()
        local _ = neap.constant(neap.tensor.zeros(FOUR))
        measure()
      end]],
    ["graphs with values among their inputs"] = [[
      for _ = 1, 150 do
        neap.graph():as_default()
        local _ = neap.add(neap.tensor.zeros(FOUR), 1)
        measure()
      end]],
    ["sessions with variables"] = [[
      for _ = 1, 150 do
        neap.graph():as_default()
        local v = neap.variable(neap.zeros(FOUR))
        neap.session():run(v:reduce_sum())
        measure()
      end]],
  }
  local modes = { "collectgarbage 'generational'", "collectgarbage('incremental', 1000, 100)" }
  for name, body in pairs(bodies) do
    it("stays small: " .. name, function()
      for _, mode in ipairs(helper.sanitized and { modes[1] } or modes) do
        local megabytes = most(mode, body)
        assert.is_true(megabytes < (helper.sanitized and 2000 or 400), ("%s: %d MB"):format(mode,
          megabytes))
      end
    end)
  end
end)
