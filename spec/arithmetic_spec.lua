--- Dtypes in arithmetic: operators, literals, integers that wrap, comparisons, errors that name
-- both.
local helper = require "helper"
local neap = require "neap"

local graph

before_each(function()
  graph = neap.graph():as_default()
end)

local function run(node, feeds)
  local session <close> = neap.session(graph)
  local value = session:run(node, feeds)
  return type(value) == "userdata" and value:totable() or value
end

describe("an operator", function()
  it("builds the operation of its name", function()
    local x, y = neap.constant { 7, -7 }, neap.constant { 2, 2 }
    for op, node in pairs {
      add = x + y, subtract = x - y, multiply = x * y, divide = x / y, pow = x ^ y, mod = x % y,
      floor_divide = x // y, negative = -x,
    } do
      assert.equal(op, node.op)
    end
    assert.same({ 9, -5 }, run(x + y))
    assert.same({ 5, -9 }, run(x - y))
    assert.same({ 14, -14 }, run(x * y))
    assert.same({ 3.5, -3.5 }, run(x / y))
    assert.same({ 49, 49 }, run(x ^ y))
    assert.same({ 1, 1 }, run(x % y))
    assert.same({ 3, -4 }, run(x // y))
    assert.same({ -7, 7 }, run(-x))
  end)

  it("takes a literal on either side", function()
    local x = neap.constant { 1, 2 }
    assert.same({ 11, 12 }, run(x + 10))
    assert.same({ 9, 8 }, run(10 - x))
    assert.same({ 2, 1 }, run(2 / x))
    assert.same({ 2, 4 }, run(2 ^ x))
    assert.same({ 11, 22 }, run(x + { 10, 20 }))
    assert.same({ 9, 18 }, run({ 10, 20 } - x))
    assert.same({ 11, 22 }, run(neap.tensor { 10, 20 } + x))
    assert.same({ { 2, 3 }, { 3, 4 } }, run({ { 1 }, { 2 } } + x))
  end)

  it("is none for == < <= #, which Lua would turn into booleans", function()
    local x, y = neap.constant(1), neap.constant(1)
    assert.is_false(x == y)
    assert.is_true(x == x)
    assert.has_error(function()
      return x < y
    end)
    assert.has_error(function()
      return x <= y
    end)
    assert.has_error(function()
      return #x
    end)
  end)
end)

local INTEGERS <const> = {
  "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
}

describe("a literal", function()
  it("takes the dtype of the other side", function()
    for _, dtype in ipairs { "float32", "float64", table.unpack(INTEGERS) } do
      local x = neap.constant({ 1, 2 }, dtype)
      assert.equal(dtype, (x + 1).dtype)
      assert.equal(dtype, (3 - x).dtype)
      assert.equal(dtype, neap.maximum(x, 5).dtype)
      assert.equal(dtype, neap.maximum(5, x).dtype)
      assert.equal(dtype, neap.where({ true, false }, x, 0).dtype)
      assert.equal(dtype, neap.where({ true, false }, 0, x).dtype)
    end
  end)

  it("is float32 where there is no other side", function()
    assert.equal("float32", neap.square(3).dtype)
    assert.equal("float32", neap.add(1, 2).dtype)
    assert.equal(5, run(neap.add(2, 3)))
  end)

  it("that the dtype cannot hold is an error", function()
    local x = neap.constant({ 1 }, "int32")
    assert.has_error(function()
      return x + 0.5
    end)
    assert.has_error(function()
      return x + 2 ^ 31
    end)
    assert.has_error(function()
      return x + true
    end)
    assert.has_error(function()
      return neap.constant({ 1 }, "uint8") - 256
    end)
    assert.has_error(function()
      return neap.constant { 1 } + "1"
    end)
  end)
end)

describe("integer arithmetic", function()
  it("wraps", function()
    local function gives(expected, dtype, op, a, b)
      assert.equal(expected, run(neap[op](neap.constant(a, dtype), neap.constant(b, dtype))))
    end
    gives(math.mininteger, "int64", "add", math.maxinteger, 1)
    gives(math.maxinteger, "int64", "subtract", math.mininteger, 1)
    gives(-2, "int64", "multiply", math.maxinteger, 2)
    gives(-2147483648, "int32", "add", 2147483647, 1)
    gives(-128, "int8", "add", 127, 1)
    gives(44, "uint8", "add", 200, 100)
    gives(206, "uint8", "subtract", 50, 100)
    gives(-32768, "int16", "add", 32767, 1)
    gives(65535, "uint16", "subtract", 0, 1)
    gives(4294967294, "uint32", "multiply", 4294967295, 2)
    gives(0, "uint64", "multiply", 1 << 32, 1 << 32)
    gives(0, "int32", "multiply", 65536, 65536)
  end)

  it("wraps at the one value whose negative does not exist", function()
    assert.equal(math.mininteger, run(-neap.constant(math.mininteger, "int64")))
    assert.equal(math.mininteger, run(neap.abs(neap.constant(math.mininteger, "int64"))))
    assert.equal(-128, run(neap.abs(neap.constant(-128, "int8"))))
    assert.equal(-2147483648, run(-neap.constant(-2147483648, "int32")))
  end)

  it("is exact beyond what a double holds", function()
    local big <const> = (1 << 53) + 1
    local x = neap.constant({ big }, "int64")
    assert.same({ big + 2 }, run(x + 2))
    assert.same({ big }, run(neap.maximum(x, 0)))
    assert.same({ big }, run(x:reduce_sum { axis = 0, keepdims = true }))
    assert.same({ false }, run(x:equal(big - 1)))
    assert.same({ true }, run(x:greater(big - 1)))
  end)

  it("has a mean between the least and the greatest element, whatever their sum", function()
    local function gives(mean, dtype, values)
      assert.equal(mean, run(neap.reduce_mean(neap.constant(values, dtype))))
    end
    local most <const>, least <const> = math.maxinteger, math.mininteger
    gives(most, "int64", { most, most, most })
    gives(most - 1, "int64", { most, most - 2 })
    gives(least, "int64", { least, least, least })
    gives(0, "int64", { least, most, 1 })
    gives(-2147483648, "int32", { -2147483648, -2147483648 })
    gives(127, "int8", { 127, 127, 127 })
    gives(255, "uint8", { 255, 255 })
    local x = neap.tensor({ { most, least }, { most, least }, { most - 3, least + 3 } }, "int64")
    assert.same({ most - 1, least + 1 }, run(neap.reduce_mean(x, 0)))
  end)

  it("divides downwards, as Python does", function()
    local big <const> = (1 << 53) + 1
    local function gives(quotient, rest, dtype, x, y)
      x, y = neap.constant(x, dtype), neap.constant(y, dtype)
      assert.equal(dtype, (x // y).dtype)
      assert.equal(quotient, run(x // y))
      assert.equal(rest, run(x % y))
    end
    gives(3, 1, "int64", 7, 2)
    gives(-4, 1, "int32", -7, 2)
    gives(-4, -1, "int16", 7, -2)
    gives(3, -1, "int8", -7, -2)
    gives(1, 55, "uint8", 255, 200)
    gives(0, 1, "uint8", 1, 255)
    gives(1, 1, "uint16", 65535, 65534)
    gives(1, 4294967295 - 3000000000, "uint32", 4294967295, 3000000000)
    gives(math.maxinteger // 10, math.maxinteger % 10, "uint64", math.maxinteger, 10)
    gives(big // 3, big % 3, "int64", big, 3)
    gives(-big - 1, 1, "int64", -2 * big - 1, 2)
  end)

  it("wraps where the quotient does not fit, without a trap", function()
    for dtype, lowest in pairs {
      int8 = -128, int16 = -32768, int32 = -2147483648, int64 = math.mininteger,
    } do
      local x, y = neap.placeholder(dtype, {}), neap.placeholder(dtype, {})
      local feeds = { [x] = lowest, [y] = -1 }
      assert.equal(lowest, run(x // y, feeds))
      assert.equal(0, run(x % y, feeds))
      assert.same({ lowest }, run(neap.constant({ lowest }, dtype) // -1))
      assert.same({ 0 }, run(neap.constant({ lowest }, dtype) % -1))
    end
  end)

  it("tells a division by zero, and where it is in the result", function()
    for _, dtype in ipairs(INTEGERS) do
      local x, y = neap.placeholder(dtype), neap.placeholder(dtype)
      local function fails(at, a, b)
        for _, node in ipairs { x // y, x % y } do
          local text = helper.failure(run, node,
            { [x] = neap.tensor(a, dtype), [y] = neap.tensor(b, dtype) })
          assert.equal(('%s "%s": division by zero%s'):format(node.op, node.name, at),
            (text:gsub(" %(made at .*", "")))
        end
      end
      fails("", 1, 0)
      fails(" at [1]", { 1, 2 }, { 3, 0 })
      fails(" at [0, 0]", { { 1 }, { 2 } }, 0)
      fails(" at [0, 2]", { { 1, 2, 3 }, { 4, 5, 6 } }, { 3, 2, 0 })
      fails(" at [1, 0]", { { 1, 2, 3 }, { 4, 5, 6 } }, { { 3 }, { 0 } })
      fails(" at [0, 1, 0]", { { 1, 2 }, { 3, 4 } }, { { { 1 }, { 0 } }, { { 0 }, { 1 } } })
      local none = neap.tensor({}, dtype, { 0 })
      assert.same({}, run(x // y, { [x] = none, [y] = 0 }))
      assert.same({}, run(x % y, { [x] = none, [y] = 0 }))
    end
  end)

  it("changes no variable where it fails", function()
    local v, y = neap.variable({ 6, 9 }, { dtype = "int32" }), neap.placeholder("int32", { 2 })
    local session <close> = neap.session(graph)
    local divided = v:assign(v // y)
    assert.has_error(function()
      session:run(divided, { [y] = { 2, 0 } })
    end)
    assert.same({ 6, 9 }, session:get(v):totable())
    assert.same({ 3, 4 }, session:run(divided, { [y] = { 2, 2 } }):totable())
  end)

  it("divides sizes while a plan is made", function()
    local x = neap.placeholder("float32", { 6, 4 })
    local size = neap.shape(x)
    local halved = neap.reshape(x, neap.concat({ size // 2, neap.constant({ 4 }, "int64") }, 0))
    assert.same({ 3, 2, 4 }, halved.shape)
  end)

  it("divides to float32", function()
    local node = neap.constant({ 7, -7 }, "int32") / neap.constant({ 2, 2 }, "int32")
    assert.equal("float32", node.dtype)
    assert.same({ 3.5, -3.5 }, run(node))
  end)
end)

describe("a mix of dtypes", function()
  it("is an error that names both", function()
    local a, b = neap.constant { 1 }, neap.constant({ 1 }, "float64")
    helper.fails('add "add": dtypes differ: float32 and float64 (inputs x and y)', neap.add, a, b)
    helper.fails('multiply "multiply": dtypes differ: float64 and float32 (inputs x and y)',
      neap.multiply, b, a)
    helper.fails('matmul "matmul": dtypes differ: float32 and int32 (inputs a and b)', neap.matmul,
      neap.ones { 2, 2 }, neap.ones({ 2, 2 }, "int32"))
  end)

  it("is an error where an operation does not take the dtype", function()
    local flag, whole = neap.constant { true }, neap.constant({ 1 }, "int32")
    assert.has_error(function()
      return flag + flag
    end)
    assert.has_error(function()
      neap.exp(whole)
    end)
    assert.has_error(function()
      neap.where(whole, 1, 2)
    end)
    assert.has_error(function()
      neap.gather(neap.constant { 1 }, neap.constant { 0 })
    end)
  end)
end)

describe("cast", function()
  it("truncates, saturates and takes not-a-number for zero", function()
    local x = neap.constant({ 1.9, -1.9, 0 / 0, math.huge, -math.huge, 300, -300 }, "float64")
    assert.same({ 1, -1, 0, 127, -128, 127, -128 }, run(x:cast "int8"))
    assert.same({ 1, 0, 0, 255, 0, 255, 0 }, run(x:cast "uint8"))
    assert.same({ 1, 0, 0, 65535, 0, 300, 0 }, run(x:cast "uint16"))
    assert.same({ 1, 0, 0, 4294967295, 0, 300, 0 }, run(x:cast "uint32"))
    assert.same({ 1, -1, 0, math.maxinteger, math.mininteger, 300, -300 }, run(x:cast "int64"))
    assert.same({ true, true, true, true, true, true, true }, run(x:cast "bool"))
  end)

  it("goes between every two dtypes", function()
    local all = {
      "float32", "float64", "float16", "bfloat16",
      "bool", table.unpack(INTEGERS),
    }
    for _, from in ipairs(all) do
      for _, to in ipairs(all) do
        local x = neap.constant(from == "bool" and { false, true } or { 0, 1 }, from)
        local y = x:cast(to)
        assert.equal(to, y.dtype)
        assert.same(to == "bool" and { false, true } or { 0, 1 }, run(y))
      end
    end
  end)

  it("rounds to the nearest even in 16 bits", function()
    local x = neap.constant { 1 + 2 ^ -11, 1 + 3 * 2 ^ -11, 65504, 1e6 }
    local half = x:cast("float16"):cast "float32"
    assert.same({ 1, 1 + 2 ^ -9, 65504, math.huge }, run(half))
    local brain = neap.constant({ 1 + 2 ^ -8, 1 + 3 * 2 ^ -8 }):cast("bfloat16"):cast "float32"
    assert.same({ 1, 1 + 2 ^ -6 }, run(brain))
  end)

  it("keeps 64-bit integers", function()
    local big <const> = (1 << 62) + 1
    assert.equal(big, run(neap.constant(big, "int64"):cast "int64"))
    assert.equal(1, run(neap.constant(big, "int64"):cast "int32"))
  end)

  it("rounds wide integers once on the way to narrow floats", function()
    -- 2^62 + 2^54 lies between two numbers of bfloat16, and is the float32 next to the sum with 1.
    local tie <const> = (1 << 62) + (1 << 54)
    local x = neap.constant({ tie, tie + 1, -tie - 1 }, "int64")
    assert.same({ 2.0 ^ 62, 2.0 ^ 62 + 2.0 ^ 55, -2.0 ^ 62 - 2.0 ^ 55 },
      run(x:cast("bfloat16"):cast "float64"))
    local y = neap.constant({ 1 + 2 ^ -11 + 2 ^ -40 }, "float64")
    assert.same({ 1 + 2 ^ -10 }, run(y:cast("float16"):cast "float64"))
  end)
end)

describe("a comparison", function()
  it("gives booleans, and not-a-number is unlike everything", function()
    local x = neap.constant { 1, 2, 0 / 0 }
    assert.equal("bool", x:less(2).dtype)
    assert.same({ true, false, false }, run(x:less(2)))
    assert.same({ false, false, false }, run(x:greater(2)))
    assert.same({ true, true, false }, run(x:equal(x)))
    assert.same({ true, false }, run(neap.equal({ true, false }, { true, true })))
  end)

  it("chooses in where, whatever the shapes", function()
    local x = neap.constant { { 1, -2 }, { -3, 4 } }
    assert.same({ { 1, 0 }, { 0, 4 } }, run(neap.where(x:greater(0), x, 0)))
    assert.same({ { 1, 20 }, { 10, 4 } }, run(neap.where(x:greater(0), x, { 10, 20 })))
    local rows = neap.where({ { true }, { false } }, { 1, 1 }, { 2, 2 })
    assert.same({ { 1, 1 }, { 2, 2 } }, run(rows))
    assert.equal(7, run(neap.where(true, 7, 8)))
  end)
end)
