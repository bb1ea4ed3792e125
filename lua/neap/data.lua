--- Readers of common file formats, and batches.
--
-- A reader returns a tensor, or `nil, message` for whatever the outside world can cause: a file
-- that is missing, cut short, damaged or not what it should be; the message says where in the file
-- and what was expected. Misuse raises. Nothing is allocated on the word of a header before the
-- file's size has confirmed it, and nothing in a file is ever evaluated.
-- @module neap.data

local core = ...
local neap, check = core.neap, core.check
local fail, shown = check.fail, check.shown

local data = {}

local MAX_RANK = 8
local MOST_ELEMENTS = 1 << 62
local NATIVE_LITTLE = string.pack("=I2", 1) == "\1\0"

local function read_file(path)
  local file <close>, message = io.open(path, "rb")
  if not file then
    return nil, message
  end
  local text, reason = file:read("a")
  if not text then
    return nil, ("%s: %s"):format(path, reason)
  end
  return text
end

-- What a reader returns for a file that is wrong.
local function failure(path)
  return function(format, ...)
    return nil, ("%s: " .. format):format(path, ...)
  end
end

-- The elements of a file as this machine has them: `width` bytes each.
local function to_native(bytes, width, little)
  if width == 1 or little == NATIVE_LITTLE then
    return bytes
  end
  local order = {}
  for position = width, 1, -1 do
    order[#order + 1] = "%" .. position
  end
  return (bytes:gsub(("(.)"):rep(width), table.concat(order)))
end

-- The product of `shape` times `width`: sizes that a file claims must not overflow. nil if that is
-- more than `limit`, or if the dimensions that are not 0 make more elements than any tensor has.
local function byte_count(shape, width, limit)
  local elements, empty = 1, false
  for _, dimension in ipairs(shape) do
    if dimension == 0 then
      empty = true
    elseif dimension > MOST_ELEMENTS // elements then
      return nil
    else
      elements = elements * dimension
    end
  end
  if empty then
    return 0
  end
  return elements <= limit // width and elements * width or nil
end

-- The tensor of bytes that a file had, all of which are its.
local function tensor_of(bytes, dtype, shape, wrong, first)
  local bad = dtype == "bool" and bytes:find("[^\0\1]")
  if bad then
    return wrong("byte %d: %d is no bool, 0 or 1 expected", first + bad - 1, bytes:byte(bad))
  end
  return neap.tensor.frombytes(bytes, dtype, shape)
end

-- ---- CSV ----

-- The number that a field spells, in any locale; nil if it spells none that is finite, but for
-- the words nan and inf.
local function number_of(field)
  if field:find("^[+-]?%d+$") or field:find("^[+-]?%d+%.%d*$") or field:find("^[+-]?%.%d+$")
      or field:find("^[+-]?%d+%.?%d*[eE][+-]?%d+$") or field:find("^[+-]?%.%d+[eE][+-]?%d+$") then
    -- tonumber takes no leading plus sign, and a dot in every locale.
    local value = tonumber((field:gsub("^%+", "")))
    return value and value - value == 0 and value or nil
  end
  local word = field:lower():gsub("^[+-]", "")
  local sign = field:sub(1, 1) == "-" and -1 or 1
  return word == "inf" and sign * math.huge or word == "nan" and 0 / 0 or nil
end

-- The records of a CSV text, one at each call but for empty lines: a sequence of fields, the number
-- of its first line, and what is wrong with it. Blanks and double quotes around a field are taken
-- off; within quotes a separator and a line break are characters as any other, and "" is a quote.
local function records(text, separator)
  local plain = separator:gsub("%W", "%%%0")
  local bare = "([^" .. plain .. "\r\n]*)()"
  local position, line = 1, 0
  return function()
    local next_line = text:match("^[^%S\n]*\n()", position)
    while next_line do -- an empty line
      line, position = line + 1, next_line
      next_line = text:match("^[^%S\n]*\n()", position)
    end
    if not text:find("%S", position) then
      return nil
    end
    local fields = {}
    line = line + 1
    local first = line
    while true do
      local quote = text:match('^[ \t]*"()', position)
      if quote then
        local parts = {}
        repeat
          local stop = text:find('"', quote, true)
          if not stop then
            return fields, first, ("column %d: the quote is not closed"):format(#fields + 1)
          end
          parts[#parts + 1] = text:sub(quote, stop - 1)
          quote = stop + 1
          local doubled = text:byte(quote) == 34
          if doubled then
            parts[#parts + 1] = '"'
            quote = quote + 1
          end
        until not doubled
        local field = table.concat(parts)
        local _, breaks = field:gsub("\n", "")
        line = line + breaks
        local after
        after, position = text:match(bare, quote)
        if after:find("%S") then
          return fields, first, ("column %d: %s after a closing quote"):format(#fields + 1,
            shown(after))
        end
        fields[#fields + 1] = field:match("^%s*(.-)%s*$")
      else
        local field
        field, position = text:match(bare, position)
        fields[#fields + 1] = field:match("^%s*(.-)%s*$")
      end
      local byte = text:sub(position, position)
      if byte == separator then
        position = position + 1
      elseif byte == "\r" and text:byte(position + 1) ~= 10 and position < #text then
        return fields, first, ("column %d: a carriage return within a line"):format(#fields)
      else
        position = position + (byte == "\r" and 2 or 1)
        return fields, first
      end
    end
  end
end

local CSV_OPTIONS = { separator = check.string, header = check.boolean, dtype = check.dtype }

-- What may be part of a number, of a quote or of a line break does not separate.
local function separates(separator)
  return #separator == 1 and not separator:find "[%d+.eEaAiIfFnN\"\r\n-]"
end

-- What a field's dtype cannot hold is not seen before the tensor is made: then it is looked for.
local function first_unfit(values, dtype)
  for index, value in ipairs(values) do
    if not pcall(neap.tensor, value, dtype) then
      return index
    end
  end
end

--- Reads numbers from a CSV file (RFC 4180).
--
-- A field is a decimal number with a dot, or `nan`, `inf`, `-inf`; blanks and double quotes around
-- it are taken off. Every line has as many fields as the first; empty lines are passed over.
-- @tparam string path
-- @tparam[opt] table options `separator` (`","`, one character), `header=true` for a first line
-- that names the columns, `dtype` (`"float32"`)
-- @treturn[1] tensor of shape (lines, fields)
-- @treturn[1] table with `header=true`: the names of the columns, a sequence of strings
-- @treturn[2] nil
-- @treturn[2] string what is wrong, with line and column
function data.csv(path, options, ...)
  check.most("csv", 2, ...)
  check.argument("csv", "path", path, check.path)
  options = check.options("csv", options, CSV_OPTIONS)
  local separator, dtype = options.separator or ",", options.dtype or "float32"
  if not separates(separator) then
    error(("csv: argument 'separator': one character expected that is not part of numbers, quotes "
      .. "or line breaks, got %s"):format(shown(separator)), 2)
  elseif dtype == "bool" or dtype == "uint64" then -- a number of Lua ends at 2^63 - 1
    fail("csv: argument 'dtype': a dtype of numbers that Lua has expected, got %s", shown(dtype))
  end
  local text, message = read_file(path)
  if not text then
    return nil, message
  end
  text = text:gsub("^\xEF\xBB\xBF", "")
  local integers = dtype:find "int"
  local values, count, lines, names, fields = {}, 0, {}, nil, nil
  for record, line, trouble in records(text, separator) do
    local function wrong(format, ...)
      return nil, ("%s:%d: " .. format):format(path, line, ...)
    end
    if trouble then
      return wrong("%s", trouble)
    elseif options.header and not names then
      names, fields = record, #record
    else
      for column, field in ipairs(record) do
        local value = number_of(field)
        if not value then
          return wrong("column %d: %s is not a number", column, shown(field))
        elseif integers and math.type(value) == "float" and math.abs(value) >= 0x1p53 then
          return wrong("column %d: %s is not exact: an integer without dot or exponent, "
            .. "which %s holds, expected", column, shown(field), dtype)
        end
        count = count + 1
        values[count] = value
      end
      fields = fields or #record
      if #record ~= fields then
        return wrong("%d fields, but %s %d", #record,
          #lines == 0 and "the header has" or "the lines before have", fields)
      end
      lines[#lines + 1] = line
    end
  end
  if #lines == 0 then
    return nil, ("%s: no lines of numbers"):format(path)
  end
  local ok, tensor = pcall(neap.tensor, values, dtype, { #lines, fields })
  if not ok then
    local index = first_unfit(values, dtype)
    if not index then
      error(tensor, 0)
    end
    local row, column = (index - 1) // fields, (index - 1) % fields
    return nil, ("%s:%d: column %d: %s cannot hold %s"):format(path, lines[row + 1], column + 1,
      dtype, values[index])
  end
  return tensor, names
end

-- ---- IDX (the format of MNIST, described at its source by Y. LeCun) ----

-- The third byte of the file: dtype and width.
local IDX_TYPES = {
  [0x08] = { "uint8", 1 }, [0x09] = { "int8", 1 }, [0x0B] = { "int16", 2 },
  [0x0C] = { "int32", 4 }, [0x0D] = { "float32", 4 }, [0x0E] = { "float64", 8 },
}

--- Reads an IDX file, as MNIST's are.
-- @tparam string path
-- @treturn[1] tensor of the file's dtype and shape
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function data.idx(path, ...)
  check.most("idx", 1, ...)
  check.argument("idx", "path", path, check.path)
  local text, message = read_file(path)
  if not text then
    return nil, message
  end
  local wrong = failure(path)
  if text:sub(1, 2) == "\x1f\x8b" then
    return wrong("byte 1: compressed by gzip: unpack it first")
  elseif #text < 4 or text:sub(1, 2) ~= "\0\0" then
    return wrong("byte 1: not an IDX file, which begins with two zero bytes")
  end
  local code, rank = text:byte(3, 4)
  local kind = IDX_TYPES[code]
  if not kind then
    return wrong("byte 3: unknown element type 0x%02X, 0x08, 0x09 or 0x0B to 0x0E expected", code)
  elseif rank > MAX_RANK then
    return wrong("byte 4: rank %d, but %d is the most", rank, MAX_RANK)
  elseif #text < 4 + 4 * rank then
    return wrong("cut short: %d bytes do not hold %d dimensions", #text, rank)
  end
  local shape = {}
  for axis = 1, rank do
    shape[axis] = string.unpack(">I4", text, 4 * axis + 1)
  end
  local body = #text - 4 - 4 * rank
  if byte_count(shape, kind[2], body) ~= body then
    return wrong("byte 5: the dimensions (%s) of %s do not make the %d bytes that follow",
      table.concat(shape, ", "), kind[1], body)
  end
  local bytes = to_native(text:sub(5 + 4 * rank), kind[2], false)
  return tensor_of(bytes, kind[1], shape, wrong, 5 + 4 * rank)
end

-- ---- NPY and NPZ (numpy.lib.format) ----

local NPY_TYPES = {
  f2 = { "float16", 2 }, f4 = { "float32", 4 }, f8 = { "float64", 8 }, i1 = { "int8", 1 },
  i2 = { "int16", 2 }, i4 = { "int32", 4 }, i8 = { "int64", 8 }, u1 = { "uint8", 1 },
  u2 = { "uint16", 2 }, u4 = { "uint32", 4 }, u8 = { "uint64", 8 },
  b1 = { "bool", 1 },
}
local NPY_HEADER_LIMIT = 10000 -- bytes, NumPy's own

-- The dimensions in the text of a tuple: "", "3," or "2, 3" with a comma after it or not; nil if it
-- is anything else. Python 2 wrote 3L.
local function tuple(text)
  local shape = {}
  if not text:find("%S") then
    return shape
  end
  for dimension in (text:find(",%s*$") and text or text .. ","):gmatch("([^,]*),") do
    local digits = dimension:match("^%s*(%d+)L?%s*$")
    if not digits or #digits > 18 then
      return nil
    end
    shape[#shape + 1] = math.tointeger(tonumber(digits))
  end
  return (#shape > 1 or text:find(",", 1, true)) and shape or nil
end

-- The fields of the header, a Python dictionary of exactly these three keys in any order; nil if
-- it is anything else.
local function npy_header(header)
  local body = header:match("^%s*{(.*)}%s*$")
  if not body then
    return nil
  end
  local found = {}
  local function take(key, pattern)
    local value, rest = body:match("^%s*'" .. key .. "'%s*:%s*" .. pattern .. "%s*,?%s*(.*)$")
    if value and not found[key] then
      found[key], body = value, rest
    end
  end
  for _ = 1, 3 do
    take("descr", "'([^']*)'")
    take("fortran_order", "(%a+)")
    take("shape", "%(([%dL%s,]*)%)")
  end
  if body:find("%S") or not (found.descr and found.shape)
      or not (found.fortran_order == "True" or found.fortran_order == "False") then
    return nil
  end
  local shape = tuple(found.shape)
  if not shape then
    return nil
  end
  return found.descr, found.fortran_order == "True", shape
end

-- The same elements in row-major order, of a file that has the first axis run fastest.
local function from_fortran(bytes, width, shape)
  local rank, index, stride = #shape, {}, {}
  local step = width
  for axis = 1, rank do
    index[axis], stride[axis] = 0, step
    step = step * shape[axis]
  end
  local out, position = {}, 1
  for count = 1, #bytes // width do
    out[count] = bytes:sub(position, position + width - 1)
    for axis = rank, 1, -1 do
      index[axis], position = index[axis] + 1, position + stride[axis]
      if index[axis] < shape[axis] then
        break
      end
      index[axis], position = 0, position - stride[axis] * shape[axis]
    end
  end
  return table.concat(out)
end

-- The tensor in the text of an NPY file that begins at a byte of the file at a path.
local function parse_npy(text, path)
  local wrong = failure(path)
  local major = text:sub(1, 6) == "\x93NUMPY" and text:byte(7)
  if not major then
    return wrong("byte 1: not an NPY file, which begins with \\x93NUMPY")
  elseif major < 1 or major > 3 or text:byte(8) ~= 0 then
    return wrong("byte 7: version %d.%d of NPY is not known, 1.0, 2.0 or 3.0 expected", major,
      text:byte(8) or 0)
  end
  local prefix = major == 1 and "<I2" or "<I4"
  local start = 9 + string.packsize(prefix)
  if #text < start - 1 then
    return wrong("cut short within its header")
  end
  local length = string.unpack(prefix, text, 9)
  if length > NPY_HEADER_LIMIT or #text < start - 1 + length then
    return wrong("byte 9: a header of %d bytes: too long, or cut short", length)
  end
  local descr, fortran, shape = npy_header(text:sub(start, start + length - 1))
  if not descr then
    return wrong("byte %d: a header that is not {'descr': ..., 'fortran_order': ..., 'shape': ...}",
      start)
  end
  local order, code = descr:match("^([<>|=]?)(%w+)$")
  local kind = NPY_TYPES[code]
  if not kind then
    return wrong("byte %d: elements of type %s are not supported", start, shown(descr))
  elseif #shape > MAX_RANK then
    return wrong("byte %d: rank %d, but %d is the most", start, #shape, MAX_RANK)
  end
  local dtype, width = kind[1], kind[2]
  local first = start + length
  local body = #text - first + 1
  if byte_count(shape, width, body) ~= body then
    return wrong("byte %d: the shape (%s) of %s does not make the %d bytes that follow", start,
      table.concat(shape, ", "), dtype, body)
  end
  local bytes = to_native(text:sub(first), width, order == "<" or order ~= ">" and NATIVE_LITTLE)
  if fortran and #shape > 1 then
    bytes = from_fortran(bytes, width, shape)
  end
  return tensor_of(bytes, dtype, shape, wrong, first)
end

--- Reads an NPY file, as `numpy.save` writes it.
-- @tparam string path
-- @treturn[1] tensor of the file's dtype and shape
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function data.npy(path, ...)
  check.most("npy", 1, ...)
  check.argument("npy", "path", path, check.path)
  local text, message = read_file(path)
  if not text then
    return nil, message
  end
  return parse_npy(text, path)
end

-- ---- NPZ: ZIP (PKWARE's APPNOTE.TXT) with members that are NPY files ----

-- Where the record lies that ends the directory: a comment may follow, of 64 KiB at most, which
-- reaches to the end of the file.
local function directory_end(text)
  local from = math.max(1, #text - 65557)
  local found = text:find("PK\5\6", from, true)
  while found do
    if found + 21 <= #text and found + 21 + string.unpack("<I2", text, found + 20) == #text then
      return found
    end
    found = text:find("PK\5\6", found + 1, true)
  end
end

-- The entries of the directory: {name, flags, method, crc, stored, size, offset}, where offset is
-- that of the member's own header, counted from 0.
local function directory_entries(text, wrong)
  local last = directory_end(text)
  if not last then
    return wrong("not an NPZ file: it has no directory")
  end
  local disk, first_disk, here, count, size, start = string.unpack("<I2I2I2I2I4I4", text, last + 4)
  if count == 0xFFFF or start == 0xFFFFFFFF then
    return wrong("byte %d: files of the ZIP64 kind are not supported", last)
  elseif disk ~= 0 or first_disk ~= 0 or here ~= count then
    return wrong("byte %d: files in several parts are not supported", last)
  elseif start + size > last - 1 then
    return wrong("byte %d: a directory that is not within the file", last)
  end
  local entries, position, stop = { start = start }, start + 1, start + size
  for member = 1, count do
    if position + 45 > stop or text:sub(position, position + 3) ~= "PK\1\2" then
      return wrong("byte %d: the directory is damaged: its member %d expected", position, member)
    end
    local entry = {}
    entry.flags, entry.method = string.unpack("<I2I2", text, position + 8)
    local name, extra, comment
    entry.crc, entry.stored, entry.size, name, extra, comment =
      string.unpack("<I4I4I4I2I2I2", text, position + 16)
    entry.offset = string.unpack("<I4", text, position + 42)
    entry.name = text:sub(position + 46, position + 45 + name)
    position = position + 46 + name + extra + comment
    entries[member] = entry
  end
  if position ~= stop + 1 then
    return wrong("byte %d: the directory is damaged: its end expected", position)
  end
  return entries
end

-- Finds where each member's bytes lie: `first` and `last`. What is read must be stored as it is,
-- and no byte may belong to two members, or to one and the directory: so that a small file cannot
-- become a large one.
local function locate(text, entries, wrong)
  local order = table.move(entries, 1, #entries, 1, {})
  table.sort(order, function(a, b) return a.offset < b.offset end)
  local free = 0
  for _, entry in ipairs(order) do
    local name, offset = shown(entry.name), entry.offset
    if entry.flags & 1 == 1 then
      return wrong("%s is encrypted", name)
    elseif entry.method ~= 0 then
      return wrong("%s is compressed: save it by numpy.savez", name)
    elseif entry.stored ~= entry.size or offset + 30 > entries.start
        or text:sub(offset + 1, offset + 4) ~= "PK\3\4" then
      return wrong("%s: the directory is damaged: no member begins at byte %d", name, offset + 1)
    end
    local own_name, own_extra = string.unpack("<I2I2", text, offset + 27)
    if text:sub(offset + 31, offset + 30 + own_name) ~= entry.name then
      return wrong("byte %d: the directory says that this is %s", offset + 31, name)
    end
    entry.first = offset + 31 + own_name + own_extra
    entry.last = entry.first + entry.size - 1
    if entry.last > entries.start then
      return wrong("%s is cut short: its %d bytes from byte %d on reach into the directory", name,
        entry.size, entry.first)
    elseif offset < free then
      return wrong("byte %d: %s overlaps another member", offset + 1, name)
    end
    free = entry.last
  end
  return true
end

--- Reads an NPZ file, as `numpy.savez` writes it; not what `numpy.savez_compressed` does.
-- @tparam string path
-- @treturn[1] table tensors by name
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function data.npz(path, ...)
  check.most("npz", 1, ...)
  check.argument("npz", "path", path, check.path)
  local text, message = read_file(path)
  if not text then
    return nil, message
  end
  local wrong = failure(path)
  local entries, reason = directory_entries(text, wrong)
  if not entries then
    return nil, reason
  end
  local located
  located, reason = locate(text, entries, wrong)
  if not located then
    return nil, reason
  end
  local out = {}
  for _, entry in ipairs(entries) do
    local key = entry.name:match("^(.*)%.npy$") or entry.name
    if out[key] then
      return wrong("%s is there twice", shown(entry.name))
    end
    local bytes = text:sub(entry.first, entry.last)
    local crc = core.crc32(bytes)
    if crc ~= entry.crc then
      return wrong("%s is damaged: the CRC-32 of its bytes from %d to %d is %08x, %08x expected",
        shown(entry.name), entry.first, entry.last, crc, entry.crc)
    end
    local tensor
    tensor, reason = parse_npy(bytes, path .. ": " .. entry.name)
    if not tensor then
      return nil, reason
    end
    out[key] = tensor
  end
  return out
end

-- ---- Rows and batches ----

-- A permutation of 1..count from a seed: Fisher and Yates with SplitMix64 (Steele and others,
-- 2014), which is the same with every Lua.
local function permutation(count, seed)
  local order = {}
  for index = 1, count do
    order[index] = index
  end
  local state = seed
  for index = count, 2, -1 do
    state = state + 0x9E3779B97F4A7C15
    local z = state
    z = (z ~ z >> 30) * 0xBF58476D1CE4E5B9
    z = (z ~ z >> 27) * 0x94D049BB133111EB
    z = z ~ z >> 31
    local other = (z >> 1) % index + 1
    order[index], order[other] = order[other], order[index]
  end
  return order
end

-- The tensors in the arguments of a function, which have equal first dimensions: what is needed to
-- take rows of them, and how many those are. The named arguments are checked, too.
local function rows_of(where, arguments, known)
  local tensors = check.sequence(where, arguments, "a table of tensors and options", true)
  check.options(where, arguments, known, tensors)
  if tensors == 0 then
    fail("%s: at least one tensor expected", where)
  end
  local sources, count = {}, nil
  for index = 1, tensors do
    local tensor = arguments[index]
    if core.type(tensor) ~= "tensor" then
      fail("%s: [%d]: a tensor expected, got %s", where, index, shown(tensor))
    end
    local shape = tensor.shape
    if tensor.rank == 0 then
      fail("%s: tensor %d has no rows: its rank is 0", where, index)
    end
    count = count or shape[1]
    if shape[1] ~= count then
      fail("%s: tensor %d has %d rows, but the first has %d", where, index, shape[1], count)
    end
    local bytes = tensor:tobytes()
    sources[index] = {
      bytes = bytes, width = count > 0 and #bytes // count or 0, dtype = tensor.dtype,
      rest = table.move(shape, 2, #shape, 1, {}),
    }
  end
  return sources, count
end

-- The order of the rows that the argument `shuffle` asks for, nil for their own.
local function order_of(arguments, count)
  return arguments.shuffle and permutation(count, arguments.shuffle)
end

local SEED = check.kind("an integer, the seed,", check.integer.test)
local BATCHES_OPTIONS = { size = check.count, shuffle = SEED, drop_remainder = check.boolean }
local SPLIT_OPTIONS = { fraction = check.share, shuffle = SEED }

-- Rows first..last (in `order`, where there is one) of each source, as tensors.
local function take(sources, order, first, last)
  local out = {}
  for index, source in ipairs(sources) do
    local width = source.width
    local bytes
    if order then
      local rows = {}
      for row = first, last do
        rows[row - first + 1] = source.bytes:sub((order[row] - 1) * width + 1, order[row] * width)
      end
      bytes = table.concat(rows)
    else
      bytes = source.bytes:sub((first - 1) * width + 1, last * width)
    end
    out[index] = neap.tensor.frombytes(bytes, source.dtype,
      { last - first + 1, table.unpack(source.rest) })
  end
  return out
end

--- Batches of rows, for a loop: `for x, y in data.batches{images, labels, size = 32} do`.
--
-- Each round gives, for every tensor, one with its next `size` rows; the last batch has what is
-- left.
-- @tparam table arguments the tensors, with equal first dimensions; `size` of a batch; `shuffle`:
-- an integer, the seed of another order of the rows (another for each epoch, for example);
-- `drop_remainder=true`: no last batch of fewer rows
-- @treturn function an iterator
function data.batches(arguments, ...)
  check.most("batches", 1, ...)
  local sources, count = rows_of("batches", arguments, BATCHES_OPTIONS)
  check.argument("batches", "size", arguments.size, check.count)
  local size = math.min(arguments.size, math.max(count, 1))
  local order = order_of(arguments, count)
  local stop = arguments.drop_remainder and count - count % arguments.size or count
  local next_row = 1
  return function()
    if next_row > stop then
      return nil
    end
    local first = next_row
    next_row = first + size
    return table.unpack(take(sources, order, first, math.min(first + size - 1, stop)))
  end
end

--- Divides rows in two: `local train, test = data.split{x, y, fraction = 0.8, shuffle = 1}`.
-- @tparam table arguments the tensors, with equal first dimensions; `fraction` of the rows that
-- the first part gets, rounded down; `shuffle`: an integer, the seed of another order of the rows
-- @treturn table a sequence of tensors, the first part of each
-- @treturn table the same with what is left
function data.split(arguments, ...)
  check.most("split", 1, ...)
  local sources, count = rows_of("split", arguments, SPLIT_OPTIONS)
  check.argument("split", "fraction", arguments.fraction, check.share)
  local order = order_of(arguments, count)
  local border = math.floor(count * arguments.fraction)
  return take(sources, order, 1, border), take(sources, order, border + 1, count)
end

return data
