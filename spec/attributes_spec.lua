--- Attributes of every kind from Lua: as operations take them, as operations written in Lua declare
-- them; inputs that may be absent; operations by name.
--
-- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"

local BEYOND <const> = (1 << 53) + 1 -- no double is this number

local graph, session, x

before_each(function()
  graph = neap.graph():as_default()
  session = neap.session(graph)
  x = neap.placeholder("float32", { -1 }, "x")
end)

after_each(function()
  session:close()
end)

local function nothing(t)
  return t
end

describe("a whole number", function()
  it("stays one, to the last bit", function()
    for _, value in ipairs { BEYOND, -BEYOND, math.maxinteger, math.mininteger, ~BEYOND } do
      local hot = neap.one_hot({ 0 }, 2, { on_value = value, off_value = ~value, dtype = "int64" })
      assert.same({ { value, ~value } }, session:run(hot):totable())
      local padded = neap.pad(neap.constant({ 0 }, "int64"), { { 1, 0 } },
        { constant_value = value })
      assert.same({ value, 0 }, session:run(padded):totable())
      assert.equal(value, padded.attributes.constant_value)
      assert.equal("integer", math.type(padded.attributes.constant_value))
    end
  end)

  it("bounds draws exactly", function()
    for _, low in ipairs { BEYOND, -BEYOND - 1, math.mininteger, math.maxinteger - 2 } do
      local draws = session:run(neap.random_uniform {
        shape = { 200 }, minval = low, maxval = low + 2, dtype = "int64",
      })
      local seen = {}
      for _, draw in ipairs(draws) do
        assert.is_true(draw == low or draw == low + 1, tostring(draw))
        seen[draw] = true
      end
      assert.is_true(seen[low] and seen[low + 1])
    end
    local function uniform(minval, maxval, dtype)
      return neap.random_uniform { shape = {}, minval = minval, maxval = maxval, dtype = dtype }
    end
    helper.fails('random_uniform "random_uniform_4": maxval must be above minval, got '
      .. "9007199254740993", uniform, BEYOND, BEYOND, "int64")
    helper.fails('random_uniform "random_uniform_4": minval must be a whole number within the '
      .. "dtype, got 9007199254740993", uniform, BEYOND, BEYOND + 1, "int32")
    helper.fails('random_uniform "random_uniform_4": maxval must be a whole number within the '
      .. "dtype, got 2147483649", uniform, 0, (1 << 31) + 1, "int32")
    assert.equal("int32", uniform(0, 1 << 31, "int32").dtype)
    assert.equal("int64", uniform(2.0, 3.0, "int64").dtype)
    -- A bound of each kind: rounded to a double, the lower one would be the upper.
    assert.equal(BEYOND + 2, session:run(uniform(BEYOND + 2, 2.0 ^ 53 + 4, "int64")))
    assert.is_false((pcall(uniform, BEYOND, 2.0 ^ 53, "int64")))
    assert.is_false((pcall(uniform, -2.0 ^ 63, math.mininteger, "int64")))
  end)

  it("is what the dtype holds, or an error", function()
    local function pad(dtype, value)
      return neap.pad(neap.constant({ 1 }, dtype), { { 1, 0 } }, { constant_value = value })
    end
    helper.fails('pad "pad": constant_value = 300 is not a uint8', pad, "uint8", 300)
    helper.fails('pad "pad": constant_value = 0.5 is not a int64', pad, "int64", 0.5)
    helper.fails('pad "pad": constant_value = true is not a float32', pad, "float32", true)
    helper.fails('pad "pad": constant_value = 2 is not a bool', function()
      return neap.pad(neap.constant({ true }), { { 1, 0 } }, { constant_value = 2 })
    end)
    local flags = neap.pad(neap.constant { false }, { { 1, 1 } }, { constant_value = true })
    assert.same({ true, false, true }, session:run(flags):totable())
  end)
end)

describe("lists", function()
  it("of pairs are tables of two, and come back as such", function()
    local y = neap.pad(neap.constant { { 1, 2 } }, { { 1, 0 }, { 0, 2 } })
    assert.same({ { 1, 0 }, { 0, 2 } }, y.attributes.paddings)
    assert.same({ { 0, 0, 0, 0 }, { 1, 2, 0, 0 } }, session:run(y):totable())
    local z = neap.constant { { 1 } }
    helper.fails("pad: argument 'paddings': at [1]: a pair of integers expected, got number",
      neap.pad, z, { 1, 2 })
    helper.fails("pad: argument 'paddings': at [2]: a pair of integers expected, got 3",
      neap.pad, z, { { 1, 2 }, { 1, 2, 3 } })
    helper.fails("pad: argument 'paddings': at [1][2]: 0.5 is not an integer",
      neap.pad, z, { { 1, 0.5 }, { 0, 0 } })
    helper.fails("pad: argument 'paddings': a sequence of pairs of integers expected, got number",
      neap.pad, z, 1)
    helper.fails('pad "pad_1": attribute "paddings" is missing', neap.pad, z)
  end)

  it("may be two sequences, or a number", function()
    local a, b = neap.placeholder("float32", { 2, 3 }), neap.placeholder("float32", { 3, 2 })
    local y = neap.tensordot(a, b, { { 1, 0 }, { 0, 1 } })
    assert.same({ { 1, 0 }, { 0, 1 } }, y.attributes.axes)
    assert.equal(1, neap.tensordot(a, b, 1).attributes.axes)
    assert.same({ { 1 }, { 0 } }, neap.tensordot(a, b, { 1, 0 }).attributes.axes)
    assert.same({ { 1 }, { 0 } }, neap.tensordot(a, b, { { 1 }, 0 }).attributes.axes)
    assert.same({ {}, {} }, neap.tensordot(a, b, { {}, {} }).attributes.axes)
    helper.fails("tensordot: argument 'axes': two sequences of integers expected, got 3",
      neap.tensordot, a, b, { 1, 2, 3 })
    helper.fails("tensordot: argument 'axes': sequences of one length expected, got 1 and 2 "
      .. "entries", neap.tensordot, a, b, { { 1 }, { 0, 1 } })
    helper.fails("tensordot: argument 'axes': at [2]: a sequence of integers expected, got string",
      neap.tensordot, a, b, { 1, "0" })
    helper.fails("tensordot: argument 'axes': an integer or two sequences of integers expected, "
      .. "got boolean", neap.tensordot, a, b, true)
  end)

  it("have false for no bound", function()
    local y = neap.strided_slice(x, { false }, { 3 }, { -1 })
    assert.same({ false }, y.attributes.begin)
    assert.same({ 6, 5 }, session:run(y, { [x] = { 1, 2, 3, 4, 5, 6 } }):totable())
    assert.same({ 1, 2 }, session:run(neap.strided_slice(x, false, 2, 1), { [x] = { 1, 2, 3 } })
      :totable())
    -- The lowest integer is a bound, which lies before every element.
    assert.same({}, session:run(neap.strided_slice(x, { 0 }, { math.mininteger }, { 1 }),
      { [x] = { 1, 2 } }):totable())
    assert.same({ 2, 1 }, session:run(neap.strided_slice(x, { 1 }, { math.mininteger }, { -1 }),
      { [x] = { 1, 2 } }):totable())
    helper.fails("strided_slice: argument 'begin': at [1]: an integer expected, got boolean",
      neap.strided_slice, x, { true }, { 1 }, { 1 })
    helper.fails("strided_slice: argument 'strides': at [1]: an integer expected, got boolean",
      neap.strided_slice, x, { 1 }, { 1 }, { false })
    helper.fails("roll: argument 'shift': an integer or a sequence of integers expected, "
      .. "got boolean", neap.roll, x, false, 0)
  end)

  it("may be long", function()
    local long = {}
    for i = 1, 1000 do
      long[i] = i
    end
    local op = neap.op {
      name = "long", inputs = "x", compute = nothing,
      attributes = { { name = "list", kind = "integers" }, { name = "reals", kind = "numbers" },
        { name = "both", kind = "pairs" } },
    }
    local both = {}
    for i = 1, 500 do
      both[i] = { i, -i }
    end
    local y = op(x, long, long, both)
    assert.same(long, y.attributes.list)
    assert.same(long, y.attributes.reals)
    assert.same(both, y.attributes.both)
  end)

  it("are read with metamethods, and anchored while they are", function()
    local function lazy(values)
      return setmetatable({}, {
        __len = function()
          return #values
        end,
        __index = function(_, i)
          collectgarbage()
          return values[i]
        end,
      })
    end
    local y = neap.pad(neap.constant { { 1 } }, lazy { lazy { 1, 0 }, lazy { 0, 1 } })
    assert.same({ { 1, 0 }, { 0, 1 } }, y.attributes.paddings)
    assert.same({ { 1 }, { 0 } }, neap.tensordot(neap.constant { { 1 } }, neap.constant { 1 },
      lazy { lazy { 1 }, lazy { 0 } }).attributes.axes)
  end)
end)

describe("bounds that are nodes", function()
  local matrix <const> = { { 1, 2, 3 }, { 4, 5, 6 } }

  it("are fed", function()
    local m, begin, stop = neap.placeholder(), neap.placeholder "int32", neap.placeholder "int64"
    local y = neap.strided_slice(m, begin, stop, { 1, -1 })
    local dy = neap.gradients(y, m)
    local second = neap.gradients(neap.reduce_sum(dy * dy * m), m)
    local values = session:run({ y, dy, second }, {
      [m] = matrix, [begin] = neap.tensor({ 1, 2 }, "int32"),
      [stop] = neap.tensor({ 2, 0 }, "int64"),
    })
    assert.same({ { 6, 5 } }, values[1]:totable())
    assert.same({ { 0, 0, 0 }, { 0, 1, 1 } }, values[2]:totable())
    assert.same({ { 0, 0, 0 }, { 0, 1, 1 } }, values[3]:totable())
  end)

  it("are computed by the run", function()
    local m, w = neap.placeholder(), neap.placeholder("float32", { -1 })
    local begin = neap.reshape(neap.argmax(w), { 1 })
    local y = neap.strided_slice(m, begin, neap.constant({ 2 }, "int64"), { 1 })
    local grad = neap.placeholder()
    local dy, weighted = neap.gradients(y, m), neap.gradients(y, m, grad)
    local values = session:run({ y, dy }, { [m] = matrix, [w] = { 0, 1 } })
    assert.same({ { 4, 5, 6 } }, values[1]:totable())
    assert.same({ { 0, 0, 0 }, { 1, 1, 1 } }, values[2]:totable())
    assert.same({ { 0, 0, 0 }, { 7, 8, 9 } }, session:run(weighted,
      { [m] = matrix, [w] = { 0, 1 }, [grad] = { { 7, 8, 9 } } }):totable())
    local text = helper.failure(session.run, session, weighted,
      { [m] = matrix, [w] = { 1, 0 }, [grad] = { { 7, 8, 9 } } })
    assert.is_truthy(text:find("has shape (1, 3), not (2, 3)", 1, true), text)
  end)

  it("are numbers, the lowest too", function()
    local stop = neap.placeholder("int64", { 1 })
    local y = neap.strided_slice(x, { 0 }, stop, { 1 })
    assert.same({}, session:run(y, { [x] = { 1, 2 },
      [stop] = neap.tensor({ math.mininteger }, "int64") }):totable())
  end)

  it("travel through shapes", function()
    local m = neap.placeholder("float32", { -1, 3, 2 })
    local reversed = neap.strided_slice(neap.shape(m), { false }, { false }, { -1 })
    assert.same({ 2, 3, -1 }, neap.zeros(reversed).shape)
    assert.same({ 3 }, neap.zeros(neap.strided_slice(neap.shape(m), { 1 }, { 2 }, { 1 })).shape)
    assert.same({ 2, -1, 3 }, neap.zeros(neap.roll(neap.shape(m), 1, 0)).shape)
    assert.same({ 7, -1, 3, 2, 2, 3 }, neap.zeros(neap.pad(neap.pad(neap.shape(m), { { 0, 2 } },
      "symmetric"), { { 1, 0 } }, { constant_value = 7 })).shape)
    local row = neap.expand_dims(neap.shape(m), 0)
    local ends = neap.strided_slice(row, { 0, false }, { 1, false }, { 1, -2 })
    assert.same({ 2, -1 }, neap.zeros(neap.squeeze(ends, 0)).shape)
    local framed = neap.pad(row, { { 1, 0 }, { 0, 1 } }, "edge")
    assert.same({ -1, 3, 2, 2 }, neap.zeros(neap.squeeze(neap.slice(framed, { 1, 0 }, { 1, 4 }), 0))
      .shape)
    assert.same({ 3, -1, 2 }, neap.strided_slice(m, {}, {}, {}).shape and
      neap.pad(m, { { 1, 1 }, { 0, 0 }, { 0, 0 } }).shape and { 3, -1, 2 })
  end)

  it("are of the call's graph", function()
    local other = neap.graph()
    local foreign = other:as_default(function()
      return neap.constant({ 1 }, "int64")
    end)
    helper.fails('strided_slice: constant "constant" is a node of another graph',
      neap.strided_slice, x, foreign, { 1 }, { 1 })
  end)
end)

describe("shapes that are not known", function()
  it("are inferred as far as they can be", function()
    local open, some = neap.placeholder(), neap.placeholder("float32", { -1, 3 })
    assert.same({ -1, -1 }, neap.pad(open, { { 1, 1 }, { 0, 2 } }).shape)
    assert.same({ -1, 5 }, neap.pad(some, { { 1, 1 }, { 0, 2 } }).shape)
    assert.is_nil(neap.roll(open, 1, 0).shape)
    assert.same({ -1, 3 }, neap.roll(some, 1, -1).shape)
    assert.is_nil(neap.strided_slice(open, { 0 }, { 1 }, { 1 }).shape)
    assert.same({ -1, 2 }, neap.strided_slice(some, { 0, 0 }, { 1, 2 }, { 1, 1 }).shape)
    assert.is_nil(neap.tensordot(open, some, 1).shape)
    assert.same({ 3, 3 }, neap.tensordot(some, some, { { 0 }, { 0 } }).shape)
    assert.same({ -1, 4 }, neap.tensordot(some, neap.placeholder("float32", { -1, 4 }), 1).shape)
  end)

  it("have gradients all the same, to the second order", function()
    local open, other = neap.placeholder("float64"), neap.placeholder("float64")
    local cases = {
      { neap.pad(open, { { 1, 1 }, { 0, 1 } }, "reflect"), open },
      { neap.roll(open, { 1, 2 }, { 0, 1 }), open },
      { neap.strided_slice(open, { 1 }, { false }, { -1 }), open },
      { neap.tensordot(open, other, { { 1 }, { 1 } }), open },
      { neap.slice(open, { 0, 1 }, { 2, 1 }), open },
    }
    local feeds = { [open] = neap.tensor({ { 1, 2 }, { 3, 4 } }, "float64"),
      [other] = neap.tensor({ { 5, 6 }, { 7, 8 } }, "float64") }
    for i, case in ipairs(cases) do
      local y = neap.reduce_sum(neap.square(case[1]))
      local dx = neap.gradients(y, open)
      local second = neap.gradients(neap.reduce_sum(dx * open), open)
      local values = session:run({ y, dx, second }, feeds)
      -- y is a square of what is linear in x: by Euler, x dy/dx = 2y, and d(x dy/dx)/dx = 2 dy/dx.
      local sum, first, twice = 0, helper.flat(values[2]), helper.flat(values[3])
      for k, value in ipairs(helper.flat(feeds[open])) do
        sum = sum + value * first[k]
        assert.equal(2 * first[k], twice[k], "case " .. i)
      end
      assert.equal(2 * values[1], sum, "case " .. i)
    end
  end)
end)

-- Arrays that are cut into parts for several threads, against an index for each element.
describe("large arrays", function()
  local rows <const>, columns <const> = 301, 257

  local function element(i, j)
    return i * columns + j
  end

  local function check(make, shape, from)
    local flat = {}
    for k = 1, rows * columns do
      flat[k] = k - 1
    end
    local m = neap.placeholder("float64", { rows, columns })
    local y = make(m)
    assert.same(shape, y.shape)
    for _, threads in ipairs { 1, 3 } do
      local s <close> = neap.session(graph, { threads = threads })
      local got = helper.flat(s:run(y, { [m] = neap.tensor(flat, "float64", { rows, columns }) }))
      for i = 0, shape[1] - 1 do
        for j = 0, shape[2] - 1 do
          local want = from(i, j)
          if got[i * shape[2] + j + 1] ~= want then
            assert.equal(want, got[i * shape[2] + j + 1], ("at [%d, %d]"):format(i, j))
          end
        end
      end
    end
  end

  it("are padded", function()
    local function mirrored(i, size)
      i = math.abs(i)
      return i < size and i or 2 * (size - 1) - i
    end
    check(function(m)
      return neap.pad(m, { { 300, 20 }, { 7, 256 } }, { mode = "reflect" })
    end, { 300 + rows + 20, 7 + columns + 256 }, function(i, j)
      return element(mirrored(i - 300, rows), mirrored(j - 7, columns))
    end)
    check(function(m)
      return neap.pad(m, { { 30, 0 }, { 0, 0 } }, { constant_value = -1 })
    end, { 30 + rows, columns }, function(i, j)
      return i < 30 and -1 or element(i - 30, j)
    end)
  end)

  it("are rolled", function()
    check(function(m)
      return neap.roll(m, { -3, 1000 }, { 0, 1 })
    end, { rows, columns }, function(i, j)
      return element((i + 3) % rows, (j - 1000) % columns)
    end)
  end)

  it("are cut with strides", function()
    check(function(m)
      return neap.strided_slice(m, { false, 5 }, { 2, false }, { -3, 2 })
    end, { 100, 126 }, function(i, j)
      return element(rows - 1 - 3 * i, 5 + 2 * j)
    end)
  end)

  it("have gradients that count where each element went", function()
    local m = neap.placeholder("float32", { rows, columns })
    local y = neap.pad(m, { { 300, 300 }, { 1, 0 } }, { mode = "reflect" })
    local dx = neap.gradients(y, m)
    for _, threads in ipairs { 1, 3 } do
      local s <close> = neap.session(graph, { threads = threads })
      local counts = helper.flat(s:run(dx, { [m] = neap.tensor.zeros { rows, columns } }))
      for i = 0, rows - 1 do
        for j = 0, columns - 1 do
          local down = (i > 0 and 1 or 0) + 1 + (i < rows - 1 and 1 or 0)
          assert.equal(down * (j == 1 and 2 or 1), counts[i * columns + j + 1])
        end
      end
    end
  end)

  it("are multiplied over any axes, integers too", function()
    local a = neap.placeholder("int32", { 17, 40, 23 })
    local b = neap.placeholder("int32", { 23, 31, 17 })
    local y = neap.tensordot(a, b, { { 2, 0 }, { 0, 2 } })
    local left, right = helper.integers(1, { 17, 40, 23 }, 100, "int32"),
      helper.integers(2, { 23, 31, 17 }, 100, "int32")
    local l, r = left:totable(), right:totable()
    local value = session:run(y, { [a] = left, [b] = right }):totable()
    for i = 1, 40, 7 do
      for j = 1, 31, 5 do
        local sum = 0
        for p = 1, 17 do
          for q = 1, 23 do
            sum = sum + l[p][i][q] * r[q][j][p]
          end
        end
        assert.equal(sum, value[i][j])
      end
    end
  end)
end)

describe("16-bit floats", function()
  it("are summed in 32 bits and rounded once", function()
    for _, dtype in ipairs { "float16", "bfloat16" } do
      local half = neap.placeholder(dtype, { 1 })
      -- 300 times one is 300, which sums of bfloat16 and the like would never reach.
      local dx = neap.gradients(neap.pad(half, { { 299, 0 } }, { mode = "edge" }), half)
      local exact = { float16 = 300, bfloat16 = 300 }
      assert.equal(exact[dtype], session:run(dx, { [half] = neap.tensor({ 1 }, dtype) })[1])
      local many = neap.constant(neap.tensor.ones({ 300 }, dtype))
      assert.equal(300, session:run(neap.tensordot(many, many, 1)))
    end
  end)
end)

describe("an operation in Lua", function()
  local ROWS <const> = {
    { name = "n", kind = "integer node", optional = true },
    { name = "by", kind = "number integer", default = 2 },
    { name = "mode", kind = "string", choices = { "up", "down" }, default = "up" },
    { name = "stop", kind = "integers", open = true, default = { 1, false } },
    { name = "reals", kind = "numbers", default = { 0.5, 1 } },
    { name = "both", kind = "pairs", default = { { 1, 2 } } },
    { name = "value", kind = "value", default = { { 1 }, { 2 } } },
    { name = "type", kind = "dtype", default = "int8" },
    { name = "flag", kind = "boolean", default = false },
  }

  it("has attributes of every kind, with defaults", function()
    local op = neap.op { name = "kinds", inputs = "x", compute = nothing, attributes = ROWS }
    local got = op(x).attributes
    assert.same({ 1, false }, got.stop)
    assert.same({ 0.5, 1 }, got.reals)
    assert.same({ { 1, 2 } }, got.both)
    assert.same({ { 1 }, { 2 } }, got.value:totable())
    got.value = nil
    assert.same({
      by = 2, mode = "up", stop = { 1, false }, reals = { 0.5, 1 }, both = { { 1, 2 } },
      type = "int8", flag = false,
    }, got)
    got = op(x, 3, BEYOND, "down", { false }, 4, {}, 5, "bool", true).attributes
    assert.equal(5, got.value:item())
    got.value = nil
    assert.same({
      n = 3, by = BEYOND, mode = "down", stop = { false }, reals = { 4 }, both = {},
      type = "bool", flag = true,
    }, got)
    helper.fails('kinds "kinds_2": attribute "mode": "up" or "down" expected, got "sideways"',
      op, x, { mode = "sideways" })
    helper.fails("kinds: argument 'stop': an integer or a sequence of integers (false: no bound) "
      .. "expected, got string", op, x, { stop = "1" })
    helper.fails("kinds: argument 'value': a value expected, got function", op, x,
      { value = print })
    helper.fails("kinds: argument 'n': an integer or a node expected, got table", op, x, { n = {} })
  end)

  it("keeps its schema when the tables that gave it change", function()
    local rows = { { name = "a" .. "b", kind = "string", choices = { "x" .. "y" },
      default = "x" .. "y" } }
    local op = neap.op { name = "kept", inputs = "x", compute = nothing, attributes = rows }
    rows[1].name, rows[1].choices[1], rows[1].default = nil, nil, nil
    rows[1] = nil
    collectgarbage()
    collectgarbage()
    assert.equal("xy", op(x).attributes.ab)
    assert.is_truthy(neap.help(op):find('kept(x; ab="xy")', 1, true))
  end)

  it("is told its attributes, and what nodes among them are", function()
    local seen = {}
    local op = neap.op {
      name = "told", inputs = "x", attributes = ROWS,
      infer = function(a, at)
        seen.infer = at
        return a
      end,
      compute = function(t, at)
        seen.compute = at
        return t
      end,
      gradient = function(_, _, dy, at)
        seen.gradient = at
        return dy
      end,
    }
    local n = neap.placeholder("int64", {}, "n")
    local y = op(x, n, { by = BEYOND })
    assert.same({ dtype = "int64", shape = {} }, seen.infer.n)
    session:run({ y, (neap.gradients(y, x)) }, { [x] = { 1 }, [n] = 7 })
    assert.equal(7, seen.compute.n:item())
    assert.equal(BEYOND, seen.compute.by)
    assert.same({ 1, false }, seen.compute.stop)
    assert.is_true(seen.gradient.n == n)
    assert.same({ { 1, 2 } }, seen.gradient.both)
  end)

  it("may leave inputs out, in the middle and at the end", function()
    local seen = {}
    local op = neap.op {
      name = "some", inputs = "x [mask] [lengths]", attributes = { { name = "k", kind = "integer",
        default = 1 } },
      infer = function(a, mask, lengths, at)
        seen.infer = { mask and mask.dtype, lengths and lengths.dtype, at.k }
        return a
      end,
      compute = function(a, mask, lengths, at)
        seen.compute = { mask and #mask, lengths and #lengths, at.k }
        return a
      end,
      gradient = function(_, mask, lengths, _, dy, at)
        seen.gradient = { mask and mask.op, lengths and lengths.op, at.k }
        return dy, mask and dy, lengths and dy
      end,
    }
    local cases = {
      { op(x), false, false, 1 }, { op(x, x), true, false, 1 }, { op(x, nil, x), false, true, 1 },
      { op(x, nil, x, 5), false, true, 5 }, { op(x, x, x), true, true, 1 },
      { op { x = x, lengths = x, k = 4 }, false, true, 4 }, { op(x, nil, nil, 3), false, false, 3 },
      { op(x, { lengths = { 1, 2 } }), false, true, 1 },
    }
    for number, case in ipairs(cases) do
      local y, mask, lengths, k = table.unpack(case)
      local dx = neap.gradients(y, x)
      session:run({ y, dx }, { [x] = { 1, 2 } })
      assert.same({ mask and 2, lengths and 2, k }, { seen.compute[1] or false,
        seen.compute[2] or false, seen.compute[3] }, "case " .. number)
      assert.equal(k, seen.gradient[3])
      assert.equal(mask, seen.gradient[1] ~= nil)
      assert.equal(lengths, seen.gradient[2] ~= nil)
    end
    local inputs = op(x, nil, x).inputs
    assert.is_true(inputs[1] == x and inputs[2] == false and inputs[3] == x and #inputs == 3)
    assert.equal(1, #op(x).inputs)
    helper.fails("some: 1 input expected (x [mask] [lengths]), got 0", op, nil, x)
    helper.fails("some: argument 'lengths' is given twice", op, x, nil, x, { lengths = x })
  end)

  it("may have many inputs and attributes", function()
    local names, rows, arguments = {}, {}, {}
    for i = 1, 20 do
      names[i] = "x" .. i
      rows[i] = { name = "a" .. i, kind = "integer", default = i }
      arguments[i] = x
    end
    local op = neap.op {
      name = "many", inputs = table.concat(names, " "), attributes = rows,
      infer = function(...)
        return (select(20, ...))
      end,
      compute = function(...)
        return (select(20, ...))
      end,
    }
    arguments[21] = { a20 = -1 }
    local y = op(table.unpack(arguments))
    assert.equal(20, #y.inputs)
    assert.equal(19, y.attributes.a19)
    assert.equal(-1, y.attributes.a20)
    assert.same({ 5 }, session:run(y, { [x] = { 5 } }):totable())
  end)

  it("has a schema that is checked", function()
    local function define(row, inputs)
      return neap.op { name = "checked", inputs = inputs or "x", compute = nothing,
        attributes = { row } }
    end
    helper.fails("op: attribute 'a': no kind 'int'", define, { name = "a", kind = "int" })
    helper.fails("op: attribute 'a': its kind must be a string, as \"integer\"", define,
      { name = "a" })
    helper.fails("op: attributes: argument 'name': a string expected, got nil", define,
      { kind = "integer" })
    helper.fails("op: argument 'a': an integer expected, got string", define,
      { name = "a", kind = "integer", default = "1" })
    helper.fails("op: attribute 'a': its choices must be a sequence of strings", define,
      { name = "a", kind = "string", choices = { 1 } })
    helper.fails("op: argument 'attributes': a table {name=, kind=} expected, got string", define,
      "a")
    helper.fails("op: argument 'attributes': a sequence expected, got number", neap.op,
      { name = "checked", inputs = "x", compute = nothing, attributes = 1 })
    helper.fails("op: attribute 'a': it is there twice", neap.op, { name = "checked", inputs = "x",
      compute = nothing, attributes = { { name = "a", kind = "integer" },
        { name = "a", kind = "integer" } } })
    helper.fails('op: operation "checked": attribute "x": that name is taken', define,
      { name = "x", kind = "integer" })
    local required = define { name = "a", kind = "integer" }
    helper.fails('checked "checked": attribute "a" is missing', required, x)
  end)

  it("explains itself", function()
    local op = neap.op { name = "told", inputs = "x [y]", compute = nothing, attributes = ROWS,
      doc = "Does nothing." }
    local text = neap.help(op)
    assert.is_truthy(text:find('told(x, [y]; [n], by=2, mode="up", stop={1, false}, '
      .. 'reals={0.5, 1}, both={{1, 2}}, [value], type="int8", flag=false)', 1, true), text)
    assert.is_truthy(text:find("\n\nDoes nothing.\n", 1, true))
    assert.is_truthy(text:find('\n  mode: "up" or "down"\n', 1, true))
    assert.is_truthy(text:find("\n  both: a sequence of pairs of integers\n", 1, true))
  end)
end)

describe("neap.call", function()
  it("builds any operation by its name, as neap.OP does", function()
    assert.same({ 3, 5 }, session:run(neap.call("add", x, { 1, 2 }), { [x] = { 2, 3 } }):totable())
    assert.equal(5, session:run(neap.call("reduce_sum", x, { axis = 0 }), { [x] = { 2, 3 } }))
    assert.same({ 1, 1 }, session:run(neap.call("concat", { x, x }, 0), { [x] = { 1 } }):totable())
    assert.equal("mine", neap.call("square", x, { name = "mine" }).name)
    assert.equal("int8", neap.call("placeholder", "int8").dtype)
    assert.same({ 2 }, neap.call("zeros", { 2 }).shape)
    helper.fails("add: 2 inputs expected (x y), got 1", neap.call, "add", x)
  end)

  it("knows what was defined by neap.op, the last of a name", function()
    neap.op { name = "known", inputs = "x", compute = function(t)
      return neap.tensor({ 1, 1 }, t.dtype)
    end }
    neap.op { name = "known", inputs = "x", compute = function(t)
      return neap.tensor({ 2, 2 }, t.dtype)
    end }
    collectgarbage()
    assert.same({ 2, 2 }, session:run(neap.call("known", x), { [x] = { 0, 0 } }):totable())
  end)

  it("knows no other", function()
    helper.fails("call: unknown operation 'addd': did you mean 'add'?", neap.call, "addd", x)
    helper.fails("call: unknown operation 'sum_to_like'", neap.call, "sum_to_like", x, x)
    helper.fails("call: unknown operation 'known_nowhere'", neap.call, "known_nowhere")
    helper.fails("call: argument 'name': a string expected, got node", neap.call, x)
  end)
end)
