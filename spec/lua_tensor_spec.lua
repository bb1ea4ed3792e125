--- Tensors as Lua values, and how Lua values become tensors.
--
-- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"

describe("a tensor", function()
  it("is a sequence", function()
    local t = neap.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
    assert.equal(2, #t)
    assert.same({ 4, 5, 6 }, t[2]:totable())
    assert.equal(6, t[2][3])
    assert.is_nil(t[0])
    assert.is_nil(t[3])
    assert.is_nil(t[-1])
    assert.is_nil(t[1.5])
    assert.equal(5, t[2.0][2.0])
    local rows = {}
    for i, row in ipairs(t) do
      rows[i] = row:totable()
    end
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 } }, rows)
  end)

  it("knows its shape, dtype, rank and size", function()
    local t = neap.tensor({ { 1, 2, 3 }, { 4, 5, 6 } }, "int16")
    assert.same({ 2, 3 }, t.shape)
    assert.equal("int16", t.dtype)
    assert.equal(2, t.rank)
    assert.equal(6, t.size)
    assert.not_equal(t.shape, t.shape)
  end)

  it("gives elements as Lua's own: floats, integers, booleans", function()
    assert.equal("float", math.type(neap.tensor({ 1 })[1]))
    assert.equal("integer", math.type(neap.tensor({ 1 }, "uint8")[1]))
    assert.equal(true, neap.tensor({ true })[1])
    assert.equal(math.mininteger, neap.tensor({ math.mininteger }, "int64")[1])
    assert.equal(65535, neap.tensor({ 65535 }, "uint16")[1])
    assert.equal(4294967295, neap.tensor({ 4294967295 }, "uint32")[1])
    assert.equal(math.maxinteger, neap.tensor({ math.maxinteger }, "uint64")[1])
    assert.equal(0.5, neap.tensor({ 0.5 }, "float16")[1])
    assert.equal(-2, neap.tensor({ -2 }, "bfloat16")[1])
  end)

  it("outlives the tensor of which it is a row", function()
    local row = neap.tensor({ { 1, 2 }, { 3, 4 } })[2]
    collectgarbage()
    assert.same({ 3, 4 }, row:totable())
  end)

  it("of rank 0 has an item, no length and no elements", function()
    local t = neap.tensor(7)
    assert.equal(7, t:item())
    assert.equal(7, t:totable())
    assert.same({}, t.shape)
    helper.fails("a tensor of rank 0 has no length", function()
      return #t
    end)
    helper.fails("a tensor of rank 0 has no elements: use t:item()", function()
      return t[1]
    end)
    helper.fails("tensor.item: 2 elements, not one", function()
      return neap.tensor({ 1, 2 }):item()
    end)
  end)

  it("never changes", function()
    local t = neap.tensor { 1, 2 }
    helper.fails("a tensor never changes", function()
      t[1] = 5
    end)
    helper.fails("no field 'colour' in tensor, there are: allclose, dtype, item, rank, reshape, "
      .. "shape, size, tobytes, totable", function()
        return t.colour
      end)
    helper.fails("no field 'shpae' in tensor: did you mean 'shape'?", function()
      return t.shpae
    end)
    helper.fails("no field 'matmul' in tensor: did you mean 'neap.matmul'?", function()
      return t:matmul(t)
    end)
    helper.fails("no function 'zeroes' in neap.tensor: did you mean 'zeros'?", function()
      return neap.tensor.zeroes { 1 }
    end)
  end)

  it("goes to bytes and back", function()
    local t = neap.tensor({ { 1, 2 }, { 3, 4 } }, "int32")
    assert.equal(string.pack("i4i4i4i4", 1, 2, 3, 4), t:tobytes())
    local u = neap.tensor.frombytes(t:tobytes(), "int32", { 2, 2 })
    assert.same(t:totable(), u:totable())
    assert.same({ 0, 3 }, neap.tensor.frombytes("", "float64", { 0, 3 }).shape)
    helper.fails("tensor.frombytes: 16 bytes for a tensor of int32 and shape (2, 3)", function()
      return neap.tensor.frombytes(t:tobytes(), "int32", { 2, 3 })
    end)
    helper.fails("tensor.frombytes: 16 bytes for a tensor of int32 and shape "
      .. "(4611686018427387904, 4)", function()
      return neap.tensor.frombytes(t:tobytes(), "int32", { 1 << 62, 4 })
    end)
    helper.fails("tensor.frombytes: byte 2 is 2, not a boolean", function()
      return neap.tensor.frombytes("\1\2", "bool", { 2 })
    end)
  end)

  it("takes another shape of its size", function()
    local t = neap.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
    assert.same({ { 1, 2 }, { 3, 4 }, { 5, 6 } }, t:reshape({ 3, 2 }):totable())
    assert.same({ 6 }, t:reshape({ -1 }).shape)
    assert.is_false((pcall(t.reshape, t, { 4 })))
  end)

  it("is close to another of its shape within tolerances, as numpy.allclose", function()
    local t = neap.tensor { 1, 2, math.huge }
    assert.is_true(t:allclose(neap.tensor { 1.000001, 2, math.huge }))
    assert.is_false(t:allclose { 1.1, 2, math.huge })
    assert.is_true(t:allclose({ 1.1, 2, math.huge }, 0, 0.2))
    assert.is_true(t:allclose({ 1.1, 2, math.huge }, 0.1))
    assert.is_false(t:allclose { 1, 2, -math.huge })
    assert.is_false(t:allclose { { 1, 2, math.huge } })
    assert.is_false(neap.tensor({ 0 / 0 }):allclose { 0 / 0 })
    assert.is_true(neap.tensor({ 3 }, "int64"):allclose(neap.tensor({ 3 }, "float64")))
  end)

  it("tells 64-bit integers from their neighbours", function()
    local big = neap.tensor({ 1 << 53, math.maxinteger, math.mininteger }, "int64")
    assert.is_true(big:allclose(big, 0, 0))
    for i, step in ipairs { 1, -1, 1 } do
      local moved = big:totable()
      moved[i] = moved[i] + step
      moved = neap.tensor(moved, "int64")
      assert.is_false(moved:allclose(big, 0, 0))
      assert.is_false(big:allclose(moved, 0, 0.5))
      assert.is_true(big:allclose(moved, 0, 1))
    end
    local ends = neap.tensor({ math.mininteger, math.maxinteger }, "int64")
    assert.is_false(ends:allclose(neap.tensor({ math.maxinteger, math.mininteger }, "int64"), 0.5))
    local above = neap.tensor.frombytes(("<I8I8"):pack(-1, -2), "uint64", { 2 })
    local below = neap.tensor.frombytes(("<I8I8"):pack(-2, -2), "uint64", { 2 })
    assert.is_false(above:allclose(below, 0, 0))
    assert.is_false(above:allclose(neap.tensor({ -1, -2 }, "int64"), 0, 0))
  end)

  it("has the integers that Lua has not as tensors of rank 0", function()
    local all <const> = 18446744073709551615
    local t = neap.tensor.frombytes(("<I8I8I8"):pack(7, -1, math.mininteger), "uint64", { 3 })
    assert.equal("[                   7 18446744073709551615  9223372036854775808]", tostring(t))
    assert.equal(7, t[1])
    assert.same({}, t[2].shape)
    assert.equal("uint64", t[2].dtype)
    assert.equal("18446744073709551615", tostring(t[2]))
    assert.equal("18446744073709551615", tostring(t[2]:item()))
    assert.equal("18446744073709551615", tostring(t[2]:totable()))
    local again = neap.tensor(t:totable(), "uint64")
    assert.equal(t:tobytes(), again:tobytes())
    assert.equal(t:tobytes(), neap.tensor({ 7, t[2], 2.0 ^ 63 }, "uint64"):tobytes())
    assert.equal("18446744073709549568", tostring(neap.tensor(2.0 ^ 64 - 2 ^ 11, "uint64")))
    assert.equal("float", math.type(all)) -- 2^64, which uint64 has not
    helper.fails("tensor: uint64 cannot hold 1.844674407371e+19", function()
      return neap.tensor(all, "uint64")
    end)
    helper.fails("tensor.full: argument 'value': -1, which uint64 cannot hold", function()
      return neap.tensor.full({ 1 }, -1, "uint64")
    end)
  end)

  it("is made full of one value", function()
    assert.same({ { 0, 0 } }, neap.tensor.zeros({ 1, 2 }):totable())
    assert.same({ 1, 1 }, neap.tensor.ones({ 2 }, "uint8"):totable())
    assert.same({ true, true }, neap.tensor.ones({ 2 }, "bool"):totable())
    assert.same({ 2.5 }, neap.tensor.full({ 1 }, 2.5):totable())
    assert.same({ 7, 7 }, neap.tensor.full { shape = 2, value = 7, dtype = "int64" }:totable())
    assert.equal("bool", neap.tensor.full({ 1 }, true).dtype)
    helper.fails("tensor.full: argument 'value': 0.5, which int64 cannot hold", function()
      return neap.tensor.full({ 1 }, 0.5, "int64")
    end)
    helper.fails("tensor.full: argument 'value': a boolean for dtype float32", function()
      return neap.tensor.full({ 1 }, true, "float32")
    end)
  end)

  it("of a flat sequence takes a shape", function()
    local t = neap.tensor({ 1, 2, 3, 4 }, "float64", { 2, 2 })
    assert.same({ { 1, 2 }, { 3, 4 } }, t:totable())
    assert.same({ 1, 1, 1 }, neap.tensor({ 5 }, nil, { 1, 1, 1 }).shape)
    assert.same({ 2, 1 }, neap.tensor({ { 1 }, { 2 } }, { shape = { 2, 1 } }).shape)
    helper.fails("tensor: a value of shape (2, 1), not (1, 2) or a flat sequence", function()
      return neap.tensor({ { 1 }, { 2 } }, { shape = { 1, 2 } })
    end)
    assert.is_false((pcall(neap.tensor, { 1, 2, 3 }, "float32", { 2, 2 })))
  end)
end)

describe("a value", function()
  it("keeps its dtype if it is a tensor, is bool if it is booleans, else float32", function()
    assert.equal("float32", neap.tensor({ 1, 2 }).dtype)
    assert.equal("bool", neap.tensor({ true, false }).dtype)
    assert.equal("int8", neap.tensor(neap.tensor({ 1 }, "int8")).dtype)
    helper.fails("tensor: a tensor of int8 where float32 is expected", function()
      return neap.tensor(neap.tensor({ 1 }, "int8"), "float32")
    end)
    helper.fails("tensor: [1] is a boolean, expected a number", function()
      return neap.tensor({ true }, "float32")
    end)
    helper.fails("tensor: [1] is a number, expected a boolean", function()
      return neap.tensor({ 1 }, "bool")
    end)
  end)

  it("is an error where the dtype cannot hold it", function()
    local cases = {
      { 0.5, "int64" }, { 2 ^ 63, "int64" }, { 0 / 0, "int32" }, { 300, "uint8" }, { -1, "uint8" },
      { 65536, "uint16" }, { -1, "uint16" }, { 1 << 32, "uint32" }, { -1, "uint64" },
      { 2 ^ 64, "uint64" }, { 0.5, "uint64" }, { -2 ^ 63, "uint64" },
      { 128, "int8" }, { 1e300, "float32" }, { 1e6, "float16" },
    }
    for _, case in ipairs(cases) do
      assert.is_false((pcall(neap.tensor, { case[1] }, case[2])), case[2])
      assert.is_false((pcall(neap.tensor, case[1], case[2])), case[2])
    end
    helper.fails("tensor: [1][2] is 300, which uint8 cannot hold", function()
      return neap.tensor({ { 1, 300 } }, "uint8")
    end)
    helper.fails("tensor: uint8 cannot hold 300", function()
      return neap.tensor(300, "uint8")
    end)
    assert.equal(255, neap.tensor({ 255.0 }, "uint8")[1])
    assert.equal(math.huge, neap.tensor({ math.huge })[1])
    assert.equal(2 ^ 63, neap.tensor({ math.maxinteger })[1])
  end)

  it("may be as deep as a rank", function()
    local deep = 1
    for _ = 1, 8 do
      deep = { deep }
    end
    assert.equal(8, neap.tensor(deep).rank)
    helper.fails("tensor: tables nested more than 8 deep, or a cycle (at [1][1][1][1][1][1][1][1])",
      function()
        return neap.tensor { deep }
      end)
    for _ = 1, 100000 do
      deep = { deep }
    end
    assert.is_false((pcall(neap.tensor, deep)))
  end)

  it("may be empty at any level", function()
    assert.same({ 0 }, neap.tensor({}).shape)
    assert.same({ 2, 0 }, neap.tensor({ {}, {} }).shape)
    assert.same({ 1, 1, 0 }, neap.tensor({ { {} } }).shape)
    helper.fails("tensor: row 2 has 1 element, expected 0 (at [2])", function()
      return neap.tensor { {}, { 1 } }
    end)
  end)

  it("has rows that agree", function()
    helper.fails("tensor: row 2 has 1 element, expected 2 (at [1][2])", function()
      return neap.tensor { { { 1, 2 }, { 3 } } }
    end)
    helper.fails("tensor: [2] is a table, expected a number", function()
      return neap.tensor { 1, { 2 } }
    end)
    helper.fails("tensor: [2] is a number, expected a row", function()
      return neap.tensor { { 1 }, 2 }
    end)
    helper.fails("tensor: [2] is a number, expected a row", function()
      return neap.tensor { {}, 2 }
    end)
  end)

  it("may have tensors as rows", function()
    local row = neap.tensor { 1, 2 }
    assert.same({ { 1, 2 }, { 3, 4 }, { 1, 2 } }, neap.tensor({ row, { 3, 4 }, row }):totable())
    assert.same({ { 3, 4 }, { 1, 2 } }, neap.tensor({ { 3, 4 }, row }):totable())
    assert.equal("int64", neap.tensor({ neap.tensor({ 1 }, "int64"), { 2 } }).dtype)
    assert.same({ 2, 0, 3 }, neap.tensor({ neap.tensor.zeros { 0, 3 }, neap.tensor.zeros { 0, 3 } })
      .shape)
    helper.fails("tensor: [2] is a tensor of shape (2,), expected (3,)", function()
      return neap.tensor { { 1, 2, 3 }, row }
    end)
    helper.fails("tensor: [2] is a tensor of float64, expected float32", function()
      return neap.tensor { row, neap.tensor({ 1, 2 }, "float64") }
    end)
    helper.fails("tensor: rank 9 is more than 8", function()
      return neap.tensor { neap.tensor.zeros { 1, 1, 1, 1, 1, 1, 1, 1 } }
    end)
  end)

  it("is a sequence and nothing else", function()
    helper.fails("tensor: the value is not a sequence: besides 1 element it has the key 3",
      function()
        local holes = {}
        holes[1], holes[3] = 1, 3
        return neap.tensor { value = holes }
      end)
    helper.fails("tensor: [2] is not a sequence: besides 2 elements it has the key n", function()
      return neap.tensor { { 1, 2 }, { 1, 2, n = 2 } }
    end)
    helper.fails("tensor: [1] is not a sequence: besides 0 elements it has the key x", function()
      return neap.tensor { { x = 1 } }
    end)
    helper.fails("tensor: [3] is nil: a hole in a sequence of 4", function()
      return neap.tensor { 1, 2, nil, 4 }
    end)
  end)

  it("is no string, function, thread or userdata", function()
    for _, value in ipairs { "1", print, coroutine.create(print), io.stdout, neap.graph() } do
      assert.is_false((pcall(neap.tensor, value)))
      assert.is_false((pcall(neap.tensor, { value })))
    end
    helper.fails("tensor: [1] is a string, expected a number or boolean", function()
      return neap.tensor { "0x10" }
    end)
    helper.fails("tensor: [1] is a FILE*, expected a number or boolean", function()
      return neap.tensor { io.stdout }
    end)
  end)
end)

describe("a table with metamethods", function()
  local function proxy(length, element)
    return setmetatable({}, {
      __len = function()
        return length
      end,
      __index = element,
    })
  end

  it("is read by them", function()
    local squares = proxy(4, function(_, i)
      return i * i
    end)
    assert.same({ 1, 4, 9, 16 }, neap.tensor(squares):totable())
    assert.same({ { 1, 4, 9, 16 }, { 1, 4, 9, 16 } }, neap.tensor({ squares, squares }):totable())
  end)

  it("that lies about its length is found out without memory for it", function()
    helper.fails("tensor: [4] is nil: a hole in a sequence of 1099511627776", function()
      return neap.tensor(proxy(1 << 40, function(_, i)
        return i < 4 and i or nil
      end))
    end)
    helper.fails("tensor: __len gave a negative number, not a length", function()
      return neap.tensor(proxy(-1))
    end)
    for name, length in pairs { string = "2", number = 1.5, table = {}, boolean = true } do
      helper.fails(("tensor: __len gave %s, not a length"):format(name), function()
        return neap.tensor(proxy(length))
      end)
    end
  end)

  it("may raise, whatever it raises", function()
    local object = setmetatable({}, { __tostring = function()
      error "no text"
    end })
    for _, raised in ipairs { object, 5, false } do
      local bad = proxy(1000, function(_, i)
        if i == 700 then
          error(raised)
        end
        return i
      end)
      local ok, message = pcall(neap.tensor, bad)
      assert.is_false(ok)
      assert.is_true(rawequal(raised, message) or message == raised)
    end
    local ok, message = pcall(neap.tensor, proxy(2, function()
      error(nil)
    end))
    assert.is_false(ok)
    assert.is_nil(message)
  end)

  it("may change while it is read", function()
    local shrinking = { 1, 2, 3, 4 }
    local value = { proxy(2, function(_, i)
      shrinking[4], shrinking[3] = nil, nil
      return i
    end), shrinking }
    assert.same({ { 1, 2 }, { 1, 2 } }, neap.tensor(value):totable())
    local vanishing = {}
    vanishing[1] = proxy(1, function()
      vanishing[1], vanishing[2] = nil, nil
      collectgarbage()
      return 1
    end)
    vanishing[2] = { 2 }
    helper.fails("tensor: [2] is nil: a hole in a sequence of 2", function()
      return neap.tensor(vanishing)
    end)
  end)

  it("may collect garbage and make tensors", function()
    local nested = proxy(300, function(_, i)
      collectgarbage "step"
      return neap.tensor({ i })[1]
    end)
    assert.equal(300, neap.tensor(nested)[300])
  end)

  it("may not yield", function()
    local co = coroutine.wrap(function()
      return pcall(neap.tensor, proxy(1, function()
        return coroutine.yield()
      end))
    end)
    local ok, message = co()
    assert.is_false(ok)
    assert.is_truthy(message:find("attempt to yield across a C-call boundary", 1, true))
  end)
end)

describe("arithmetic", function()
  it("on tensors says what to write instead", function()
    local t = neap.tensor { 1, 2 }
    local calls = {
      add = function() return t + 1 end, subtract = function() return 1 - t end,
      multiply = function() return t * t end, divide = function() return t / 2 end,
      pow = function() return t ^ 2 end, mod = function() return t % 2 end,
      floor_divide = function() return t // 2 end,
    }
    for name, call in pairs(calls) do
      helper.fails(("%s: there is no arithmetic on tensors: neap.%s(t, u) or neap.constant(t) is a "
        .. "node, which a session runs"):format(name, name), call)
    end
    helper.fails("negative: there is no arithmetic on tensors: neap.negative(t) or "
      .. "neap.constant(t) is a node, which a session runs", function() return -t end)
  end)

  it("of a tensor and a node is a node", function()
    local graph = neap.graph():as_default()
    local x = neap.placeholder("float32", { 2 })
    local t = neap.tensor { 6, 8 }
    local session <close> = neap.session(graph)
    local ways = {
      { t + x, { 8, 12 } }, { t - x, { 4, 4 } }, { t * x, { 12, 32 } }, { t / x, { 3, 2 } },
      { t ^ x, { 36, 4096 } }, { t % x, { 0, 0 } }, { t // x, { 3, 2 } }, { x - t, { -4, -4 } },
    }
    for _, way in ipairs(ways) do
      assert.same(way[2], session:run(way[1], { [x] = { 2, 4 } }):totable())
    end
  end)
end)

describe("an integer of 64 bits", function()
  local exact = { (1 << 53) + 1, -(1 << 53) - 1, math.maxinteger, math.mininteger }

  it("is never a double on its way", function()
    local t = neap.tensor(exact, "int64")
    assert.same(exact, t:totable())
    for i, value in ipairs(exact) do
      assert.equal(value, t[i])
      assert.equal(value, neap.tensor(value, "int64"):item())
      assert.equal(value, neap.tensor.full({ 2 }, value, "int64")[2])
    end
    local packed = string.pack("<i8i8i8i8", table.unpack(exact))
    assert.same(exact, neap.tensor.frombytes(packed, "int64", { 4 }):totable())
    assert.equal(packed, t:tobytes())
    assert.equal("[    9007199254740993    -9007199254740993  9223372036854775807 "
      .. "-9223372036854775808]", (tostring(t):gsub("\n *", " ")))
    local graph = neap.graph():as_default()
    local v, x = neap.variable(t), neap.placeholder("int64", { 4 })
    local session <close> = neap.session(graph)
    local call = session:callable(x, { x })
    assert.same(exact, session:run(v):totable())
    assert.same(exact, session:run(x, { [x] = exact }):totable())
    assert.same(exact, call(exact):totable())
    session:set(v, { exact[4], exact[3], exact[2], exact[1] })
    assert.same({ exact[4], exact[3], exact[2], exact[1] }, session:get(v):totable())
    assert.equal(exact[1], session:run(neap.constant(exact[1], "int64")))
  end)

  it("is told exactly where it does not fit", function()
    helper.fails("tensor.full: argument 'value': 9223372036854775807, which int32 cannot hold",
      function() return neap.tensor.full({ 1 }, math.maxinteger, "int32") end)
    helper.fails("tensor: int32 cannot hold 9007199254740993",
      function() return neap.tensor((1 << 53) + 1, "int32") end)
  end)

  it("is compared as an integer", function()
    local t = neap.tensor({ (1 << 53) + 1 }, "int64")
    assert.is_false(t:allclose(neap.tensor({ 1 << 53 }, "int64"), 0, 0))
    assert.is_true(t:allclose(neap.tensor({ 1 << 53 }, "int64"), 0, 1))
    assert.is_true(t:allclose(t, 0, 0))
    assert.is_false(neap.tensor({ math.mininteger }, "int64"):allclose(
      neap.tensor({ math.maxinteger }, "int64"), 0, 1))
  end)
end)
