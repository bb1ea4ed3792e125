--- Sizes that are nodes: taken from a shape, fed, or computed from data.
local helper = require "helper"
local neap = require "neap"

local graph

before_each(function()
  graph = neap.graph():as_default()
end)

local function ids(values)
  return neap.tensor(values, "int64")
end

describe("a size that is a node", function()
  it("may come from another node's shape", function()
    local x = neap.placeholder("float32", { -1, 2, 3 })
    local rows = neap.slice(neap.shape(x), { 0 }, { 1 })
    local flat = neap.reshape(x, neap.concat({ rows, neap.constant({ 6 }, "int64") }, 0))
    assert.same({ -1, 6 }, flat.shape)
    local session <close> = neap.session(graph)
    for _, n in ipairs { 1, 5, 0, 2 } do
      assert.same({ n, 6 }, session:run(flat, { [x] = neap.tensor.zeros { n, 2, 3 } }).shape)
    end
  end)

  it("is known where the shape is", function()
    local x = neap.placeholder("float32", { 4, 2 })
    assert.same({ 2, 4 }, neap.reshape(x, neap.gather(neap.shape(x), ids { 1, 0 })).shape)
    assert.same({ 8, 4 }, neap.zeros(neap.shape(x) * ids { 2, 2 }).shape)
  end)

  it("may be computed from floats", function()
    local x = neap.placeholder("float32", { -1, 3 })
    local scale = neap.placeholder("float32", {})
    local wide = neap.cast(neap.cast(neap.shape(x), "float32") * 1.5, "int64")
    assert.same({ -1, 4 }, neap.zeros(wide).shape)
    local scaled = neap.ones(neap.cast(neap.cast(neap.shape(x), "float32") * scale, "int64"))
    assert.same({ -1, -1 }, scaled.shape)
    local session <close> = neap.session(graph)
    for rows = 0, 3 do
      local feeds = { [x] = neap.tensor.zeros { rows, 3 }, [scale] = 2.5 }
      assert.same({ rows * 3 // 2, 4 }, session:run(neap.zeros(wide), feeds).shape)
      assert.same({ rows * 5 // 2, 7 }, session:run(scaled, feeds).shape)
      -- A fed float that a size hangs on specialises the plan: there is one stage.
      assert.is_nil(session:explain(scaled, feeds):find("then what is planned", 1, true))
      feeds[scale] = 0.5
      assert.same({ rows // 2, 1 }, session:run(scaled, feeds).shape)
    end
  end)

  it("may be picked from a long list", function()
    local list = {}
    for i = 1, 1000 do
      list[i] = i
    end
    local at = neap.constant({ 1, 6, 2 }, "int64")
    assert.same({ 2, 7, 3 }, neap.zeros(neap.gather(neap.constant(list, "int64"), at)).shape)
    local fed = neap.placeholder("int64", { 1000 })
    local y = neap.zeros(neap.gather(fed * 2, at))
    local session <close> = neap.session(graph)
    assert.same({ 4, 14, 6 }, session:run(y, { [fed] = ids(list) }).shape)
    list[7] = 5
    assert.same({ 4, 10, 6 }, session:run(y, { [fed] = ids(list) }).shape)
  end)

  it("that is stored between runs does not look into what was fed", function()
    -- The plan of the second stage hangs on a value that the first one only passes on.
    local x, n = neap.placeholder("float32", { -1 }), neap.placeholder("int64", { 1 })
    local size = neap.cast(neap.reduce_sum(x), "int64")
    local y = neap.zeros(neap.concat({ n, neap.reshape(size, { 1 }) }, 0))
    local session <close> = neap.session(graph)
    for _ = 1, 3 do
      for count = 1, 3 do
        local feeds = { [x] = neap.tensor { 1, 1 }, [n] = ids { count } }
        assert.same({ count, 2 }, session:run(y, feeds).shape)
        collectgarbage()
      end
    end
  end)

  it("may be fed", function()
    local x = neap.placeholder("float32", { -1 })
    local shape = neap.placeholder("int64", { 2 })
    local y = neap.reshape(x * 2, shape)
    local zeros = neap.zeros(shape)
    assert.equal(2, y.rank)
    local session <close> = neap.session(graph)
    for _, dims in ipairs { { 2, 3 }, { 3, 2 }, { 1, 6 }, { 6, -1 } } do
      local value = session:run(y, { [x] = { 1, 2, 3, 4, 5, 6 }, [shape] = ids(dims) })
      assert.same(dims[2] == -1 and { 6, 1 } or dims, value.shape)
      assert.same({ 2, 4, 6, 8, 10, 12 }, (helper.flat(value)))
    end
    for _, dims in ipairs { { 2, 3 }, { 0, 3 }, { 4, 1 } } do
      assert.same(dims, session:run(zeros, { [shape] = ids(dims) }).shape)
    end
  end)

  it("may be fed as int32", function()
    local shape = neap.placeholder("int32", { -1 })
    local y = neap.fill(shape, 3)
    local session <close> = neap.session(graph)
    local feeds = { [shape] = neap.tensor({ 1, 2 }, "int32") }
    assert.same({ { 3, 3 } }, session:run(y, feeds):totable())
    assert.equal(3, session:run(y, { [shape] = neap.tensor({}, "int32") }))
  end)

  it("may be computed from data", function()
    local x = neap.placeholder("float32", { -1 })
    local best = neap.argmax(x)
    local ones = neap.ones(neap.expand_dims(best, 0))
    local y = ones:reduce_sum() + x:reduce_max()
    local session <close> = neap.session(graph)
    assert.equal(2 + 9, session:run(y, { [x] = { 1, 2, 9, 4 } }))
    assert.equal(0 + 5, session:run(y, { [x] = { 5, 2 } }))
    local values = session:run({ ones, ones * 2, x }, { [x] = { 1, 2, 3, 4 } })
    assert.same({ 1, 1, 1 }, values[1]:totable())
    assert.same({ 2, 2, 2 }, values[2]:totable())
    assert.same({ 1, 2, 3, 4 }, values[3]:totable())
  end)

  it("may be computed from what was computed with such a size", function()
    local n = neap.placeholder("int64", {})
    local first = neap.ones(neap.expand_dims(n + 0, 0)):reduce_sum():cast "int64"
    local second = neap.ones(neap.expand_dims(first * 2, 0)):reduce_sum():cast "int64"
    local third = neap.zeros(neap.expand_dims(second + 1, 0))
    local session <close> = neap.session(graph)
    assert.equal(7, session:run(third, { [n] = 3 }).size)
    assert.equal(1, session:run(third, { [n] = 0 }).size)
  end)

  it("may come from a variable, which an assignment changes", function()
    local n = neap.variable({ 2 }, { dtype = "int64" })
    local grow = neap.assign_add(n, { 1 })
    local y = neap.zeros(n)
    local session <close> = neap.session(graph)
    local values = session:run { y, grow }
    assert.same({ 2 }, values[1].shape)
    assert.same({ 3 }, values[2]:totable())
    assert.same({ 3 }, session:run(y).shape)
  end)

  it("may come from an assignment of the same run, which the run still commits", function()
    local n = neap.variable({ 2 }, { dtype = "int64" })
    local grow = neap.assign_add(n, { 1 })
    local y = neap.zeros(grow)
    local again = neap.assign_add(n, { 10 })
    local behind = neap.control_dependencies({ grow }, function()
      return neap.identity(n)
    end)
    local session <close> = neap.session(graph)
    assert.same({ 3 }, session:run(y).shape)
    assert.same({ 3 }, session:get(n):totable())
    local values = session:run { y, grow, again, behind }
    assert.same({ 4 }, values[1].shape)
    assert.same({ 4 }, values[2]:totable())
    assert.same({ 14 }, values[3]:totable())
    assert.same({ 4 }, values[4]:totable())
    assert.same({ 14 }, session:get(n):totable())
  end)

  it("passes gradients to what is given the size", function()
    local x = neap.placeholder("float64", { -1 })
    local shape = neap.placeholder("int64", { 2 })
    local y = neap.reshape(x, shape)
    local dx = neap.gradients(y * y, x)
    local wide = neap.gradients(neap.broadcast_to(x, shape) * 3, x)
    local session <close> = neap.session(graph)
    local feeds = { [x] = { 1, 2, 3, 4 }, [shape] = ids { 2, 2 } }
    assert.same({ 2, 4, 6, 8 }, session:run(dx, feeds):totable())
    feeds[shape] = ids { 5, 4 }
    assert.same({ 15, 15, 15, 15 }, session:run(wide, feeds):totable())
  end)

  it("that does not fit is an error of the run, which changes nothing", function()
    local v = neap.variable(1)
    local shape = neap.placeholder("int64", { -1 })
    local add = neap.assign_add(v, 1)
    local y = neap.control_dependencies({ add }, function()
      return neap.reshape(neap.identity(v), shape)
    end)
    local session <close> = neap.session(graph)
    local deep <const> = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }
    for _, dims in ipairs { { 2 }, { -1, -1 }, { 1 << 62, 1 << 62 }, { -7 }, deep } do
      assert.has_error(function()
        session:run(y, { [shape] = ids(dims) })
      end)
      assert.equal(1, session:get(v))
    end
    assert.same({ 1, 1 }, session:run(y, { [shape] = ids { 1, 1 } }).shape)
    assert.equal(2, session:get(v))
  end)
end)

describe("a position that is a node", function()
  it("moves a slice from run to run", function()
    local x = neap.placeholder("float32", { 5 })
    local begin = neap.placeholder("int64", { 1 })
    local y = neap.slice(x, begin, { 2 })
    assert.same({ 2 }, y.shape)
    local dx = neap.gradients(y * y, x)
    local session <close> = neap.session(graph)
    local feeds = { [x] = { 1, 2, 3, 4, 5 } }
    for at = 0, 3 do
      feeds[begin] = ids { at }
      local values = session:run({ y, dx }, feeds)
      assert.same({ at + 1, at + 2 }, values[1]:totable())
      local slope = { 0, 0, 0, 0, 0 }
      slope[at + 1], slope[at + 2] = 2 * (at + 1), 2 * (at + 2)
      assert.same(slope, values[2]:totable())
    end
    for _, at in ipairs { -1, 4, math.maxinteger, math.mininteger } do
      feeds[begin] = ids { at }
      assert.has_error(function()
        session:run(y, feeds)
      end)
    end
  end)
end)
