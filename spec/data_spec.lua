--- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"
local data = neap.data

--- The checksum of ZIP as its definition says it, bit by bit.
local function crc32(text)
  local crc = 0xFFFFFFFF
  for i = 1, #text do
    crc = crc ~ text:byte(i)
    for _ = 1, 8 do
      crc = crc >> 1 ~ (crc & 1) * 0xEDB88320
    end
  end
  return crc ~ 0xFFFFFFFF
end

describe("neap.data", function()
  local path

  local function write(text)
    os.remove(path) -- some file systems wait for the disk when a file is written over
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
    end
    for _, name in ipairs { "csv", "idx", "npy", "npz" } do
      for text, wrong in pairs { ["12"] = 12, ["nil"] = false, ['"a\\0b"'] = "a\0b" } do
        helper.fails(("%s: argument 'path': a path expected, got %s"):format(name, text), function()
          return (data[name](wrong or nil))
        end)
      end
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
        "1\0", ".", '1"2"', "'1'" } do
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

    it("says it with the line and the column, also of a number far below", function()
      assert.equal(":2: column 2: uint8 cannot hold 300",
        failure(data.csv, "1,2\n3,300\n", { dtype = "uint8" }))
      assert.equal(":4: column 1: int8 cannot hold -129",
        failure(data.csv, "a,b\n1,2\n\n-129,3\n", { dtype = "int8", header = true }))
      assert.equal(":3: column 3: float32 cannot hold 1e+39",
        failure(data.csv, "1,2,3\n4,5,6\n7,8,1e39"))
    end)

    it("takes integers exactly, and none that are not", function()
      local text = "9007199254740993,-9223372036854775808,9223372036854775807\n"
      assert.same({ { (1 << 53) + 1, math.mininteger, math.maxinteger } },
        data.csv(write(text), { dtype = "int64" }):totable())
      assert.same({ { 1, 1200, -5 } },
        data.csv(write "1.0,1.2e3,-5.\n", { dtype = "int64" }):totable())
      assert.equal(':1: column 2: "9007199254740993.0" is not exact: an integer without dot or '
        .. "exponent, which int64 holds, expected",
        failure(data.csv, "1,9007199254740993.0\n", { dtype = "int64" }))
      assert.matches(":1: column 1: .*is not exact",
        failure(data.csv, "9223372036854775808\n", { dtype = "int64" }))
    end)

    it("gives the names of the columns", function()
      local text = '\xEF\xBB\xBFheight, "width" ,area\r\n1,2,2\r\n3,4,12\r\n'
      local values, names = data.csv(write(text), { header = true })
      assert.same({ { 1, 2, 2 }, { 3, 4, 12 } }, values:totable())
      assert.same({ "height", "width", "area" }, names)
      -- RFC 4180: within quotes separators and line breaks are text, and "" is a quote.
      values, names = data.csv(write '"a, b","c ""d""","e\nf",\n1,2,3,4\n', { header = true })
      assert.same({ 1, 4 }, values.shape)
      assert.same({ "a, b", 'c "d"', "e\nf", "" }, names)
      assert.is_nil(select(2, data.csv(write "1,2\n")))
      assert.equal(":2: 3 fields, but the header has 2",
        failure(data.csv, "a,b\n1,2,3\n", { header = true }))
    end)

    it("passes over empty lines, before the names of the columns too", function()
      local text = "\n \t\r\n\na,b\n\n1,2\n\n\n3,4\n \n\n"
      local values, names = data.csv(write(text), { header = true })
      assert.same({ "a", "b" }, names)
      assert.same({ { 1, 2 }, { 3, 4 } }, values:totable())
      assert.equal(':7: column 1: "x" is not a number', failure(data.csv, "\n\n1\n\n\n2\nx\n"))
      assert.equal(':2: column 1: "" is not a number', failure(data.csv, '1\n""\n'))
    end)

    it("counts lines within quotes", function()
      assert.equal(':4: column 2: "x" is not a number',
        failure(data.csv, '"a\n\nb",c\n1,x\n', { header = true }))
      assert.equal(":2: column 2: the quote is not closed", failure(data.csv, '1,2\n3,"4\n5,6\n'))
      assert.equal(':1: column 1: "x" after a closing quote', failure(data.csv, '"1"x,2\n'))
      assert.equal(":1: column 2: a carriage return within a line", failure(data.csv, "1,2\r3,4\n"))
    end)

    it("takes any separator as it is, but what numbers, quotes and lines are made of", function()
      for byte = 0, 255 do
        local separator = string.char(byte)
        local function read()
          return (data.csv(write("1" .. separator .. "2\n3" .. separator .. "4"),
            { separator = separator }))
        end
        if separator:find "[%d+.eEaAiIfFnN\"\r\n-]" then
          assert.matches("^csv: argument 'separator': one character expected", helper.failure(read))
        else
          assert.same({ { 1, 2 }, { 3, 4 } }, read():totable(), separator)
        end
      end
      assert.matches("^csv: argument 'separator': one character", helper.failure(function()
        return (data.csv(path, { separator = ", " }))
      end))
    end)

    it("takes a wrong option for a wrong call, whatever is in the file", function()
      local calls = {
        ["csv: argument 'dtype': no dtype 'flaot32': did you mean 'float32'?"] =
          { dtype = "flaot32" },
        ["csv: argument 'dtype': a string expected, got number"] = { dtype = 7 },
        ["csv: argument 'dtype': a dtype of numbers that Lua has expected, got \"bool\""] =
          { dtype = "bool" },
        ["csv: unknown argument 'headers', known are: dtype, header, separator"] =
          { headers = true },
        ["csv: argument 'header': a boolean expected, got 1"] = { header = 1 },
        ["csv: options by name expected, got a number as key"] = { "," },
        ["csv: a table of options expected, got 3"] = 3,
      }
      for text, options in pairs(calls) do
        helper.fails(text, function() return (data.csv("/nowhere/x.csv", options)) end)
      end
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
      assert.matches("^: byte 1: .*two zero bytes", failure(data.idx, ""))
      assert.matches("two zero bytes", failure(data.idx, "\1\2\8\1"))
      assert.matches("gzip", failure(data.idx, "\x1f\x8b\8\0"))
      assert.matches("type 0x07", failure(data.idx, "\0\0\7\1\0\0\0\0"))
      assert.matches("rank 255, but 8 is the most", failure(data.idx, "\0\0\8\255"))
      assert.matches("do not hold 2 dimensions", failure(data.idx, "\0\0\8\2\0\0\0\1"))
      assert.equal(": byte 5: the dimensions (3) of uint8 do not make the 2 bytes that follow",
        failure(data.idx, "\0\0\8\1\0\0\0\3ab"))
      assert.matches("do not make the 4 bytes", failure(data.idx, "\0\0\8\1\0\0\0\3abcd"))
    end)

    it("is not led to allocate by dimensions that overflow", function()
      local huge = ("\xff"):rep(16)
      assert.matches("do not make the 0 bytes", failure(data.idx, "\0\0\8\4" .. huge))
      assert.matches("do not make the 1 bytes",
        failure(data.idx, "\0\0\14\4" .. ("\x80\0\0\0"):rep(4) .. "x"))
    end)

    it("believes no empty file whose other dimensions are too large", function()
      for zero = 1, 4 do
        local huge = "\xff\xff\xff\xff"
        local sizes = { huge, huge, huge, huge }
        sizes[zero] = "\0\0\0\0"
        assert.matches("^: byte 5: the dimensions .* of float32 do not make the 0 bytes",
          failure(data.idx, "\0\0\x0D\4" .. table.concat(sizes)))
      end
    end)

    it("is not led astray by any byte that is changed or cut off", function()
      local whole = string.pack(">BBBBI4I4", 0, 0, 8, 2, 2, 3) .. "abcdef"
      for position = 1, #whole do
        failure(data.idx, whole:sub(1, position - 1))
        for _, byte in ipairs { 0, 1, 7, 127, 255 } do
          local changed = whole:sub(1, position - 1) .. string.char(byte) .. whole:sub(position + 1)
          local value, message = data.idx(write(changed))
          assert.is_true(value ~= nil or message:sub(1, #path) == path)
        end
      end
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
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0 0)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,,0)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (L,)}",
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

  describe("npy of hostile content", function()
    it("has only zeros and ones for bools", function()
      assert.matches("^: byte 130: 2 is no bool, 0 or 1 expected$", failure(data.npy,
        npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", "\0\2\1")))
      assert.same({ false, true }, data.npy(write(npy(
        "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", "\0\1"))):totable())
    end)

    it("has no elements only where its other dimensions could be", function()
      for _, shape in ipairs { "0, 99999999999, 99999999999", "99999999999, 0, 99999999999",
        "999999999999999999, 999999999999999999, 0" } do
        assert.matches("^: byte 11: the shape .* does not make the 0 bytes", failure(data.npy,
          npy(("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }"):format(shape), "")))
      end
      assert.same({ 0, 1 << 40 }, data.npy(write(npy(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1099511627776L), }", ""))).shape)
    end)

    it("gives a value or a message, whatever byte of it is changed", function()
      for position = 1, #MATRIX do
        for _, byte in ipairs { 0, 32, 39, 44, 48, 57, 255 } do
          local changed = MATRIX:sub(1, position - 1) .. string.char(byte)
            .. MATRIX:sub(position + 1)
          local value, message = data.npy(write(changed))
          assert.is_true(value ~= nil or message:sub(1, #path) == path)
        end
      end
    end)
  end)

  describe("npz", function()
    -- A file of stored members, as numpy.savez writes it.
    local function zip(members, method, flags)
      local out, directory = "", ""
      for _, member in ipairs(members) do
        local name, body = member[1], member[2]
        local common = string.pack("<I2I2I4I4I4I4I2", flags or 0, method or 0, 0x210000,
          crc32(body), #body, #body, #name)
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

    it("reads what NumPy wrote", function()
      local archives = require "reference.archives"
      local function bytes(hex)
        return (hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
      end
      local found = assert(data.npz(write(bytes(archives.stored))))
      assert.same({ { 1, 2, 3 }, { 4, 5, 6 } }, found.matrix:totable())
      assert.same({ (1 << 53) + 1, math.mininteger, math.maxinteger }, found.large:totable())
      assert.same({ true, false }, found.flags:totable())
      assert.equal(0.5, found.scalar:item())
      assert.equal(': "scalar.npy" is compressed: save it by numpy.savez',
        failure(data.npz, bytes(archives.compressed)))
    end)

    it("says which member is damaged, whatever byte of it", function()
      local whole = zip { { "a.npy", MATRIX }, { "b.npy", MATRIX } }
      local first = whole:find(MATRIX, 1, true)
      for position = first, first + #MATRIX - 1 do
        local changed = whole:sub(1, position - 1) .. string.char(whole:byte(position) ~ 4)
          .. whole:sub(position + 1)
        assert.matches('^: "a.npy" is damaged: the CRC%-32 of its bytes from %d+ to %d+ is',
          failure(data.npz, changed))
      end
    end)

    -- An archive whose directory says what it is told to, over the bytes of `body`.
    local function archive(body, entries, start)
      local directory = {}
      for index, entry in ipairs(entries) do
        directory[index] = "PK\1\2\20\3\20\0" .. string.pack("<I2I2I4I4I4I4I2", 0, 0, 0x210000,
          entry.crc, entry.size, entry.stored or entry.size, #entry.name)
          .. string.pack("<I2I2I2I2I4I4", 0, 0, 0, 0, 0, entry.offset) .. entry.name
      end
      local text = table.concat(directory)
      return body .. text .. "PK\5\6"
        .. string.pack("<I2I2I2I2I4I4I2", 0, 0, #entries, #entries, #text, start or #body, 0)
    end
    local function member(name, body)
      return "PK\3\4\20\0" .. string.pack("<I2I2I4I4I4I4I2I2", 0, 0, 0x210000, crc32(body), #body,
        #body, #name, 0) .. name .. body
    end

    it("has no two members that share a byte", function()
      local crc = crc32(MATRIX)
      local one = member("a.npy", MATRIX)
      local twice = archive(one, { { name = "a.npy", crc = crc, size = #MATRIX, offset = 0 },
        { name = "a.npy", crc = crc, size = #MATRIX, offset = 0 } })
      assert.matches('byte 1: "a.npy" overlaps another member', failure(data.npz, twice))
      -- A member in the bytes of another.
      local inner = member("b.npy", MATRIX)
      local outer = member("a.npy", inner)
      local nested = archive(outer, {
        { name = "a.npy", crc = crc32(inner), size = #inner, offset = 0 },
        { name = "b.npy", crc = crc, size = #MATRIX, offset = #outer - #inner } })
      assert.matches('"b.npy" overlaps another member', failure(data.npz, nested))
      -- One whose last byte is the next one's first.
      local two = one .. member("b.npy", MATRIX)
      local long = archive(two, {
        { name = "a.npy", crc = crc32(MATRIX .. "P"), size = #MATRIX + 1, offset = 0 },
        { name = "b.npy", crc = crc, size = #MATRIX, offset = #one } })
      assert.matches('"b.npy" overlaps another member', failure(data.npz, long))
      assert.is_table(data.npz(write(archive(two, {
        { name = "b.npy", crc = crc, size = #MATRIX, offset = #one },
        { name = "a.npy", crc = crc, size = #MATRIX, offset = 0 } }))))
    end)

    it("has no member that reaches into the directory, nor one of another name", function()
      local crc, one = crc32(MATRIX), member("a.npy", MATRIX)
      local function read(entry)
        return failure(data.npz, archive(one, { entry }))
      end
      for more = 1, 60 do
        assert.matches('"a.npy" is cut short: its %d+ bytes from byte 36 on reach into the dire',
          read { name = "a.npy", crc = crc, size = #MATRIX + more, offset = 0 })
      end
      assert.matches("is cut short",
        read { name = "a.npy", crc = crc, size = 0xFFFFFFFF, offset = 0 })
      assert.matches("no member begins at byte 2",
        read { name = "a.npy", crc = crc, size = #MATRIX, offset = 1 })
      assert.matches("no member begins at byte 4294967296",
        read { name = "a.npy", crc = crc, size = #MATRIX, offset = 0xFFFFFFFF })
      assert.matches("no member begins at byte 1",
        read { name = "a.npy", crc = crc, size = #MATRIX, stored = 1, offset = 0 })
      assert.matches('byte 31: the directory says that this is "b.npy"',
        read { name = "b.npy", crc = crc, size = #MATRIX, offset = 0 })
      assert.matches("a directory that is not within the file", failure(data.npz, archive(one,
        { { name = "a.npy", crc = crc, size = #MATRIX, offset = 0 } }, #one + 1)))
    end)

    it("finds the directory behind a comment that looks like its end", function()
      local whole = zip { { "a.npy", MATRIX } }
      local comment = "PK\5\6" .. ("\0"):rep(30)
      local commented = whole:sub(1, -3) .. string.pack("<s2", comment)
      assert.same({ { 0, 1, 2 }, { 3, 4, 5 } }, assert(data.npz(write(commented))).a:totable())
      assert.matches("no directory", failure(data.npz, whole .. "x"))
    end)

    it("says what it does not read", function()
      local members = { { "a.npy", MATRIX } }
      assert.matches('"a.npy" is compressed', failure(data.npz, zip(members, 8)), 1, true)
      assert.matches('"a.npy" is encrypted', failure(data.npz, zip(members, 0, 1)), 1, true)
      assert.matches("there twice", failure(data.npz, zip { members[1], members[1] }))
      assert.matches(": a.npy: byte 1: not an NPY file",
        failure(data.npz, zip { { "a.npy", "x" } }))
      assert.matches("no directory", failure(data.npz, ""))
      assert.matches("no directory", failure(data.npz, MATRIX))
    end)

    it("is not led astray by any byte that is cut off or changed", function()
      local whole = zip { { "a.npy", MATRIX } }
      for length = 0, #whole - 1 do
        failure(data.npz, whole:sub(1, length))
      end
      for position = 1, #whole do
        for _, byte in ipairs { 0, 1, 80, 255 } do
          local changed = whole:sub(1, position - 1) .. string.char(byte) .. whole:sub(position + 1)
          local value, message = data.npz(write(changed))
          assert.is_true(type(value) == "table" or message:sub(1, #path) == path)
        end
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
      local calls = {
        ["batches: at least one tensor expected"] = { size = 2 },
        ["batches: tensor 2 has 2 rows, but the first has 5"] =
          { x, neap.tensor { 1, 2 }, size = 2 },
        ["batches: argument 'size': a positive integer expected, got nil"] = { x },
        ["batches: argument 'size': a positive integer expected, got 1.0"] = { x, size = 1.0 },
        ["batches: argument 'shuffle': an integer, the seed, expected, got true"] =
          { x, size = 2, shuffle = true },
        ["batches: argument 'drop_remainder': a boolean expected, got 1"] =
          { x, size = 2, drop_remainder = 1 },
        ["batches: unknown argument 'suffle', known are: drop_remainder, shuffle, size"] =
          { x, size = 2, suffle = 1 },
        ["batches: [2] is nil: a hole in a sequence of 3"] = { x, nil, y, size = 2 },
        ["batches: tensor 1 has no rows: its rank is 0"] = { neap.tensor(3), size = 2 },
        ["batches: [1]: a tensor expected, got 3"] = { 3, size = 1 },
        ["batches: [2]: a tensor expected, got node"] = { x, neap.constant { 1, 2 }, size = 1 },
        ["batches: [1]: a tensor expected, got table"] = { { 1, 2 }, size = 1 },
        ["batches: a table of tensors and options expected, got 3"] = 3,
        ["batches: a table of tensors and options expected, got tensor"] = x,
      }
      for text, arguments in pairs(calls) do
        helper.fails(text, function() return (data.batches(arguments)) end)
      end
      helper.fails("batches: a table of tensors and options expected, got nil", function()
        return (data.batches())
      end)
    end)

    it("gives one batch where its size is more than there are rows", function()
      for _, size in ipairs { 5, 6, math.maxinteger } do
        local seen = 0
        for a in data.batches { x, size = size } do
          assert.equal(5, #a)
          seen = seen + 1
        end
        assert.equal(1, seen)
        for _ in data.batches { x, size = size + (size == 5 and 1 or 0), drop_remainder = true } do
          error("no batch expected")
        end
      end
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
      helper.fails("split: argument 'fraction': a number from 0 to 1 expected, got 2", function()
        return (data.split { x, fraction = 2 })
      end)
      helper.fails("split: argument 'fraction': a number from 0 to 1 expected, got nil", function()
        return (data.split { x })
      end)
      helper.fails("split: unknown argument 'ratio', known are: fraction, shuffle", function()
        return (data.split { x, ratio = 1 })
      end)
      helper.fails("split: a table of tensors and options expected, got tensor", function()
        return (data.split(x))
      end)
    end)
  end)
end)
