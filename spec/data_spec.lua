local neap = require "neap"
local data = neap.data

describe("neap.data", function()
  local path

  local function write(text)
    local file <close> = assert(io.open(path, "wb"))
    file:write(text)
    return path
  end

  -- The message of a reader that fails; what a file holds must never raise.
  local function failure(reader, text, ...)
    local value, message = reader(write(text), ...)
    assert.is_nil(value)
    assert.is_string(message)
    assert.equal(path, message:sub(1, #path))
    return message:sub(#path + 1)
  end

  before_each(function()
    path = os.tmpname()
  end)
  after_each(function()
    os.remove(path)
  end)

  it("says of a missing file that it is missing", function()
    for _, reader in ipairs { data.csv, data.idx, data.npy, data.npz } do
      local value, message = reader("/nowhere/x.csv")
      assert.is_nil(value)
      assert.equal("/nowhere/x.csv: No such file or directory", message)
      assert.has_error(function() reader(12) end, "a path expected, got number")
    end
  end)

  describe("csv", function()
    it("reads numbers", function()
      local t = data.csv(write("1,2.5,-3\n4e2, .5 ,+6\n"))
      assert.equal("float32", t.dtype)
      assert.same({ 2, 3 }, t.shape)
      assert.same({ { 1, 2.5, -3 }, { 400, 0.5, 6 } }, t:totable())
    end)

    it("takes what editors and spreadsheets add", function()
      local t = data.csv(write('\xEF\xBB\xBFa;b\r\n"1";" 2 "\r\n\r\n3;4'),
        { separator = ";", header = true, dtype = "int64" })
      assert.equal("int64", t.dtype)
      assert.same({ { 1, 2 }, { 3, 4 } }, t:totable())
    end)

    it("reads nan and inf", function()
      local row = data.csv(write("nan,inf,-inf,-NaN,+Inf\n"))[1]:totable()
      assert.is_true(row[1] ~= row[1] and row[4] ~= row[4])
      assert.same({ math.huge, -math.huge, math.huge }, { row[2], row[3], row[5] })
    end)

    it("says which field of which line is not a number", function()
      for _, field in ipairs { "x", "", "1.5.2", "0x10", "1e", "--1", "1e999", "1 2", "nan(1)",
        '"1', "1\0", "." } do
        local message = failure(data.csv, "1,2\n3," .. field .. "\n")
        assert.matches("^:2: column 2: .* is not a number$", message)
      end
      assert.equal(':1: column 1: "' .. ("x"):rep(24) .. '..." is not a number',
        failure(data.csv, ("x"):rep(1000)))
    end)

    it("says which line is longer or shorter", function()
      assert.equal(":3: 1 fields, but the lines before have 2", failure(data.csv, "1,2\n3,4\n5\n"))
      assert.equal(":2: 3 fields, but the lines before have 2", failure(data.csv, "1,2\n3,4,5\n"))
    end)

    it("says that there is nothing in it", function()
      assert.equal(": no lines of numbers", failure(data.csv, ""))
      assert.equal(": no lines of numbers", failure(data.csv, "a,b\n", { header = true }))
    end)

    it("returns a message for a number that the dtype cannot hold", function()
      assert.matches("0.5", failure(data.csv, "1,0.5\n", { dtype = "int32" }), 1, true)
      assert.matches("300", failure(data.csv, "1,300\n", { dtype = "uint8" }), 1, true)
    end)

    it("refuses a separator of several characters", function()
      assert.has_error(function() data.csv(path, { separator = ", " }) end,
        "separator: a string of one character expected")
    end)
  end)

  describe("idx", function()
    it("reads every element type, most significant byte first", function()
      local kinds = {
        { 0x08, "B", "uint8" }, { 0x09, "b", "int8" }, { 0x0B, ">i2", "int16" },
        { 0x0C, ">i4", "int32" }, { 0x0D, ">f", "float32" }, { 0x0E, ">d", "float64" },
      }
      for _, kind in ipairs(kinds) do
        local body = {}
        for value = 1, 6 do
          body[value] = string.pack(kind[2], value * 20)
        end
        local t = assert(data.idx(write(string.pack(">BBBBI4I4", 0, 0, kind[1], 2, 2, 3)
          .. table.concat(body))))
        assert.equal(kind[3], t.dtype)
        assert.same({ { 20, 40, 60 }, { 80, 100, 120 } }, t:totable())
      end
    end)

    it("reads files without elements", function()
      assert.same({ 0, 5 }, data.idx(write(string.pack(">BBBBI4I4", 0, 0, 8, 2, 0, 5))).shape)
    end)

    it("says what is wrong", function()
      assert.matches("two zero bytes", failure(data.idx, ""))
      assert.matches("two zero bytes", failure(data.idx, "\1\2\8\1"))
      assert.matches("gzip", failure(data.idx, "\x1f\x8b\8\0"))
      assert.matches("type 0x07", failure(data.idx, "\0\0\7\1\0\0\0\0"))
      assert.matches("rank 255, but 8 is the most", failure(data.idx, "\0\0\8\255"))
      assert.matches("do not hold 2 dimensions", failure(data.idx, "\0\0\8\2\0\0\0\1"))
      assert.equal(": the dimensions (3) of uint8 do not make the 2 bytes that follow",
        failure(data.idx, "\0\0\8\1\0\0\0\3ab"))
      assert.matches("do not make the 4 bytes", failure(data.idx, "\0\0\8\1\0\0\0\3abcd"))
    end)

    it("is not led to allocate by dimensions that overflow", function()
      local huge = ("\xff"):rep(16)
      assert.matches("do not make the 0 bytes", failure(data.idx, "\0\0\8\4" .. huge))
      assert.matches("do not make the 1 bytes",
        failure(data.idx, "\0\0\14\4" .. ("\x80\0\0\0"):rep(4) .. "x"))
    end)
  end)

  -- As numpy.save wrote them.
  local function npy(header, body)
    header = header .. (" "):rep(117 - #header) .. "\n"
    return "\x93NUMPY\1\0" .. string.pack("<I2", #header) .. header .. body
  end
  local MATRIX = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
    string.pack("<ffffff", 0, 1, 2, 3, 4, 5))

  describe("npy", function()
    it("reads a matrix", function()
      local t = assert(data.npy(write(MATRIX)))
      assert.equal("float32", t.dtype)
      assert.same({ { 0, 1, 2 }, { 3, 4, 5 } }, t:totable())
    end)

    it("reads a scalar, big-endian and Fortran order", function()
      local t = assert(data.npy(write(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }",
        string.pack("<d", 3)))))
      assert.same({}, t.shape)
      assert.equal(3, t:item())
      -- numpy.asfortranarray(numpy.arange(24, dtype='>i4').reshape(2, 3, 4))
      local body, expected = {}, {}
      for k = 0, 3 do
        for j = 0, 2 do
          for i = 0, 1 do
            body[#body + 1] = string.pack(">i4", 12 * i + 4 * j + k)
          end
        end
      end
      for i = 0, 1 do
        expected[i + 1] = {}
        for j = 0, 2 do
          expected[i + 1][j + 1] = { 12 * i + 4 * j, 12 * i + 4 * j + 1, 12 * i + 4 * j + 2,
            12 * i + 4 * j + 3 }
        end
      end
      t = assert(data.npy(write(npy(
        "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 3, 4), }", table.concat(body)))))
      assert.same(expected, t:totable())
    end)

    it("reads the keys in any order and every supported type", function()
      for code, dtype in pairs { ["|b1"] = "bool", ["|u1"] = "uint8", ["|i1"] = "int8",
        ["<i2"] = "int16", ["<i4"] = "int32", ["<i8"] = "int64", ["<f2"] = "float16",
        ["<u2"] = "uint16", ["<u4"] = "uint32", [">u8"] = "uint64" } do
        local t = assert(data.npy(write(npy(
          "{'shape': (1,), 'fortran_order': False, 'descr': '" .. code .. "'}",
          ("\0"):rep(tonumber(code:sub(3)))))))
        assert.equal(dtype, t.dtype)
      end
    end)

    it("is not led astray by any byte that is cut off", function()
      for length = 0, #MATRIX - 1 do
        failure(data.npy, MATRIX:sub(1, length))
      end
      assert.matches("does not make the 25 bytes", failure(data.npy, MATRIX .. "x"))
    end)

    it("says what is wrong with a header", function()
      local function header(text)
        return failure(data.npy, npy(text, ""))
      end
      for _, text in ipairs { "", "{}", "x", "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), 'more': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': __import__('os'), 'fortran_order': False, 'shape': (0,)}" } do
        assert.matches("a header that is not", header(text))
      end
      assert.matches('type "|O" are not supported',
        header("{'descr': '|O', 'fortran_order': False, 'shape': (0,)}"), 1, true)
      assert.matches("rank 9",
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (0,0,0,0,0,0,0,0,0)}"))
      assert.matches("does not make the 0 bytes", header(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999,999999999999)}"))
      assert.matches("version 9.0", failure(data.npy, "\x93NUMPY\9\0"))
      assert.matches("header of 4294967295 bytes",
        failure(data.npy, "\x93NUMPY\2\0\xff\xff\xff\xff{}"))
    end)
  end)

  describe("npz", function()
    -- A file of stored members, as numpy.savez writes it.
    local function zip(members, method, flags)
      local out, directory = "", ""
      for _, member in ipairs(members) do
        local name, body = member[1], member[2]
        local common = string.pack("<I2I2I4I4I4I4I2", flags or 0, method or 0, 0x210000, 0,
          #body, #body, #name)
        directory = directory .. "PK\1\2\20\3\20\0" .. common
          .. string.pack("<I2I2I2I2I4I4", 0, 0, 0, 0, 0, #out) .. name
        out = out .. "PK\3\4\20\0" .. common .. string.pack("<I2", 4) .. name .. "\1\0\0\0" .. body
      end
      return out .. directory .. "PK\5\6"
        .. string.pack("<I2I2I2I2I4I4I2", 0, 0, #members, #members, #directory, #out, 0)
    end

    it("reads stored members by name", function()
      local found = assert(data.npz(write(zip { { "a.npy", MATRIX }, { "b.npy", npy(
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", "\1\1") } })))
      assert.same({ { 0, 1, 2 }, { 3, 4, 5 } }, found.a:totable())
      assert.same({ 1, 1 }, found.b:totable())
      assert.same({}, data.npz(write(zip {})))
    end)

    it("says what it does not read", function()
      local members = { { "a.npy", MATRIX } }
      assert.matches('"a.npy" is compressed', failure(data.npz, zip(members, 8)), 1, true)
      assert.matches('"a.npy" is encrypted', failure(data.npz, zip(members, 0, 1)), 1, true)
      assert.matches("there twice", failure(data.npz, zip { members[1], members[1] }))
      assert.matches(": a.npy: not an NPY file", failure(data.npz, zip { { "a.npy", "x" } }))
      assert.matches("no directory", failure(data.npz, ""))
      assert.matches("no directory", failure(data.npz, MATRIX))
    end)

    it("is not led astray by any byte that is cut off or changed", function()
      local whole = zip { { "a.npy", MATRIX } }
      for length = 0, #whole - 1 do
        failure(data.npz, whole:sub(1, length))
      end
      for position = 1, #whole do
        local changed = whole:sub(1, position - 1) .. "\xff" .. whole:sub(position + 1)
        local value, message = data.npz(write(changed))
        assert.is_true(type(value) == "table" or type(message) == "string")
      end
    end)
  end)

  describe("batches", function()
    local x = neap.tensor { { 1, 10 }, { 2, 20 }, { 3, 30 }, { 4, 40 }, { 5, 50 } }
    local y = neap.tensor({ 1, 2, 3, 4, 5 }, "int64")

    it("gives the rows in order, the last batch shorter", function()
      local seen = {}
      for a, b in data.batches { x, y, size = 2 } do
        assert.equal("float32", a.dtype)
        assert.equal("int64", b.dtype)
        seen[#seen + 1] = { a:totable(), b:totable() }
      end
      assert.same({
        { { { 1, 10 }, { 2, 20 } }, { 1, 2 } },
        { { { 3, 30 }, { 4, 40 } }, { 3, 4 } },
        { { { 5, 50 } }, { 5 } },
      }, seen)
    end)

    it("drops the shorter batch if asked to", function()
      local rows = 0
      for a in data.batches { x, size = 2, drop_remainder = true } do
        rows = rows + #a
      end
      assert.equal(4, rows)
    end)

    it("shuffles by a seed, each row once, the tensors alike", function()
      local function order(seed)
        local out = {}
        for a, b in data.batches { x, y, size = 2, shuffle = seed } do
          for index = 1, #b do
            assert.equal(b[index], a[index][1])
            assert.equal(10 * b[index], a[index][2])
            out[#out + 1] = b[index]
          end
        end
        return out
      end
      assert.same(order(7), order(7))
      local others = {}
      for seed = 1, 50 do
        local found = order(seed)
        others[table.concat(found)] = true
        table.sort(found)
        assert.same({ 1, 2, 3, 4, 5 }, found)
      end
      local distinct = 0
      for _ in pairs(others) do
        distinct = distinct + 1
      end
      assert.is_true(distinct > 25) -- of 120 orders in 50 draws about 41
    end)

    it("gives nothing for no rows", function()
      for _ in data.batches { neap.tensor.zeros { 0, 3 }, size = 2 } do
        error("no batch expected")
      end
    end)

    it("refuses what it cannot divide", function()
      assert.has_error(function() data.batches { size = 2 } end, "at least one tensor expected")
      assert.has_error(function() data.batches { x, neap.tensor { 1, 2 }, size = 2 } end,
        "tensor 2 has 2 rows, but the first has 5")
      assert.has_error(function() data.batches { x } end, "size: a positive integer expected")
      assert.has_error(function() data.batches { x, size = 2, shuffle = true } end,
        "shuffle: an integer expected, the seed")
    end)
  end)

  describe("split", function()
    it("divides rows in two parts", function()
      local x = neap.tensor({ 1, 2, 3, 4, 5 }, "int64")
      local one, two = data.split { x, fraction = 0.8 }
      assert.same({ 1, 2, 3, 4 }, one[1]:totable())
      assert.same({ 5 }, two[1]:totable())
      one, two = data.split { x, x, fraction = 0.5, shuffle = 3 }
      assert.same({ 2, 3 }, { #one[1], #two[2] })
      local all = table.move(two[1]:totable(), 1, 3, 3, one[1]:totable())
      table.sort(all)
      assert.same({ 1, 2, 3, 4, 5 }, all)
      assert.has_error(function() data.split { x, fraction = 2 } end,
        "fraction: a number from 0 to 1 expected")
    end)
  end)
end)
