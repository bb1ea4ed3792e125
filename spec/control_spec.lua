--- cond and while_loop: bodies of branches and loops, and what they meet.
--- Values are worked by hand.
local neap = require "neap"

local function values(results, feeds, options)
  local session <close> = neap.session(nil, options)
  return session:run(results, feeds)
end

describe("cond", function()
  before_each(function()
    neap.graph():as_default()
  end)

  it("gives the values of the branch that is taken", function()
    local p, x = neap.placeholder("bool", {}), neap.placeholder("float32", { 2 })
    local sum, product = neap.cond(p, function() return x + x, 1 end,
      function() return x * x, x end)
    for _, passes in ipairs { "none", "fold,simplify,merge,fuse,place" } do
      local session <close> = neap.session { passes = passes }
      assert.same({ 6, 8 }, session:run(sum, { [p] = true, [x] = { 3, 4 } }):totable())
      assert.same({ 9, 16 }, session:run(sum, { [p] = false, [x] = { 3, 4 } }):totable())
      assert.equal(1, session:run(product, { [p] = true, [x] = { 3, 4 } }))
      assert.same({ 3, 4 }, session:run(product, { [p] = false, [x] = { 3, 4 } }):totable())
    end
  end)

  it("runs only what is taken, as often as it is taken", function()
    local ran = {}
    local function host(name)
      return neap.op {
        name = name, inputs = "x", compute = function(x)
          ran[#ran + 1] = name
          return x
        end,
      }
    end
    local p, first, second = neap.placeholder("bool", {}), host "first", host "second"
    local y = neap.cond(p, function() return first(neap.constant(1)) end,
      function() return second(neap.constant(2)) end)
    local session <close> = neap.session()
    assert.equal(1, session:run(y, { [p] = true }))
    assert.equal(2, session:run(y, { [p] = false }))
    assert.equal(2, session:run(y, { [p] = false }))
    assert.same({ "first", "second", "second" }, ran)
  end)

  it("assigns what its branch assigns, and nothing if the run fails", function()
    local p, q = neap.placeholder("bool", {}), neap.placeholder("int64", {})
    local v = neap.variable(1)
    local y = neap.cond(p, function() return v:assign_add(10) end, function() return v + 0 end)
    local fails = neap.gather(neap.constant { 1, 2 }, q)
    local session <close> = neap.session()
    assert.equal(1, session:run(y, { [p] = false }))
    assert.equal(11, session:run(y, { [p] = true }))
    assert.equal(11, session:get(v))
    assert.is_false(pcall(session.run, session, { y, fails }, { [p] = true, [q] = 2 }))
    assert.equal(11, session:get(v))
  end)

  it("has a size that hangs on the branch", function()
    local p, x = neap.placeholder("bool", {}), neap.placeholder("float32", { 2 })
    local y = neap.cond(p, function() return x end, function() return neap.concat({ x, x }, 0) end)
    local total = neap.reduce_sum(y) * neap.cast(neap.shape(y), "float32")
    local session <close> = neap.session()
    assert.same({ 14 }, session:run(total, { [p] = true, [x] = { 3, 4 } }):totable())
    assert.same({ 56 }, session:run(total, { [p] = false, [x] = { 3, 4 } }):totable())
  end)

  it("refuses what is no branch", function()
    local p, x = neap.placeholder("bool", {}), neap.placeholder()
    local function one() return x end
    assert.error_matches(function() neap.cond(p, one, function() return 1, 2 end) end,
      "cond: then_fn gives 1 values, else_fn 2")
    assert.error_matches(function() neap.cond(x, one, one) end, "must be bool of rank 0")
    assert.error_matches(function() neap.cond(p, 1, one) end,
      "cond: argument 'then_fn': a function expected, got number")
    assert.error_matches(function()
      neap.cond(p, function() return neap.variable(1) end, one)
    end, "a variable cannot be made inside the body")
    assert.error_matches(function()
      local inside
      neap.cond(p, function() inside = x + 1 return inside end, one)
      return inside + 1
    end, "inside a body of a branch or loop")
    assert.error_matches(function()
      neap.cond(p, function() error("mine", 0) end, one)
    end, "^mine$")
    assert.equal(3, values(neap.constant(1) + 2)) -- the graph is open as before
  end)
end)

describe("while_loop", function()
  before_each(function()
    neap.graph():as_default()
  end)

  it("goes on as long as its condition holds", function()
    local n = neap.placeholder("int64", {})
    local loop = neap.while_loop(function(i) return neap.less(i, n) end,
      function(i, total) return i + 1, total + i end, { neap.constant(0, "int64"), n * 0 })
    local session <close> = neap.session()
    for count = 0, 6 do
      assert.same({ count, count * (count - 1) // 2 }, session:run(loop, { [n] = count }))
    end
  end)

  it("stops after maximum_iterations", function()
    local function forever() return neap.constant(true) end
    local function double(x) return x * 2 end
    for limit = 0, 3 do
      local loop = neap.while_loop(forever, double, { 1 }, { maximum_iterations = limit })
      assert.same({ 2.0 ^ limit }, values(loop))
    end
  end)

  it("has variables that change their shapes, swap, and stay", function()
    local x = neap.placeholder("float32", { 2 })
    local loop = neap.while_loop(function(i) return neap.less(i, 3) end,
      function(i, grown, a, b) return i + 1, neap.concat({ grown, x }, 0), b, a end,
      { 0, x, 10, 20 })
    local result = values(loop, { [x] = { 1, 2 } })
    assert.same({ 1, 2, 1, 2, 1, 2, 1, 2 }, result[2]:totable())
    assert.same({ 20, 10 }, { result[3], result[4] })
  end)

  it("nests, with branches and computed sizes inside", function()
    -- For i = 0, 1, 2: as many ones as i (a size), summed, doubled where i is odd.
    local loop = neap.while_loop(function(i) return neap.less(i, 3) end, function(i, total)
      local inner = neap.while_loop(function(j) return neap.less(j, i) end,
        function(j, t) return j + 1, t + 1 end, { neap.constant(0, "int64"), total * 0 })
      local size = neap.reduce_sum(neap.ones(neap.reshape(inner[1], { 1 })))
      return i + 1, total + neap.cond(neap.equal(i % 2, 1), function() return size * 2 end,
        function() return size end)
    end, { neap.constant(0, "int64"), 0 })
    assert.equal(0 + 2 * 1 + 2, values(loop)[2])
  end)

  it("assigns variables, chained from one iteration to the next", function()
    local v = neap.variable(1)
    local loop = neap.while_loop(function(i) return neap.less(i, 3) end,
      function(i, seen) return i + 1, seen + v:assign(v * 2) end, { 0, 0 })
    local session <close> = neap.session()
    assert.same({ 3, 2 + 4 + 8 }, session:run(loop))
    assert.equal(8, session:get(v))
  end)

  it("draws anew in each iteration, and repeats by its seed", function()
    local loop = neap.while_loop(function(i) return neap.less(i, 4) end, function(i, drawn)
      return i + 1, neap.concat({ drawn, neap.random_uniform({ 1 }) }, 0)
    end, { 0, neap.zeros({ 1 }) })
    local one = values(loop, nil, { seed = 5, threads = 1 })[2]:totable()
    local other = values(loop, nil, { seed = 5, threads = 2 })[2]:totable()
    assert.same(one, other)
    local distinct = {}
    for index = 2, 5 do
      assert.is_nil(distinct[one[index]])
      distinct[one[index]] = true
    end
  end)

  it("keeps to the memory limit", function()
    local session <close> = neap.session { memory_limit = 1 << 22 }
    local grows = neap.while_loop(function() return neap.constant(true) end,
      function(x) return neap.concat({ x, x }, 0) end, { neap.ones({ 1000 }) })
    assert.error_matches(function() session:run(grows) end, "iteration %d+: .*memory limit")
  end)

  it("tells the iteration and the node of an error", function()
    local x = neap.placeholder("float32", { 2 })
    local loop = neap.while_loop(function(i) return neap.less(i, 5) end,
      function(i, y) return i + 1, y + neap.gather(x, i) end, { neap.constant(0, "int64"), 0 })
    local session <close> = neap.session()
    assert.error_matches(function() session:run(loop, { [x] = { 1, 2 } }) end,
      'while_loop "while_loop": iteration 2: gather "gather": indices = 2 is not in %[0, 2%) '
        .. "%(made at .*control_spec.lua:%d+%)")
  end)

  it("refuses what is no loop", function()
    local function yes() return neap.constant(true) end
    assert.error_matches(function() neap.while_loop(yes, function() return 1, 2 end, { 0 }) end,
      "there are 1 loop variables, body_fn gives 2 values")
    assert.error_matches(function() neap.while_loop(yes, yes, {}) end, "not empty, expected")
    assert.error_matches(function()
      neap.while_loop(function(i) return i end, function(i) return i end, { 0 })
    end, "must be bool of rank 0")
    assert.error_matches(function()
      neap.while_loop(yes, function() return neap.constant(1, "int64") end, { 0 })
    end, "loop variable 0 is float32 and is made int64")
  end)

  it("is shown with its bodies", function()
    local loop = neap.while_loop(function(i) return neap.less(i, 5) end,
      function(i) return neap.cond(neap.less(i, 2), function() return i + 1 end,
        function() return i + 2 end) end, { 0 })
    local session <close> = neap.session()
    local text = session:explain(loop)
    for _, line in ipairs { "while_loop", "\n    condition:", "\n    body:", "\n            then:",
      "\n            else:" } do
      assert.is_not_nil(text:find(line, 1, true), line .. " in\n" .. text)
    end
  end)

  it("has no gradient yet, and says so", function()
    local x = neap.placeholder("float32", {})
    local loop = neap.while_loop(function(y) return neap.less(y, 5) end,
      function(y) return y * 2 end, { x })
    assert.error_matches(function() neap.gradients(loop[1], x) end, "has no gradient")
  end)
end)
