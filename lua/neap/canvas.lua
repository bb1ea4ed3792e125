--- Pixels: a raster that anti-aliased lines, discs and text are drawn on, with nothing but Lua.
--
--     local picture = neap.canvas.new(320, 200)
--     picture:polyline({{20, 180}, {300, 20}}, {0, 114, 178}, 2)
--     picture:text(160, 100, "a line", {align = "center"})
--     picture:save("line.png")
--
-- A colour is `{red, green, blue}` of 0 to 255. What is misused raises an error; a file that
-- cannot be written gives `nil, message`.
--
-- The canvas keeps one integer for each colour of each pixel. Shapes are drawn by coverage: the
-- part of a pixel that lies within the pen's half width of the shape, so that edges are smooth.
-- @module neap.canvas

local core = ...
local check = core.check
local fail, argument = check.fail, check.argument

local canvas = {}

local floor, max, min, sqrt = math.floor, math.max, math.min, math.sqrt

--- The colours of text and of the background, unless others are given.
canvas.INK, canvas.WHITE = { 40, 40, 45 }, { 255, 255, 255 }

-- ---- PNG (ISO/IEC 15948; deflate is RFC 1951, zlib RFC 1950) ----

local function chunk(kind, body)
  return string.pack(">I4", #body) .. kind .. body .. string.pack(">I4", core.crc32(kind .. body))
end

-- Fixed Huffman codes, bits reversed because deflate sends codes from their highest bit but
-- fills bytes from the lowest: {code, length} by symbol.
local symbols = {}
for symbol = 0, 287 do
  local code, length
  if symbol < 144 then
    code, length = 0x30 + symbol, 8
  elseif symbol < 256 then
    code, length = 0x190 + symbol - 144, 9
  elseif symbol < 280 then
    code, length = symbol - 256, 7
  else
    code, length = 0xC0 + symbol - 280, 8
  end
  local reversed = 0
  for bit = 0, length - 1 do
    reversed = reversed | ((code >> bit) & 1) << (length - 1 - bit)
  end
  symbols[symbol] = { reversed, length }
end

-- Match lengths: {symbol, first length, extra bits}, and which row a length from 3 to 258 uses.
local length_rows, row_of_length = {}, {}
do
  local first = 3
  for symbol = 257, 284 do
    local extra = symbol < 265 and 0 or (symbol - 261) // 4
    length_rows[symbol] = { first, extra }
    for length = first, first + (1 << extra) - 1 do
      row_of_length[length] = symbol
    end
    first = first + (1 << extra)
  end
  length_rows[285], row_of_length[258] = { 258, 0 }, 285
end

-- One zlib stream whose only matches repeat the byte before them. That is enough: filtered by
-- the row above, a drawing is mostly runs of zero.
local function compress(rows)
  local out, count = { "\x78\x01" }, 1
  local bits, filled = 0, 0
  local function put(value, length)
    bits = bits | value << filled
    filled = filled + length
    if filled >= 32 then
      count = count + 1
      out[count] = string.pack("<I4", bits & 0xFFFFFFFF)
      bits, filled = bits >> 32, filled - 32
    end
  end
  put(3, 3) -- one block, the last, of fixed codes
  local a, b = 1, 0 -- Adler-32
  for _, row in ipairs(rows) do
    local position, size = 1, #row
    while position <= size do
      local byte = row:byte(position)
      local symbol = symbols[byte]
      put(symbol[1], symbol[2])
      a = (a + byte) % 65521
      b = (b + a) % 65521
      position = position + 1
      if row:byte(position) == byte and row:byte(position + 1) == byte
          and row:byte(position + 2) == byte then
        local escaped = byte == 0 and "%z" or string.char(byte):gsub("%W", "%%%0")
        local _, last = row:find("^" .. escaped .. "+", position)
        local run = last - position + 1
        position = last + 1
        -- `run` more of `byte` add byte * (1 + ... + run) to b, over what a alone adds.
        b = (b + run * a + byte * (run * (run + 1) // 2)) % 65521
        a = (a + run * byte) % 65521
        while run > 0 do
          local length = min(run, 258)
          if run > 258 and run < 261 then
            length = run - 3 -- what is left must not be shorter than a match may be
          end
          local match = row_of_length[length]
          symbol = symbols[match]
          put(symbol[1], symbol[2])
          put(length - length_rows[match][1], length_rows[match][2])
          put(0, 5) -- distance 1
          run = run - length
        end
      end
    end
  end
  put(symbols[256][1], symbols[256][2])
  out[count + 1] = string.pack("<I8", bits):sub(1, (filled + 7) // 8)
  return table.concat(out) .. string.pack(">I2I2", b, a)
end

-- ---- The font ----

-- Printable ASCII from space to tilde, each five columns of eight pixels, lowest bit on top; bit 6
-- is on the base line, bit 7 below it.
local FONT = [[
0000000000 00005F0000 0007000700 147F147F14 242A7F2A12 2313086462 3649562050 0000070000
001C224100 0041221C00 2A1C7F1C2A 08083E0808 0080600000 0808080808 0000400000 4030080601
3E4141413E 00427F4000 4261514946 2241494936 1814127F10 2745454539 3C4A494930 0171090503
3649494936 064949291E 0000240000 0080640000 0008142241 1414141414 4122140800 0201510906
3E4159551E 7E1111117E 7F49494936 3E41414122 7F4141221C 7F49494941 7F09090901 3E4149497A
7F0808087F 00417F4100 2040413F01 7F08142241 7F40404040 7F020C027F 7F0408107F 3E4141413E
7F09090906 3E4151215E 7F09192946 4649494931 01017F0101 3F4040403F 1F2040201F 3F4038403F
6314081463 0708700807 6151494543 007F414100 0106083040 0041417F00 0402010204 8080808080
0001020400 2054545478 7F48444438 3844444428 384444487F 3854545418 087E090102 18A4A4A47C
7F08040478 00447D4000 4080847D00 7F10284400 00417F4000 7C04180478 7C08040478 3844444438
FC24242418 18242418FC 7C08040408 4854545424 043F444020 3C4040207C 1C2040201C 3C4030403C
4428102844 1CA0A0A07C 4464544C44 0008364100 00007F0000 0041360800 1008081008]]

-- A glyph is strokes between the centres of neighbouring pixels, which makes of the coarse font a
-- smooth one: {width, {x, y, x, y}...}. Diagonal neighbours are joined where no pixel beside them
-- joins them already.
local glyphs = {}
do
  local code = 32
  for hex in FONT:gmatch("%x+") do
    local columns, first, last = {}, 5, 0
    for x = 0, 4 do
      columns[x] = tonumber(hex:sub(2 * x + 1, 2 * x + 2), 16)
      if columns[x] ~= 0 then
        first, last = min(first, x), max(last, x)
      end
    end
    if code >= 48 and code <= 57 then
      first, last = 0, 4 -- digits are all of one width, to stand below each other
    elseif last < first then
      first, last = 0, 1
    end
    local function lit(x, y)
      return x >= 0 and x < 5 and y >= 0 and y < 8 and columns[x] >> y & 1 == 1
    end
    local glyph = { width = last - first + 1 }
    for x = 0, 4 do
      for y = 0, 7 do
        if lit(x, y) then
          local joined = false
          for dx = -1, 1 do
            for dy = -1, 1 do
              local corner = dx ~= 0 and dy ~= 0 and (lit(x + dx, y) or lit(x, y + dy))
              if (dx ~= 0 or dy ~= 0) and lit(x + dx, y + dy) and not corner then
                joined = true
                if dx > 0 or dx == 0 and dy > 0 then -- each stroke once
                  glyph[#glyph + 1] = { x - first, y, x - first + dx, y + dy }
                end
              end
            end
          end
          if not joined then
            glyph[#glyph + 1] = { x - first - 0.2, y, x - first + 0.2, y } -- a dot
          end
        end
      end
    end
    glyphs[code] = glyph
    code = code + 1
  end
end

-- ---- Canvas ----

--- A picture of pixels; x to the right and y downwards from the upper left corner, in pixels.
-- @type Canvas
local Canvas = check.class("canvas", "neap.plot.canvas")

function Canvas:__tostring()
  return ("canvas %d x %d"):format(self.width, self.height)
end

-- The most that a row takes on Lua's stack when it becomes bytes.
local SIDE = check.kind("an integer from 1 to 32767", function(value)
  return math.type(value) == "integer" and value >= 1 and value <= 32767
end)

--- A new canvas.
-- @function canvas.new
-- @tparam integer width in pixels
-- @tparam integer height
-- @tparam[opt] table color of the background; white if absent
-- @treturn Canvas
function canvas.new(width, height, color, ...)
  check.most("canvas", 3, ...)
  argument("canvas", "width", width, SIDE)
  argument("canvas", "height", height, SIDE)
  color = argument("canvas", "color", color or canvas.WHITE, check.color)
  local self = setmetatable({ width = width, height = height }, Canvas)
  local r, g, b = floor(color[1] + 0.5), floor(color[2] + 0.5), floor(color[3] + 0.5)
  for position = 1, 3 * width * height, 3 do
    self[position], self[position + 1], self[position + 2] = r, g, b
  end
  return self
end

-- Checks what a method of a canvas is given: its numbers by name, then colour and alpha.
local function check_call(self, method, names, color, alpha, ...)
  check.self(self, Canvas, "canvas", method)
  local where = "canvas." .. method
  for index, name in ipairs(names) do
    argument(where, name, (select(index, ...)), check.number)
  end
  argument(where, "color", color, check.color)
  if alpha ~= nil then
    argument(where, "alpha", alpha, check.share)
  end
end

-- Mixes a colour into a pixel that is within the canvas.
local function mix(self, x, y, color, alpha)
  local position = 3 * (y * self.width + x) + 1
  for part = 1, 3 do
    local old = self[position]
    self[position] = floor(old + (color[part] - old) * alpha + 0.5)
    position = position + 1
  end
end

--- Mixes a colour into one pixel.
-- @tparam integer x
-- @tparam integer y outside of the canvas nothing is done
-- @tparam table color
-- @tparam[opt=1] number alpha how much of it, from 0 to 1
function Canvas:blend(x, y, color, alpha, ...)
  check.most("canvas.blend", 4, ...)
  check_call(self, "blend", { "x", "y" }, color, alpha, x, y)
  x, y = floor(x), floor(y)
  if x >= 0 and y >= 0 and x < self.width and y < self.height then
    mix(self, x, y, color, alpha or 1)
  end
end

--- Fills a rectangle whose corners lie between pixels.
-- @tparam number x
-- @tparam number y
-- @tparam number width
-- @tparam number height
-- @tparam table color
-- @tparam[opt=1] number alpha
function Canvas:rectangle(x, y, width, height, color, alpha, ...)
  check.most("canvas.rectangle", 6, ...)
  check_call(self, "rectangle", { "x", "y", "width", "height" }, color, alpha, x, y, width, height)
  local left, top = max(0, floor(x + 0.5)), max(0, floor(y + 0.5))
  local right = min(self.width, floor(x + width + 0.5))
  for row = top, min(self.height, floor(y + height + 0.5)) - 1 do
    for column = left, right - 1 do
      mix(self, column, row, color, alpha or 1)
    end
  end
end

-- The segments, with a round pen, that `stroke` is asked for.
local function stroke(self, segments, width, color, alpha)
  local reach = width / 2 + 0.5
  local coverage = {}
  for _, s in ipairs(segments) do
    local x1, y1, x2, y2 = s[1], s[2], s[3], s[4]
    local dx, dy = x2 - x1, y2 - y1
    local squared = dx * dx + dy * dy
    local lowest = max(0, floor(min(y1, y2) - reach))
    for y = lowest, min(self.height - 1, floor(max(y1, y2) + reach)) do
      -- Of this row only what is near the part of the segment that is near the row.
      local from, to = x1, x2
      if dy ~= 0 then
        local t1 = max(0, min(1, (y + 0.5 - reach - y1) / dy))
        local t2 = max(0, min(1, (y + 0.5 + reach - y1) / dy))
        from, to = x1 + t1 * dx, x1 + t2 * dx
      end
      local leftmost = max(0, floor(min(from, to) - reach))
      for x = leftmost, min(self.width - 1, floor(max(from, to) + reach)) do
        local px, py = x + 0.5 - x1, y + 0.5 - y1
        local t = squared > 0 and max(0, min(1, (px * dx + py * dy) / squared)) or 0
        local ex, ey = px - t * dx, py - t * dy
        local cover = min(1, reach - sqrt(ex * ex + ey * ey))
        local key = y * self.width + x
        if cover > (coverage[key] or 0) then
          coverage[key] = cover
        end
      end
    end
  end
  for key, cover in pairs(coverage) do
    mix(self, key % self.width, key // self.width, color, cover * (alpha or 1))
  end
end

-- Numbers whose squares are finite.
local PLACE = check.kind("a number within 1e150", function(value)
  return check.number.test(value) and math.abs(value) <= 1e150
end)

-- Checks a sequence of sequences of `size` numbers; its length.
local function check_points(where, name, sequence, size, words)
  local count = check.sequence(("%s: argument '%s'"):format(where, name), sequence,
    "a sequence of " .. words)
  for index = 1, count do
    local entry = sequence[index]
    local at = ("%s[%d]"):format(name, index)
    if type(entry) ~= "table" then
      fail("%s: argument '%s': %s expected, got %s", where, at, words, check.shown(entry))
    end
    for place = 1, size do
      argument(where, ("%s[%d]"):format(at, place), entry[place], PLACE)
    end
  end
  return count
end

--- Segments, with a round pen. The coverage of a pixel is the largest that any of them gives it,
-- so that joints are not darker than lines.
-- @tparam table segments a sequence of `{x1, y1, x2, y2}`
-- @tparam number width of the pen
-- @tparam table color
-- @tparam[opt=1] number alpha
function Canvas:stroke(segments, width, color, alpha, ...)
  check.most("canvas.stroke", 4, ...)
  check_call(self, "stroke", { "width" }, color, alpha, width)
  check_points("canvas.stroke", "segments", segments, 4, "{x1, y1, x2, y2}")
  stroke(self, segments, width, color, alpha)
end

--- A line through points.
-- @tparam table points a sequence of `{x, y}`
-- @tparam table color
-- @tparam[opt=1] number width of the pen
-- @tparam[opt=1] number alpha
function Canvas:polyline(points, color, width, alpha, ...)
  check.most("canvas.polyline", 4, ...)
  check_call(self, "polyline", { "width" }, color, alpha, width or 1)
  local segments = {}
  for index = 2, check_points("canvas.polyline", "points", points, 2, "{x, y}") do
    local p, q = points[index - 1], points[index]
    segments[index - 1] = { p[1], p[2], q[1], q[2] }
  end
  stroke(self, segments, width or 1, color, alpha)
end

--- A filled circle.
-- @tparam number x its centre
-- @tparam number y
-- @tparam number radius
-- @tparam table color
-- @tparam[opt=1] number alpha
function Canvas:disc(x, y, radius, color, alpha, ...)
  check.most("canvas.disc", 5, ...)
  check_call(self, "disc", { "x", "y", "radius" }, color, alpha, x, y, radius)
  stroke(self, { { x, y, x, y } }, 2 * radius, color, alpha)
end

--- The width of a text, in pixels.
-- @function canvas.text_width
-- @tparam string text
-- @tparam number size of a pixel of the font, which is 7 high
-- @treturn number
function canvas.text_width(text, size, ...)
  check.most("text_width", 2, ...)
  argument("text_width", "text", text, check.string)
  argument("text_width", "size", size, check.positive)
  local width = 0
  for position = 1, #text do
    width = width + (glyphs[text:byte(position)] or glyphs[63]).width + 1.6
  end
  return max(0, width - 1.6) * size
end

local TEXT_OPTIONS = {
  size = check.positive, color = check.color, align = check.one_of("left", "center", "right"),
  upward = check.boolean, bold = check.boolean,
}

--- Writes text of printable ASCII; anything else shows as `?`.
-- @tparam number x
-- @tparam number y where the text's middle is, from its base line to the top of its capitals
-- @tparam string text
-- @tparam[opt] table options `size` of a pixel of the font (1.6), `color`, `align` (`"left"`,
-- `"center"`, `"right"`: where x is), `upward=true` for text that reads from below, `bold=true`
function Canvas:text(x, y, text, options, ...)
  check.most("canvas.text", 4, ...)
  check_call(self, "text", { "x", "y" }, canvas.INK, nil, x, y)
  argument("canvas.text", "text", text, check.string)
  options = check.options("canvas.text", options, TEXT_OPTIONS)
  local size = options.size or 1.6
  local share = options.align == "center" and 0.5 or options.align == "right" and 1 or 0
  local along = -share * canvas.text_width(text, size)
  local segments = {}
  for position = 1, #text do
    local glyph = glyphs[text:byte(position)] or glyphs[63]
    for _, s in ipairs(glyph) do
      local u1, v1 = along + (s[1] + 0.5) * size, (s[2] - 3) * size
      local u2, v2 = along + (s[3] + 0.5) * size, (s[4] - 3) * size
      segments[#segments + 1] = options.upward and { x + v1, y - u1, x + v2, y - u2 }
          or { x + u1, y + v1, x + u2, y + v2 }
    end
    along = along + (glyph.width + 1.6) * size
  end
  stroke(self, segments, (options.bold and 1.05 or 0.75) * size, options.color or canvas.INK)
end

-- A row of pixels as bytes. What somebody wrote into the canvas may be no byte.
local function row_bytes(self, first, size)
  local ok, row = pcall(string.char, table.unpack(self, first + 1, first + size))
  if ok then
    return row
  end
  for position = first + 1, first + size do
    local value = self[position]
    if math.type(value) ~= "integer" or value < 0 or value > 255 then
      fail("canvas.png: [%d]: an integer from 0 to 255 expected, got %s", position,
        check.shown(value))
    end
  end
  error(row, 0)
end

--- The picture as the bytes of a PNG file (8 bits, RGB).
-- @treturn string
function Canvas:png(...)
  check.most("canvas.png", 0, ...)
  check.self(self, Canvas, "canvas", "png")
  local rows, before = {}, nil
  local size = 3 * self.width
  local same = "\2" .. ("\0"):rep(size)
  for y = 0, self.height - 1 do
    local first = y * size
    local row = row_bytes(self, first, size)
    if row == before then
      rows[y + 1] = same
    elseif before then
      local difference = {} -- filter 2: from the row above
      for position = 1, size do
        difference[position] = self[first + position] - self[first - size + position] & 0xFF
      end
      rows[y + 1] = "\2" .. string.char(table.unpack(difference))
    else
      rows[y + 1] = "\0" .. row
    end
    before = row
  end
  return "\x89PNG\r\n\x1a\n"
    .. chunk("IHDR", string.pack(">I4I4BBBBB", self.width, self.height, 8, 2, 0, 0, 0))
    .. chunk("IDAT", compress(rows)) .. chunk("IEND", "")
end

--- Writes the picture to a PNG file.
-- @tparam string path
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what went wrong
function Canvas:save(path, ...)
  check.most("canvas.save", 1, ...)
  check.self(self, Canvas, "canvas", "save")
  argument("canvas.save", "path", path, check.path)
  local file, message = io.open(path, "wb")
  if not file then
    return nil, message
  end
  local written, reason = file:write(self:png())
  local closed, trouble = file:close()
  if not written or not closed then
    return nil, ("%s: %s"):format(path, reason or trouble)
  end
  return true
end

return canvas
