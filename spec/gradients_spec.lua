--- Gradients: of every operation against central differences in float64, to the second order, and
-- what `neap.gradients` itself does.
local helper = require "helper"
local neap = require "neap"
local rows = require "samples.all"

--- The nodes of a case in float64: its result as one number, a weighted sum, and its inputs that
-- can move.
local DTYPES <const> = { number = "float64", index = "int64", bool = "bool" }

local function objective(op, row, case)
  local feeds, moving, arguments = {}, {}, {}
  for i, input in ipairs(case) do
    local dtype = DTYPES[input.kind]
    local x = neap.placeholder(dtype, input.shape)
    feeds[x] = neap.tensor(input.values, dtype, input.shape)
    arguments[i] = x
    if input.kind == "number" then
      moving[#moving + 1] = x
    end
  end
  if row.sequence then
    arguments = { arguments }
  end
  if next(case.with) then
    arguments[#arguments + 1] = case.with
  end
  local y = neap[op](table.unpack(arguments))
  local weights = helper.uniform(71, y.shape, -1, 1, "float64")
  if y.dtype ~= "float64" then
    y = neap.cast(y, "float64")
  end
  return neap.reduce_sum(y * weights), moving, feeds
end

--- A tensor plus a multiple of a direction.
local function moved(tensor, direction, step)
  local values, along = helper.flat(tensor), helper.flat(direction)
  for i, value in ipairs(values) do
    values[i] = value + step * along[i]
  end
  return neap.tensor(values, "float64", tensor.shape)
end

--- Compares the gradient of s for each x, along a random direction, with a central difference.
local function compare(session, s, moving, feeds, tolerance)
  local gradients = neap.gradients(s, moving)
  for i, x in ipairs(moving) do
    local here = feeds[x]
    local direction = helper.uniform(90 + i, x.shape, -1, 1, "float64")
    local values = {}
    for sign = -1, 1, 2 do
      feeds[x] = moved(here, direction, sign * 1e-5)
      values[sign] = session:run(s, feeds)
    end
    feeds[x] = here
    local numeric = (values[1] - values[-1]) / 2e-5
    local exact = 0
    if gradients[i] then
      assert.equal("float64", gradients[i].dtype)
      assert.same(x.shape, gradients[i].shape)
      local along = helper.flat(direction)
      for j, slope in ipairs((helper.flat(session:run(gradients[i], feeds)))) do
        exact = exact + slope * along[j]
      end
    end
    local scale = math.max(1, math.abs(numeric), math.abs(values[1]))
    assert.is_true(math.abs(exact - numeric) <= tolerance * scale,
      ("input %d: %.12g, but the difference quotient is %.12g"):format(i - 1, exact, numeric))
  end
  return gradients
end

for _, op in ipairs(neap.ops()) do
  local row = rows[op]
  describe("the gradient of " .. op, function()
    for number, case in ipairs(row and row.cases or {}) do
      if case.gradient ~= false and #case > 0 then
        it(("is the slope of its values, to the second order (case %d)"):format(number), function()
          local graph = neap.graph()
          graph:as_default(function()
            local s, moving, feeds = objective(op, row, case)
            local session <close> = neap.session(graph)
            if row.gradient == "stopped" then
              for _, gradient in ipairs(neap.gradients(s, moving)) do
                assert.is_false(gradient)
              end
              return
            end
            local first = compare(session, s, moving, feeds, 1e-8)
            local slope
            for i, gradient in ipairs(first) do
              if gradient then
                local along = helper.uniform(50 + i, gradient.shape, -1, 1, "float64")
                local term = neap.reduce_sum(gradient * along)
                slope = slope and slope + term or term
              end
            end
            if slope then
              compare(session, slope, moving, feeds, 1e-7)
            end
          end)
        end)
      end
    end
  end)
end

describe("neap.gradients", function()
  local graph

  before_each(function()
    graph = neap.graph():as_default()
  end)

  local function run(node, feeds)
    local session <close> = neap.session(graph)
    local value = session:run(node, feeds)
    return value
  end

  it("gives a node for a node and a sequence for a sequence", function()
    local x, y = neap.placeholder("float64", {}), neap.placeholder("float64", {})
    local z = x * x * y
    assert.equal(12, run(neap.gradients(z, x), { [x] = 2, [y] = 3 }))
    local both = neap.gradients(z, { x, y })
    assert.equal(2, #both)
    assert.same({ 12, 4 }, run(both, { [x] = 2, [y] = 3 }))
  end)

  it("gives zeros through what is constant in pieces", function()
    local x = neap.placeholder("float64", { -1 })
    assert.same({ 0, 0, 0 }, run(neap.gradients(neap.sign(x), x), { [x] = { -2, 0, 3 } }):totable())
    local slope = neap.gradients(neap.abs(x), x)
    assert.same({ 0, 0 }, run(neap.gradients(slope, x), { [x] = { -1, 4 } }):totable())
  end)

  it("gives nil or false where there is no path", function()
    local x, y = neap.variable(1), neap.variable(2)
    assert.is_nil(neap.gradients(x * 2, y))
    assert.is_nil((neap.gradients(neap.stop_gradient(y) + 1, y)))
    local list = neap.gradients(x * 2, { x, y })
    assert.is_truthy(list[1])
    assert.is_false(list[2])
  end)

  it("sums over several uses and several results", function()
    local x = neap.placeholder("float64", {})
    assert.equal(3, run(neap.gradients(x + x + x, x), { [x] = 5 }))
    assert.equal(2 * 5 + 3, run(neap.gradients({ x * x, 3 * x }, x), { [x] = 5 }))
  end)

  it("is of the sum of a tensor's elements", function()
    local x = neap.placeholder("float64", { 3 })
    assert.same({ 2, 4, 6 }, run(neap.gradients(x * x, x), { [x] = { 1, 2, 3 } }):totable())
  end)

  it("weighs results by grad_ys", function()
    local x = neap.placeholder("float64", { 2 })
    local y = x * x
    local weighed = neap.gradients(y, x, neap.constant({ 10, 1 }, "float64"))
    assert.same({ 20, 4 }, run(weighed, { [x] = { 1, 2 } }):totable())
    local several = neap.gradients({ y, x }, x, { false, neap.constant({ 5, 7 }, "float64") })
    assert.same({ 7, 11 }, run(several, { [x] = { 1, 2 } }):totable())
  end)

  it("takes plain values for grad_ys, as constants of the dtype of y", function()
    local x = neap.placeholder("float64", { 2 })
    local y, feeds = x * x, { [x] = { 1, 2 } }
    local total = neap.reduce_sum(y)
    assert.same({ 20, 4 }, run(neap.gradients(y, x, { 10, 1 }), feeds):totable())
    assert.same({ 20, 4 }, run(neap.gradients(y, x, neap.tensor({ 10, 1 }, "float64")), feeds)
      :totable())
    assert.same({ 6, 12 }, run(neap.gradients(total, x, 3), feeds):totable())
    assert.same({ 6, 12 }, run(neap.gradients({ total }, x, 3), feeds):totable())
    local several = neap.gradients({ y, total, x, y }, x,
      { { 10, 1 }, 3, false, neap.ones_like(y) })
    assert.same({ 20 + 6 + 1 + 2, 4 + 12 + 1 + 4 }, run(several, feeds):totable())
  end)

  it("refuses a value that does not fit, and leaves no node of it", function()
    local x = neap.placeholder("float64", { 2 })
    local y = x * x
    local count = #graph.operations
    local function fails(text, ys, weights)
      helper.fails(text, function()
        return (neap.gradients(ys, x, weights))
      end)
      assert.equal(count, #graph.operations)
    end
    fails("gradients: argument 'grad_ys': at [1]: row 2 has 1 element, expected 2 (at [2])", y,
      { { 1, 2 }, { 3 } })
    fails("gradients: argument 'grad_ys': at [2]: a number expected, got string", { y, y },
      { { 1, 2 }, "1" })
    fails("gradients: argument 'grad_ys': at [1]: a tensor of float32 where float64 is expected", y,
      neap.tensor { 1, 2 })
    fails("gradients: argument 'grad_ys': 1 given for 2 ys", { y, y }, 1)
    fails('multiply "multiply" has shape (2,), its gradient (3,) (grad_ys)', { y, y },
      { { 1, 2 }, { 1, 2, 3 } })
  end)

  it("of a node for itself is one", function()
    local x = neap.placeholder("float64", { 2 })
    assert.same({ 1, 1 }, run(neap.gradients(x, x), { [x] = { 5, 6 } }):totable())
  end)

  it("is for intermediate nodes too", function()
    local x = neap.placeholder("float64", {})
    local h = x * 3
    local y = h * h
    assert.same({ 12, 36 }, run(neap.gradients(y, { h, x }), { [x] = 2 }))
  end)

  it("goes to any order", function()
    local x = neap.placeholder("float64", {})
    local y = x ^ 5
    local orders = {}
    local node = y
    for order = 1, 5 do
      node = neap.gradients(node, x)
      orders[order] = node
    end
    for order, expected in ipairs { 80, 160, 240, 240, 120 } do
      assert.near(expected, run(orders[order], { [x] = 2 }), 1e-9)
    end
  end)

  it("goes to the third order through tanh and exp", function()
    local x = neap.placeholder("float64", {})
    local y = neap.tanh(x) * neap.exp(x)
    local third = neap.gradients(neap.gradients(neap.gradients(y, x), x), x)
    local t = (math.exp(0.6) - 1) / (math.exp(0.6) + 1)
    local d1 = 1 - t * t
    local d2 = -2 * t * d1
    local d3 = -2 * d1 * d1 - 2 * t * d2
    local expected = math.exp(0.3) * (t + 3 * d1 + 3 * d2 + d3)
    assert.near(expected, run(third, { [x] = 0.3 }), 1e-12)
  end)

  it("takes a constant exponent that is fed", function()
    local x, exponent = neap.placeholder("float64", {}), neap.constant(2, "float64")
    local dx = neap.gradients(x ^ exponent, x)
    assert.equal(12, run(dx, { [x] = 2, [exponent] = 3 }))
    assert.equal(4, run(dx, { [x] = 2 }))
    assert.equal(0, run(dx, { [x] = 0, [exponent] = 0 }))
  end)

  it("of constants alone still takes its shape from what is fed", function()
    local x, dy = neap.placeholder "float64", neap.constant({ 1.5, 2.5 }, "float64")
    local dx = neap.gradients(neap.where({ true, false }, x, x), x, dy)
    assert.same({ 1.5, 2.5 }, run(dx, { [x] = { 1, 2 } }):totable())
  end)

  it("does not pass stop_gradient, integers, booleans or comparisons", function()
    local x = neap.placeholder("float32", { 3 })
    assert.is_nil(neap.gradients(neap.cast(neap.cast(x, "int32"), "float32"), x))
    assert.is_nil(neap.gradients(neap.cast(x:greater(0), "float32"), x))
    assert.is_nil(neap.gradients(neap.cast(x:argmax(), "float32"), x))
    assert.is_nil(neap.gradients(neap.stop_gradient(x), x))
    local half = neap.gradients(neap.stop_gradient(x) * x, x)
    assert.same({ 1, 2, 3 }, run(half, { [x] = { 1, 2, 3 } }):totable())
  end)

  it("passes a cast between floating dtypes", function()
    local x = neap.placeholder("float32", { 2 })
    local dx = neap.gradients(neap.cast(x, "float64"):square(), x)
    assert.equal("float32", dx.dtype)
    assert.same({ 2, 4 }, run(dx, { [x] = { 1, 2 } }):totable())
  end)

  it("keeps where's other branch out, even where that is not a number", function()
    local x = neap.placeholder("float64", { 2 })
    local safe = neap.where(x:greater(0), x, 1)
    local y = neap.where(x:greater(0), safe:log(), 0)
    assert.same({ 0, 0.5 }, run(neap.gradients(y, x), { [x] = { -1, 2 } }):totable())
  end)

  it("has one-sided slopes at kinks, as TensorFlow", function()
    local x = neap.placeholder("float64", { 1 })
    local zero = { [x] = { 0 } }
    assert.same({ 0 }, run(neap.gradients(x:relu(), x), zero):totable())
    assert.same({ 0 }, run(neap.gradients(x:abs(), x), zero):totable())
    assert.same({ 0.25 }, run(neap.gradients(x:leaky_relu(0.25), x), zero):totable())
    local a, b = neap.placeholder("float64", { 1 }), neap.placeholder("float64", { 1 })
    local tie = run(neap.gradients(neap.maximum(a, b), { a, b }), { [a] = { 1 }, [b] = { 1 } })
    assert.equal(1, tie[1][1] + tie[2][1])
  end)

  it("is stable far from 0, to the second order", function()
    for _, dtype in ipairs { "float32", "float64" } do
      local x = neap.placeholder(dtype, { 5 })
      local far = { [x] = { -1e4, -100, 0, 100, 1e4 } }
      local slope = neap.gradients(x:softplus(), x)
      assert.is_true(run(slope, far):allclose({ 0, 0, 0.5, 1, 1 }, 0, 1e-30))
      assert.is_true(run(neap.gradients(slope, x), far):allclose({ 0, 0, 0.25, 0, 0 }, 0, 1e-30))
      local near = { [x] = { -0.5, -1e-30, 0, 1e-30, 3 } }
      assert.same({ 2, 1, 1, 1, 0.25 }, run(neap.gradients(x:log1p(), x), near):totable())
      slope = run(neap.gradients(x:leaky_relu(0.25), x), far)
      assert.same({ 0.25, 0.25, 0.25, 1, 1 }, slope:totable())
    end
  end)

  it("shares a maximum among equals", function()
    local x = neap.placeholder("float64", { 4 })
    local dx = neap.gradients(x:reduce_max(), x)
    assert.same({ 0, 0.5, 0.5, 0 }, run(dx, { [x] = { 1, 3, 3, 2 } }):totable())
    dx = neap.gradients(x:reduce_min(), x)
    assert.same({ 0, 0.5, 0.5, 0 }, run(dx, { [x] = { 4, 1, 1, 2 } }):totable())
  end)

  it("of a product are the products of the others, at zeros too", function()
    local x = neap.placeholder("float64", { 3 })
    local dx = neap.gradients(x:reduce_prod(), x)
    assert.same({ 12, 8, 6 }, run(dx, { [x] = { 2, 3, 4 } }):totable())
    assert.same({ 0, 6, 0 }, run(dx, { [x] = { 2, 0, 3 } }):totable())
    assert.same({ 0, 0, 0 }, run(dx, { [x] = { 0, 0, 3 } }):totable())
  end)

  -- Beyond the range of float32 on the way: 2^300, then back.
  it("of a long product, with a zero in its midst", function()
    local x = neap.placeholder("float32", { 600 })
    local dx = neap.gradients(x:reduce_prod(), x)
    local values = {}
    for i = 1, 600 do
      values[i] = i <= 300 and 2 or i == 451 and 0 or 0.5
    end
    local gradient = run(dx, { [x] = values })
    for i = 1, 600 do
      assert.equal(i == 451 and 2 or 0, gradient[i])
    end
  end)

  -- abcd at a = b = 0, c = 3, d = 5, by a, then b, then c, then d.
  it("of a product to any order, where some of its elements are zero", function()
    local x = neap.placeholder("float64", { 4 })
    local y = x:reduce_prod()
    local orders = {
      { 0, 0, 0, 0 }, { 0, 15, 0, 0 }, { 0, 0, 5, 3 }, { 0, 0, 0, 1 }, { 0, 0, 0, 0 },
    }
    for order, expected in ipairs(orders) do
      local dx = neap.gradients(y, x)
      assert.same(expected, run(dx, { [x] = { 0, 0, 3, 5 } }):totable())
      y = neap.slice(dx, { math.min(order - 1, 3) }, { 1 }):reduce_sum()
    end
  end)

  it("adds up the rows that gather takes more than once", function()
    local x = neap.placeholder("float64", { 3, 2 })
    local y = neap.gather(x, neap.constant({ 2, 0, 2 }, "int64"))
    local weights = neap.constant({ { 1, 2 }, { 10, 20 }, { 100, 200 } }, "float64")
    local dx = neap.gradients(y, x, weights)
    local feeds = { [x] = { { 0, 0 }, { 0, 0 }, { 0, 0 } } }
    assert.same({ { 10, 20 }, { 0, 0 }, { 101, 202 } }, run(dx, feeds):totable())
  end)

  it("needs no shape when it is built", function()
    local x, w = neap.placeholder("float64"), neap.placeholder("float64")
    local y = (x * w + w):reduce_sum { axis = 0 } * 2
    local dx, dw = table.unpack(neap.gradients(y, { x, w }))
    local feeds = { [x] = { { 1, 2 }, { 3, 4 } }, [w] = { 5, 6 } }
    assert.same({ { 10, 12 }, { 10, 12 } }, run(dx, feeds):totable())
    assert.same({ (1 + 3 + 2) * 2, (2 + 4 + 2) * 2 }, run(dw, feeds):totable())
    feeds = { [x] = 3, [w] = { 5, 6 } }
    assert.has_no_error(function()
      local scalar = neap.gradients(x * w, x)
      assert.equal(11, run(scalar, feeds))
    end)
  end)

  it("gives the fed shape back, whatever was broadcast", function()
    for _, shapes in ipairs {
      { {}, { 2, 3 } }, { { 1 }, { 2, 3 } }, { { 2, 1 }, { 3 } }, { { 1, 1, 1 }, { 2 } },
      { { 0 }, { 1 } }, { { 4, 0, 2 }, { 2 } },
    } do
      local a, b = neap.placeholder("float64"), neap.placeholder("float64")
      local da, db = table.unpack(neap.gradients(a * b, { a, b }))
      local feeds = {
        [a] = helper.uniform(1, shapes[1], -1, 1, "float64"),
        [b] = helper.uniform(2, shapes[2], -1, 1, "float64"),
      }
      local values = run({ neap.shape(da), neap.shape(db) }, feeds)
      assert.same(shapes[1], values[1]:totable())
      assert.same(shapes[2], values[2]:totable())
    end
  end)

  it("cuts a joined value with so many nodes and edges for each part", function()
    local function cost(count)
      local many = neap.graph():as_default()
      local parts = {}
      for i = 1, count do
        parts[i] = neap.placeholder("float32", { i, -1 })
      end
      neap.gradients(neap.reduce_sum(neap.square(neap.concat(parts, 0))), parts)
      local edges = 0
      for _, node in ipairs(many.operations) do
        edges = edges + #node.inputs
      end
      return #many.operations, edges
    end
    local nodes, edges = cost(50)
    local more_nodes, more_edges = cost(51)
    local many_nodes, many_edges = cost(100)
    assert.equal(50 * (more_nodes - nodes), many_nodes - nodes)
    assert.equal(50 * (more_edges - edges), many_edges - edges)
  end)

  it("cuts a joined value where not even the rank is known", function()
    neap.graph():as_default()
    local x, y = neap.placeholder("float32"), neap.placeholder("float32")
    local joined = neap.concat({ x, x, y }, -1)
    local dx, dy = table.unpack(neap.gradients(neap.square(joined) * { 1, 2, 3, 4, 5 }, { x, y }))
    local again = neap.gradients(neap.reduce_sum(dy * y), y)
    local session <close> = neap.session()
    local feeds = { [x] = { { 1, 2 }, { 3, 4 } }, [y] = { { 5 }, { 6 } } }
    local of_x, of_y, of_again = table.unpack(session:run({ dx, dy, again }, feeds))
    assert.same({ { 8, 24 }, { 24, 48 } }, of_x:totable())
    assert.same({ { 50 }, { 60 } }, of_y:totable())
    assert.same({ { 100 }, { 120 } }, of_again:totable())
    feeds = { [x] = { 1 }, [y] = { 5, 6, 7 } }
    assert.same({ 6 }, session:run(dx, feeds):totable())
    assert.same({ 30, 48, 70 }, session:run(dy, feeds):totable())
  end)

  it("refuses weights that only a run shows not to fit: they do not broadcast", function()
    neap.graph():as_default()
    local x = neap.placeholder("float32", { 3 }, "x")
    local weight = neap.placeholder("float32", nil, "weight")
    local dx = neap.gradients(neap.exp(x), x, weight)
    local again = neap.gradients(neap.reduce_sum(neap.square(dx)), { x, weight })
    local open = neap.placeholder(nil, { -1 }, "open")
    local dopen = neap.gradients({ open * 2, open * open }, open, { weight, open })
    assert.same({ 3 }, dx.shape)
    local bad = {
      ["()"] = 2, ["(0,)"] = {}, ["(1,)"] = { 2 }, ["(2,)"] = { 1, 2 },
      ["(1, 3)"] = { { 1, 2, 3 } },
    }
    for _, passes in ipairs { "none", "simplify", "fold,simplify,merge,fuse,place" } do
      local session <close> = neap.session(nil, { passes = passes })
      local function ran(fetches, w, o)
        return session:run(fetches, { [x] = { 0, 0, 0 }, [weight] = w, [open] = o })
      end
      assert.same({ 1, 2, 3 }, ran(dx, { 1, 2, 3 }):totable())
      for shape, value in pairs(bad) do
        assert.equal('ensure_shape_like "gradients/ensure_shape_like": placeholder "weight" has '
          .. "shape " .. shape .. ', not (3,) as exp "exp"',
          (helper.failure(ran, dx, value):gsub(" %(made at .*", "")))
      end
      -- dx = weight e^x: of its squares, 2 weight^2 e^2x and 2 weight e^2x
      local of_x, of_weight = table.unpack(ran(again, { 1, 2, 3 }))
      assert.same({ 2, 8, 18 }, of_x:totable())
      assert.same({ 2, 4, 6 }, of_weight:totable())
      -- 2 weight + open 2 open
      assert.same({ 12, 26 }, ran(dopen, { 2, 4 }, { 2, 3 }):totable())
      assert.has_error(function()
        ran(dopen, { 2 }, { 2, 3 })
      end)
    end
  end)

  it("refuses nodes of another graph, and grad_ys that do not fit", function()
    local x = neap.placeholder("float32", { 2 })
    local y = x * x
    local other = neap.graph():as_default(function()
      return neap.placeholder()
    end)
    assert.has_error(function()
      neap.gradients(y, other)
    end)
    assert.has_error(function()
      neap.gradients(y, x, neap.constant { 1, 2, 3 })
    end)
    assert.has_error(function()
      neap.gradients(y, x, neap.constant({ 1, 2 }, "float64"))
    end)
    assert.has_error(function()
      neap.gradients(1, x)
    end)
  end)
end)
