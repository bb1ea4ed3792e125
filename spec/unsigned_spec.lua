--- uint16, uint32 and uint64 through operations, sessions and tensors. Numbers beyond Lua's
-- integers are worked by hand; everything else that takes any dtype is tried by ops_spec.
local neap = require "neap"

--- A tensor of uint64 out of 64-bit patterns: -1 is 2^64 - 1, math.mininteger 2^63.
local function wide(...)
  return neap.tensor.frombytes(("<" .. ("i8"):rep(select("#", ...))):pack(...), "uint64",
    { select("#", ...) })
end

local TOP <const> = math.mininteger -- 2^63

describe("uint64", function()
  local graph, x, session

  before_each(function()
    graph = neap.graph():as_default()
    x = neap.placeholder("uint64", { 3 })
    session = neap.session(graph)
  end)

  after_each(function()
    session:close()
  end)

  --- The node's value for x = 2^64 - 1, 2^63, 3 has these bits.
  local function gives(node, ...)
    assert.equal("uint64", node.dtype)
    local value = session:run(node, { [x] = wide(-1, TOP, 3) })
    assert.equal(tostring(wide(...)), tostring(value))
    assert.equal(wide(...):tobytes(), value:tobytes())
  end

  it("counts beyond the integers of Lua, and wraps", function()
    gives(x + 1, 0, TOP + 1, 4)
    gives(x - 4, -5, TOP - 4, -1)
    gives(x * 3, -3, TOP, 9)
    gives(-x, 1, TOP, -3)
    gives(x:square(), 1, 0, 9)
    gives(x:abs(), -1, TOP, 3)
    gives(x:sign(), 1, 1, 1)
    gives(x:relu(), -1, TOP, 3)
    gives(x ^ 2, 1, 0, 9)
    gives(neap.pow(neap.constant({ 2, 2, 2 }, "uint64"), neap.constant({ 63, 64, 0 }, "uint64")),
      TOP, 0, 1)
  end)

  it("divides and compares as numbers without a sign", function()
    gives(x // 10, 1844674407370955161, 922337203685477580, 0)
    gives(x % 10, 5, 8, 3)
    gives(neap.maximum(x, 5), -1, TOP, 5)
    gives(neap.minimum(x, 5), 5, 5, 3)
    local feeds = { [x] = wide(-1, TOP, 3) }
    assert.same({ true, true, false }, session:run(x:greater(5), feeds):totable())
    assert.same({ false, false, true }, session:run(x:less(5), feeds):totable())
    assert.same({ false, true, false }, session:run(x:equal(2.0 ^ 63), feeds):totable())
    assert.same({ 2.0 ^ 63, 2.0 ^ 62, 1.5 }, session:run(x / 2, feeds):totable())
    local first = neap.constant(wide(TOP, -1, 0))
    gives(first // x, 0, 1, 0)
  end)

  it("reduces", function()
    local feeds = { [x] = wide(-1, TOP, 3) }
    assert.equal("9223372036854775810", tostring(session:run(x:reduce_sum(), feeds)))
    assert.equal("18446744073709551615", tostring(session:run(x:reduce_max(), feeds)))
    assert.equal(0, session:run(x:argmax(), feeds))
    assert.equal(1, session:run(x:argmax(), { [x] = wide(3, -1, TOP) }))
    local columns = neap.reshape(x, { 3, 1 }):reduce_max { axis = 0 }
    assert.equal("[9223372036854775808]", tostring(session:run(columns, { [x] = wide(1, TOP, 7) })))
    assert.equal(5, session:run(x:reduce_mean(), { [x] = wide(4, 5, 7) }))
  end)

  it("is cast as every integer: floats end at its ends, integers wrap", function()
    local numbers = neap.constant({ 1e20, -1, 0 / 0, 2.0 ^ 63, 1.9, math.huge }, "float64")
    assert.equal(wide(-1, 0, 0, TOP, 1, -1):tobytes(),
      session:run(numbers:cast "uint64"):tobytes())
    local feeds = { [x] = wide(-1, TOP, 3) }
    local function cast(dtype)
      return session:run(x:cast(dtype), feeds):totable()
    end
    assert.same({ 2.0 ^ 64, 2.0 ^ 63, 3 }, cast "float64")
    assert.same({ 2.0 ^ 64, 2.0 ^ 63, 3 }, cast "float32")
    assert.same({ -1, math.mininteger, 3 }, cast "int64")
    assert.same({ 4294967295, 0, 3 }, cast "uint32")
    assert.same({ 65535, 0, 3 }, cast "uint16")
    assert.same({ true, true, true }, cast "bool")
    gives(neap.constant({ -1, 5, 0 }, "int8"):cast "uint64", -1, 5, 0)
  end)

  it("moves", function()
    gives(neap.gather(x, neap.constant({ 2, 0 }, "int64")), 3, -1)
    gives(neap.concat({ x, neap.constant({ 1 }, "uint64") }, 0), -1, TOP, 3, 1)
    gives(neap.where({ true, false, true }, x, 0), -1, 0, 3)
    gives(neap.slice(x, { 1 }, { 1 }), TOP)
    gives(neap.fill({ 2 }, wide(-1)[1]), -1, -1)
    gives(neap.zeros_like(x), 0, 0, 0)
    gives(neap.reshape(neap.transpose(neap.reshape(x, { 3, 1 })), { 3 }), -1, TOP, 3)
  end)

  it("comes back as an integer, or as a tensor where Lua has no such integer", function()
    local first = x:reduce_max()
    assert.equal(7, session:run(first, { [x] = wide(7, 1, 2) }))
    for _, fetch in ipairs { "alone", "listed" } do
      local value = fetch == "alone" and session:run(first, { [x] = wide(-1, 1, 2) })
        or session:run({ first, x }, { [x] = wide(-1, 1, 2) })[1]
      assert.same({}, value.shape)
      assert.equal("18446744073709551615", tostring(value))
      gives(x // neap.constant(value), 1, 0, 0)
    end
    local call = session:callable(first, { x })
    assert.equal("18446744073709551615", tostring(call(wide(-1, 1, 2))))
    assert.equal(9, call(wide(9, 1, 2)))
    local both = session:callable({ top = first, x }, { x })
    assert.equal("9223372036854775808", tostring(both(wide(TOP, 1, 2)).top))
  end)

  it("is a variable's dtype", function()
    local v = neap.variable(neap.constant(wide(TOP)):reshape {})
    assert.equal("9223372036854775808", tostring(session:get(v)))
    local stepped = v:assign_add(2.0 ^ 63 - 1024)
    assert.equal("18446744073709550592", tostring(session:run(stepped)))
    session:set(v, 12)
    assert.equal(12, session:get(v))
    session:set(v, 2.0 ^ 63)
    assert.equal("9223372036854775808", tostring(session:get(v)))
    assert.has_error(function()
      session:set(v, -1)
    end)
  end)

  it("keeps apart what differs beyond a double when plans are made", function()
    -- A fed integer may tell a size, so that plans are kept by its value.
    local one = neap.placeholder("uint64", {})
    local y = one + 1
    assert.equal("9223372036854775809", tostring(session:run(y, { [one] = 2.0 ^ 63 })))
    assert.equal("9223372036854775810", tostring(session:run(y, { [one] = wide(TOP + 1)[1] })))
    assert.equal(0, session:run(y, { [one] = wide(-1)[1] }))
  end)
end)

describe("the unsigned dtypes", function()
  it("are drawn uniformly, from their own range", function()
    neap.graph():as_default()
    local session <close> = neap.session { seed = 5 }
    for _, dtype in ipairs { "uint8", "uint16", "uint32", "uint64" } do
      local value = session:run(neap.random_uniform({ 1000 }, 3, 9, dtype))
      local seen = {}
      for _, number in ipairs(value) do
        seen[number] = true
      end
      assert.equal(dtype, value.dtype)
      assert.same({ [3] = true, [4] = true, [5] = true, [6] = true, [7] = true, [8] = true }, seen)
    end
    local value = session:run(neap.random_uniform({ 1000 }, 0, 65536, "uint16"))
    local most = 0
    for _, number in ipairs(value) do
      most = math.max(most, number)
    end
    assert.is_true(most > 65000 and most < 65536)
    assert.has_error(function()
      neap.random_uniform({ 2 }, 0, 65537, "uint16")
    end)
    assert.has_error(function()
      neap.random_uniform({ 2 }, -1, 5, "uint32")
    end)
  end)

  it("are drawn up to the ends of 64 bits", function()
    neap.graph():as_default()
    local session <close> = neap.session { seed = 5 }
    local bits = session:run(neap.random_uniform({ 1000 }, 2.0 ^ 63, 2.0 ^ 64, "uint64")):tobytes()
    local high = 0
    for i = 1, 1000 do
      local number = string.unpack("<i8", bits, 8 * i - 7)
      assert.is_true(number < 0) -- as an integer with a sign: 2^63 and more
      high = high + (number >= -(1 << 62) and 1 or 0)
    end
    assert.is_true(high > 400 and high < 600)
    local signed = session:run(neap.random_uniform({ 1000 }, math.mininteger, 2.0 ^ 63, "int64"))
    local below = 0
    for _, number in ipairs(signed) do
      below = below + (number < 0 and 1 or 0)
    end
    assert.is_true(below > 400 and below < 600)
    for _, wrong in ipairs {
      { -1, 2, "uint64" }, { 0, 2.0 ^ 65, "uint64" }, { 0, 2.0 ^ 64, "int64" }, { 5, 5, "uint64" },
      { 2.0 ^ 64, 2.0 ^ 64, "uint64" }, { math.mininteger, math.mininteger, "int64" },
    } do
      assert.has_error(function()
        neap.random_uniform({ 2 }, table.unpack(wrong))
      end)
    end
  end)

  it("are one_hot's, fill's and NPY's", function()
    neap.graph():as_default()
    local session <close> = neap.session()
    for _, dtype in ipairs { "uint16", "uint32", "uint64" } do
      local hot = neap.one_hot(neap.constant({ 1 }, "int64"), 3, 40000, 1, -1, dtype)
      assert.equal(dtype, hot.dtype)
      assert.same({ { 1, 40000, 1 } }, session:run(hot):totable())
      assert.same({ 7, 7 }, session:run(neap.fill({ 2 }, neap.tensor(7, dtype))):totable())
      assert.same({ 1 }, session:run(neap.ones({ 1 }, dtype)):totable())
      local bytes = ("<I8"):pack(1):sub(1, dtype:match("%d+") // 8)
      local raw = neap.tensor.frombytes(bytes, dtype, { 1 })
      assert.same({ 1 }, raw:totable())
    end
  end)

  it("print as NumPy prints them", function()
    assert.equal("[    0 65535]", tostring(neap.tensor({ 0, 65535 }, "uint16")))
    local row = neap.tensor({ { 4294967295, 1 } }, "uint32")
    assert.equal("[[4294967295          1]]", tostring(row))
    assert.equal("18446744073709551615", tostring(wide(-1)[1]))
  end)
end)
