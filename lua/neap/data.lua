--- Readers of common file formats, and batches.
--
-- A reader returns a tensor, or `nil, message` for whatever the outside world can cause: a file
-- that is missing, cut short or not what it should be; the message says where. Misuse raises.
-- Nothing is allocated on the word of a header before the file's size has confirmed it, and
-- nothing in a file is ever evaluated.
-- @module neap.data

local neap = require "neap"

local data = {}

local MAX_RANK = 8
local NATIVE_LITTLE = string.pack("=I2", 1) == "\1\0"

local function read_file(path)
  if type(path) ~= "string" then
    error(("a path expected, got %s"):format(type(path)), 3)
  end
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

-- The product of `shape` times `width`, nil if that is more than `limit`: sizes that a file
-- claims must not overflow.
local function byte_count(shape, width, limit)
  local total = width
  for _, dimension in ipairs(shape) do
    if dimension == 0 then
      return 0
    end
  end
  for _, dimension in ipairs(shape) do
    if dimension > limit // total then
      return nil
    end
    total = total * dimension
  end
  return total
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

local function shown(field)
  local short = #field > 24 and field:sub(1, 24) .. "..." or field
  return (("%q"):format(short):gsub("\\\n", "\\n"))
end

--- Reads numbers from a CSV file.
--
-- A field is a decimal number with a dot, or `nan`, `inf`, `-inf`; blanks and double quotes around
-- it are taken off. Every line has as many fields as the first; empty lines are passed over.
-- @tparam string path
-- @tparam[opt] table options `separator` (`","`, one character), `header=true` for a first line
-- that is passed over, `dtype` (`"float32"`)
-- @treturn[1] tensor of shape (lines, fields)
-- @treturn[2] nil
-- @treturn[2] string what is wrong, with line and column
function data.csv(path, options)
  options = options or {}
  local separator = options.separator or ","
  if type(separator) ~= "string" or #separator ~= 1 then
    error("separator: a string of one character expected", 2)
  end
  local text, message = read_file(path)
  if not text then
    return nil, message
  end
  text = text:gsub("^\xEF\xBB\xBF", "")
  local field_pattern = "([^%" .. separator .. "]*)%" .. separator
  local values, count, lines, fields, number = {}, 0, 0, nil, 0
  for line in text:gmatch("([^\n]*)\n?") do
    number = number + 1
    line = line:gsub("\r$", "")
    if line:find("%S") and not (options.header and number == 1) then
      local column = 0
      for field in (line .. separator):gmatch(field_pattern) do
        column = column + 1
        local bare = field:match("^%s*(.-)%s*$")
        local value = number_of(bare:match('^"%s*(.-)%s*"$') or bare)
        if not value then
          return nil, ("%s:%d: column %d: %s is not a number"):format(path, number, column,
            shown(field))
        end
        count = count + 1
        values[count] = value
      end
      fields = fields or column
      if column ~= fields then
        return nil, ("%s:%d: %d fields, but the lines before have %d"):format(path, number, column,
          fields)
      end
      lines = lines + 1
    end
  end
  if lines == 0 then
    return nil, ("%s: no lines of numbers"):format(path)
  end
  local ok, tensor = pcall(neap.tensor, values, options.dtype or "float32", { lines, fields })
  if not ok then
    return nil, ("%s: %s"):format(path, tensor)
  end
  return tensor
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
function data.idx(path)
  local text, message = read_file(path)
  if not text then
    return nil, message
  end
  local function fail(format, ...)
    return nil, ("%s: " .. format):format(path, ...)
  end
  if text:sub(1, 2) == "\x1f\x8b" then
    return fail("compressed by gzip: unpack it first")
  elseif #text < 4 or text:sub(1, 2) ~= "\0\0" then
    return fail("not an IDX file: it begins with two zero bytes")
  end
  local code, rank = text:byte(3, 4)
  local kind = IDX_TYPES[code]
  if not kind then
    return fail("unknown element type 0x%02X", code)
  elseif rank > MAX_RANK then
    return fail("rank %d, but %d is the most", rank, MAX_RANK)
  elseif #text < 4 + 4 * rank then
    return fail("cut short: %d bytes do not hold %d dimensions", #text, rank)
  end
  local shape = {}
  for axis = 1, rank do
    shape[axis] = string.unpack(">I4", text, 4 * axis + 1)
  end
  local body = #text - 4 - 4 * rank
  if byte_count(shape, kind[2], body) ~= body then
    return fail("the dimensions (%s) of %s do not make the %d bytes that follow",
      table.concat(shape, ", "), kind[1], body)
  end
  return neap.tensor.frombytes(to_native(text:sub(5 + 4 * rank), kind[2], false), kind[1], shape)
end

-- ---- NPY and NPZ (numpy.lib.format) ----

local NPY_TYPES = {
  f2 = { "float16", 2 }, f4 = { "float32", 4 }, f8 = { "float64", 8 }, i1 = { "int8", 1 },
  i2 = { "int16", 2 }, i4 = { "int32", 4 }, i8 = { "int64", 8 }, u1 = { "uint8", 1 },
  u2 = { "uint16", 2 }, u4 = { "uint32", 4 }, u8 = { "uint64", 8 },
  b1 = { "bool", 1 },
}
local NPY_HEADER_LIMIT = 10000 -- bytes, NumPy's own

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
    take("shape", "%(([%d%s,]*)%)")
  end
  if body:find("%S") or not (found.descr and found.shape)
      or not (found.fortran_order == "True" or found.fortran_order == "False") then
    return nil
  end
  local shape = {}
  for dimension in found.shape:gmatch("%d+") do
    shape[#shape + 1] = math.tointeger(tonumber(dimension))
    if not shape[#shape] or #dimension > 18 then
      return nil
    end
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

local function parse_npy(text, path)
  local function fail(format, ...)
    return nil, ("%s: " .. format):format(path, ...)
  end
  local major = text:sub(1, 6) == "\x93NUMPY" and text:byte(7)
  if not major then
    return fail("not an NPY file")
  elseif major < 1 or major > 3 or text:byte(8) ~= 0 then
    return fail("version %d.%d of NPY is not known", major, text:byte(8) or 0)
  end
  local prefix = major == 1 and "<I2" or "<I4"
  local start = 9 + string.packsize(prefix)
  if #text < start - 1 then
    return fail("cut short within its header")
  end
  local length = string.unpack(prefix, text, 9)
  if length > NPY_HEADER_LIMIT or #text < start - 1 + length then
    return fail("a header of %d bytes: too long, or cut short", length)
  end
  local descr, fortran, shape = npy_header(text:sub(start, start + length - 1))
  if not descr then
    return fail("a header that is not {'descr': ..., 'fortran_order': ..., 'shape': ...}")
  end
  local order, code = descr:match("^([<>|=]?)(%w+)$")
  local kind = NPY_TYPES[code]
  if not kind then
    return fail("elements of type %s are not supported", shown(descr))
  elseif #shape > MAX_RANK then
    return fail("rank %d, but %d is the most", #shape, MAX_RANK)
  end
  local body = #text - (start - 1) - length
  if byte_count(shape, kind[2], body) ~= body then
    return fail("the shape (%s) of %s does not make the %d bytes that follow",
      table.concat(shape, ", "), kind[1], body)
  end
  local bytes = to_native(text:sub(start + length), kind[2],
    order == "<" or order ~= ">" and NATIVE_LITTLE)
  if fortran and #shape > 1 then
    bytes = from_fortran(bytes, kind[2], shape)
  end
  return neap.tensor.frombytes(bytes, kind[1], shape)
end

--- Reads an NPY file, as `numpy.save` writes it.
-- @tparam string path
-- @treturn[1] tensor of the file's dtype and shape
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function data.npy(path)
  local text, message = read_file(path)
  if not text then
    return nil, message
  end
  return parse_npy(text, path)
end

--- Reads an NPZ file, as `numpy.savez` writes it; not what `numpy.savez_compressed` does.
-- @tparam string path
-- @treturn[1] table tensors by name
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function data.npz(path)
  local text, message = read_file(path)
  if not text then
    return nil, message
  end
  local function fail(format, ...)
    return nil, ("%s: " .. format):format(path, ...)
  end
  -- The directory's end is the last record of that name; a comment may follow, of 64 KiB at most.
  local tail = math.max(1, #text - 65557)
  local last, from = nil, text:find("PK\5\6", tail, true)
  while from do
    last, from = from, text:find("PK\5\6", from + 1, true)
  end
  if not last or #text < last + 21 then
    return fail("not an NPZ file: it has no directory")
  end
  local count, size, position = string.unpack("<I2I4I4", text, last + 10)
  if count == 0xFFFF or position == 0xFFFFFFFF then
    return fail("files of the ZIP64 kind are not supported")
  elseif position + size > last - 1 then
    return fail("a directory that is not within the file")
  end
  position = position + 1
  local out = {}
  for member = 1, count do
    if position + 45 >= last or text:sub(position, position + 3) ~= "PK\1\2" then
      return fail("member %d: the directory is damaged", member)
    end
    local flags, method = string.unpack("<I2I2", text, position + 8)
    local stored, plain, name_length, extra_length, comment_length =
      string.unpack("<I4I4I2I2I2", text, position + 20)
    local offset = string.unpack("<I4", text, position + 42)
    local name = text:sub(position + 46, position + 45 + name_length)
    position = position + 46 + name_length + extra_length + comment_length
    if flags & 1 == 1 then
      return fail("%s is encrypted", shown(name))
    elseif method ~= 0 then
      return fail("%s is compressed: save it by numpy.savez", shown(name))
    elseif stored ~= plain or offset + 30 > #text
        or text:sub(offset + 1, offset + 4) ~= "PK\3\4" then
      return fail("%s: the directory is damaged", shown(name))
    end
    local local_name, local_extra = string.unpack("<I2I2", text, offset + 27)
    local start = offset + 31 + local_name + local_extra
    if start + plain - 1 > #text then
      return fail("%s is cut short", shown(name))
    end
    local key = name:match("^(.*)%.npy$") or name
    if out[key] then
      return fail("%s is there twice", shown(name))
    end
    local tensor, reason = parse_npy(text:sub(start, start + plain - 1), path .. ": " .. name)
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

-- Checks a sequence of tensors with equal first dimensions; returns what is needed to take rows.
local function rows_of(tensors, level)
  local count
  local sources = {}
  for index, tensor in ipairs(tensors) do
    local shape = tensor.shape
    if tensor.rank == 0 then
      error(("tensor %d has no rows: its rank is 0"):format(index), level + 1)
    end
    count = count or shape[1]
    if shape[1] ~= count then
      error(("tensor %d has %d rows, but the first has %d"):format(index, shape[1], count),
        level + 1)
    end
    local bytes = tensor:tobytes()
    local rest = {}
    for axis = 2, tensor.rank do
      rest[axis - 1] = shape[axis]
    end
    sources[index] = {
      bytes = bytes, width = count > 0 and #bytes // count or 0, dtype = tensor.dtype, rest = rest,
    }
  end
  if not count then
    error("at least one tensor expected", level + 1)
  end
  return sources, count
end

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

local function seed_of(value, level)
  if value ~= nil and math.type(value) ~= "integer" then
    error("shuffle: an integer expected, the seed", level + 1)
  end
  return value
end

--- Batches of rows, for a loop: `for x, y in data.batches{images, labels, size = 32} do`.
--
-- Each round gives, for every tensor, one with its next `size` rows; the last batch has what is
-- left.
-- @tparam table arguments the tensors, with equal first dimensions; `size` of a batch; `shuffle`:
-- an integer, the seed of another order of the rows (another for each epoch, for example);
-- `drop_remainder=true`: no last batch of fewer rows
-- @treturn function an iterator
function data.batches(arguments)
  local sources, count = rows_of(arguments, 2)
  local size = arguments.size
  if math.type(size) ~= "integer" or size < 1 then
    error("size: a positive integer expected", 2)
  end
  local seed = seed_of(arguments.shuffle, 2)
  local order = seed and permutation(count, seed)
  local stop = arguments.drop_remainder and count - count % size or count
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
function data.split(arguments)
  local sources, count = rows_of(arguments, 2)
  local fraction = arguments.fraction
  if type(fraction) ~= "number" or not (fraction >= 0 and fraction <= 1) then
    error("fraction: a number from 0 to 1 expected", 2)
  end
  local seed = seed_of(arguments.shuffle, 2)
  local order = seed and permutation(count, seed)
  local border = math.floor(count * fraction)
  return take(sources, order, 1, border), take(sources, order, border + 1, count)
end

return data
