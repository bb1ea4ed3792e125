--- Pictures, with nothing but Lua: figures with lines, points and decision regions, and grids
-- of images, as PNG files.
--
--     local figure = neap.plot.figure{title = "Loss", xlabel = "epoch", ylabel = "loss"}
--     figure:line(epochs, losses, {label = "training"})
--     figure:save("loss.png")
--
-- Coordinates are numbers; sequences of them are Lua tables or tensors of rank 1. A colour is
-- `{red, green, blue}` of 0 to 255. What is misused raises an error; a file that cannot be
-- written gives `nil, message`.
--
-- The canvas keeps one integer for each colour of each pixel. Shapes are drawn by coverage: the
-- part of a pixel that lies within the pen's half width of the shape, so that edges are smooth.
-- @module neap.plot

local plot = {}

local floor, max, min, abs, sqrt = math.floor, math.max, math.min, math.abs, math.sqrt

--- Colours that are told apart, also by most of the colour-blind (Okabe and Ito, 2008).
plot.colors = {
  { 0, 114, 178 }, { 213, 94, 0 }, { 0, 158, 115 }, { 204, 121, 167 },
  { 230, 159, 0 }, { 86, 180, 233 }, { 120, 94, 40 }, { 110, 110, 110 },
}
local INK, GREY = { 40, 40, 45 }, { 120, 120, 125 }
local PALE, WHITE = { 232, 232, 235 }, { 255, 255, 255 }

-- ---- PNG (ISO/IEC 15948; deflate is RFC 1951, zlib RFC 1950) ----

local crc_table = {}
for byte = 0, 255 do
  local crc = byte
  for _ = 1, 8 do
    crc = (crc >> 1) ~ (crc & 1) * 0xEDB88320
  end
  crc_table[byte] = crc
end

local function crc32(text)
  local crc = 0xFFFFFFFF
  for position = 1, #text do
    crc = (crc >> 8) ~ crc_table[(crc ~ text:byte(position)) & 0xFF]
  end
  return crc ~ 0xFFFFFFFF
end

local function chunk(kind, body)
  return string.pack(">I4", #body) .. kind .. body .. string.pack(">I4", crc32(kind .. body))
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
local Canvas = {}
Canvas.__index = Canvas
Canvas.__name = "neap.plot.canvas"

function Canvas:__tostring()
  return ("canvas %d x %d"):format(self.width, self.height)
end

--- A new canvas.
-- @function plot.canvas
-- @tparam integer width in pixels
-- @tparam integer height
-- @tparam[opt] table color of the background; white if absent
-- @treturn Canvas
function plot.canvas(width, height, color)
  color = color or WHITE
  local self = setmetatable({ width = width, height = height }, Canvas)
  local r, g, b = color[1], color[2], color[3]
  for position = 1, 3 * width * height, 3 do
    self[position], self[position + 1], self[position + 2] = r, g, b
  end
  return self
end

--- Mixes a colour into one pixel.
-- @tparam integer x
-- @tparam integer y outside of the canvas nothing is done
-- @tparam table color
-- @tparam[opt=1] number alpha how much of it, from 0 to 1
function Canvas:blend(x, y, color, alpha)
  if x < 0 or y < 0 or x >= self.width or y >= self.height then
    return
  end
  alpha = alpha or 1
  local position = 3 * (y * self.width + x) + 1
  for part = 1, 3 do
    local old = self[position]
    self[position] = floor(old + (color[part] - old) * alpha + 0.5)
    position = position + 1
  end
end

--- Fills a rectangle whose corners lie between pixels.
-- @tparam number x
-- @tparam number y
-- @tparam number width
-- @tparam number height
-- @tparam table color
-- @tparam[opt=1] number alpha
function Canvas:rectangle(x, y, width, height, color, alpha)
  local left, top = floor(x + 0.5), floor(y + 0.5)
  for row = top, floor(y + height + 0.5) - 1 do
    for column = left, floor(x + width + 0.5) - 1 do
      self:blend(column, row, color, alpha)
    end
  end
end

-- Draws segments {x1, y1, x2, y2} with a round pen. The coverage of a pixel is the largest that
-- any segment gives it, so that joints are not darker than lines.
local function stroke(canvas, segments, width, color, alpha)
  local reach = width / 2 + 0.5
  local coverage = {}
  for _, s in ipairs(segments) do
    local x1, y1, x2, y2 = s[1], s[2], s[3], s[4]
    local dx, dy = x2 - x1, y2 - y1
    local squared = dx * dx + dy * dy
    local lowest = max(0, floor(min(y1, y2) - reach))
    for y = lowest, min(canvas.height - 1, floor(max(y1, y2) + reach)) do
      -- Of this row only what is near the part of the segment that is near the row.
      local from, to = x1, x2
      if dy ~= 0 then
        local t1 = max(0, min(1, (y + 0.5 - reach - y1) / dy))
        local t2 = max(0, min(1, (y + 0.5 + reach - y1) / dy))
        from, to = x1 + t1 * dx, x1 + t2 * dx
      end
      local leftmost = max(0, floor(min(from, to) - reach))
      for x = leftmost, min(canvas.width - 1, floor(max(from, to) + reach)) do
        local px, py = x + 0.5 - x1, y + 0.5 - y1
        local t = squared > 0 and max(0, min(1, (px * dx + py * dy) / squared)) or 0
        local ex, ey = px - t * dx, py - t * dy
        local cover = min(1, reach - sqrt(ex * ex + ey * ey))
        local key = y * canvas.width + x
        if cover > (coverage[key] or 0) then
          coverage[key] = cover
        end
      end
    end
  end
  for key, cover in pairs(coverage) do
    canvas:blend(key % canvas.width, key // canvas.width, color, cover * (alpha or 1))
  end
end

--- A line through points.
-- @tparam table points a sequence of `{x, y}`
-- @tparam table color
-- @tparam[opt=1] number width of the pen
-- @tparam[opt=1] number alpha
function Canvas:polyline(points, color, width, alpha)
  local segments = {}
  for index = 2, #points do
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
function Canvas:disc(x, y, radius, color, alpha)
  stroke(self, { { x, y, x, y } }, 2 * radius, color, alpha)
end

--- The width of a text, in pixels.
-- @function plot.text_width
-- @tparam string text
-- @tparam number size of a pixel of the font, which is 7 high
-- @treturn number
function plot.text_width(text, size)
  local width = 0
  for position = 1, #text do
    width = width + (glyphs[text:byte(position)] or glyphs[63]).width + 1.6
  end
  return max(0, width - 1.6) * size
end

--- Writes text of printable ASCII; anything else shows as `?`.
-- @tparam number x
-- @tparam number y where the text's middle is, from its base line to the top of its capitals
-- @tparam string text
-- @tparam[opt] table options `size` of a pixel of the font (1.6), `color`, `align` (`"left"`,
-- `"center"`, `"right"`: where x is), `upward=true` for text that reads from below, `bold=true`
function Canvas:text(x, y, text, options)
  options = options or {}
  local size = options.size or 1.6
  local share = options.align == "center" and 0.5 or options.align == "right" and 1 or 0
  local along = -share * plot.text_width(text, size)
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
  stroke(self, segments, (options.bold and 1.05 or 0.75) * size, options.color or INK)
end

--- The picture as the bytes of a PNG file (8 bits, RGB).
-- @treturn string
function Canvas:png()
  local rows, before = {}, nil
  local size = 3 * self.width
  local same = "\2" .. ("\0"):rep(size)
  for y = 0, self.height - 1 do
    local first = y * size
    local row = string.char(table.unpack(self, first + 1, first + size))
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
function Canvas:save(path)
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

-- ---- Figures ----

-- A table of plain numbers from a table or a tensor of rank 1; `level` is whom to blame, as for
-- `error` in the caller.
local function numbers(values, what, level)
  local out = {}
  for index = 1, #values do
    local value = values[index]
    if type(value) ~= "number" then
      error(("%s[%d]: a number expected, got %s"):format(what, index, type(value)), level + 1)
    end
    out[index] = value
  end
  return out
end

local function mix(color, other, share)
  local out = {}
  for part = 1, 3 do
    out[part] = color[part] + (other[part] - color[part]) * share
  end
  return out
end

-- The round numbers (1, 2 or 5 times a power of ten) within low..high, about `count` of them.
local function ticks(low, high, count)
  local rough = (high - low) / count
  local power = 10.0 ^ floor(math.log(rough, 10))
  local step = power
  for _, factor in ipairs { 1, 2, 5, 10 } do
    step = factor * power
    if step >= rough then
      break
    end
  end
  local out = {}
  for index = math.ceil(low / step - 1e-9), floor(high / step + 1e-9) do
    -- %g has the locale's decimal point; a picture has always the same.
    out[#out + 1] = { index * step, (("%.6g"):format(index * step):gsub(",", ".")) }
  end
  return out
end

--- A pair of axes that lines, points and regions are drawn in.
-- @type Figure
local Figure = {}
Figure.__index = Figure
Figure.__name = "neap.plot.figure"

function Figure:__tostring()
  return ("figure %q: %d drawings"):format(self.options.title or "", #self.drawings)
end

--- A new figure.
-- @function plot.figure
-- @tparam[opt] table options `title`, `xlabel`, `ylabel`; `width` and `height` in pixels (720 by
-- 480); `xlimits`, `ylimits`: `{low, high}`, where absent what the data need; `equal=true`: one
-- unit is as long on both axes
-- @treturn Figure
function plot.figure(options)
  return setmetatable({ options = options or {}, drawings = {} }, Figure)
end

local function add(figure, kind, xs, ys, options)
  xs, ys = numbers(xs, "xs", 3), numbers(ys, "ys", 3)
  if #xs ~= #ys then
    error(("%d xs but %d ys"):format(#xs, #ys), 3)
  end
  options = options or {}
  local used = 0
  for _, drawing in ipairs(figure.drawings) do
    used = used + (drawing.automatic and 1 or 0)
  end
  figure.drawings[#figure.drawings + 1] = {
    kind = kind, xs = xs, ys = ys, options = options, automatic = not options.color,
    color = options.color or plot.colors[used % #plot.colors + 1],
  }
end

--- A line through the points (xs[i], ys[i]); it is broken where a number is not finite.
-- @tparam table xs
-- @tparam table ys
-- @tparam[opt] table options `color`, `width` (2), `label` for the legend, `dashed=true`
-- @treturn Figure the figure
function Figure:line(xs, ys, options)
  add(self, "line", xs, ys, options)
  return self
end

--- The points (xs[i], ys[i]).
-- @tparam table xs
-- @tparam table ys
-- @tparam[opt] table options `color`, `radius` (4), `label` for the legend
-- @treturn Figure the figure
function Figure:points(xs, ys, options)
  add(self, "points", xs, ys, options)
  return self
end

--- The regions of a classifier, in pale colours, with lines where it decides otherwise.
-- @tparam function classify gets a sequence of n points `{x, y}` and returns for each a sequence
-- of k weights (a table, or a tensor of shape (n, k)): probabilities, for one
-- @tparam[opt] table options `colors` (k of them), `resolution`: pixels from one point to the
-- next (6)
-- @treturn Figure the figure
function Figure:regions(classify, options)
  self.field = { classify = classify, options = options or {} }
  return self
end

local function finite(x)
  return x == x and abs(x) ~= math.huge
end

-- The limits of an axis: what is asked for, else what the data need and a margin.
local function limits(figure, axis)
  local asked = figure.options[axis .. "limits"]
  if asked then
    return asked[1], asked[2]
  end
  local low, high = math.huge, -math.huge
  for _, drawing in ipairs(figure.drawings) do
    for _, value in ipairs(drawing[axis .. "s"]) do
      if finite(value) then
        low, high = min(low, value), max(high, value)
      end
    end
  end
  if low > high then
    return 0.0, 1.0
  elseif low == high then
    return low - 0.5, high + 0.5
  end
  local margin = (high - low) * 0.05
  return low - margin, high + margin
end

-- Where the corner values of a cell change sign: segments in the cell's own coordinates, 0 to 1.
-- Corners in the order (0,0) (1,0) (1,1) (0,1); a saddle gets two segments, either pair will do.
local function crossings(a, b, c, d)
  local points = {}
  local function edge(p, q, x1, y1, x2, y2)
    if (p < 0) ~= (q < 0) then
      local t = p / (p - q)
      points[#points + 1] = { x1 + t * (x2 - x1), y1 + t * (y2 - y1) }
    end
  end
  edge(a, b, 0, 0, 1, 0)
  edge(b, c, 1, 0, 1, 1)
  edge(c, d, 1, 1, 0, 1)
  edge(d, a, 0, 1, 0, 0)
  return points
end

-- Asks the classifier at the corners of a grid and paints between them.
local function draw_regions(canvas, field, frame)
  local step = field.options.resolution or 6
  local columns = max(1, floor(frame.width / step + 0.5))
  local rows = max(1, floor(frame.height / step + 0.5))
  local points = {}
  for j = 0, rows do
    for i = 0, columns do
      points[#points + 1] = { frame.to_x(i / columns), frame.to_y(j / rows) }
    end
  end
  local answers = field.classify(points)
  local weights = {}
  for index = 1, #points do
    weights[index] = numbers(answers[index], "weights", 2)
  end
  local classes = #weights[1]
  local colors = {}
  for class = 1, classes do
    colors[class] = mix((field.options.colors or plot.colors)[class], WHITE, 0.72)
  end

  for y = 0, frame.height - 1 do
    local v = (y + 0.5) / frame.height * rows
    local j = min(rows - 1, floor(v))
    v = v - j
    for x = 0, frame.width - 1 do
      local u = (x + 0.5) / frame.width * columns
      local i = min(columns - 1, floor(u))
      u = u - i
      local corner = j * (columns + 1) + i + 1
      local a, b = weights[corner], weights[corner + 1]
      local d, c = weights[corner + columns + 1], weights[corner + columns + 2]
      local red, green, blue, total = 0, 0, 0, 0
      for class = 1, classes do
        local w = max(0, (a[class] * (1 - u) + b[class] * u) * (1 - v)
          + (d[class] * (1 - u) + c[class] * u) * v)
        local color = colors[class]
        red, green, blue = red + w * color[1], green + w * color[2], blue + w * color[3]
        total = total + w
      end
      if total > 0 then
        canvas:blend(frame.left + x, frame.top + y, { red / total, green / total, blue / total })
      end
    end
  end

  -- One class against the best of the others: where they are equal, a line. Of two classes, the
  -- line of the second is that of the first.
  local lead = {}
  local segments = {}
  for class = 1, classes == 2 and 1 or classes do
    for index, w in ipairs(weights) do
      local other = -math.huge
      for k = 1, classes do
        other = k ~= class and max(other, w[k]) or other
      end
      lead[index] = w[class] - other
    end
    for j = 0, rows - 1 do
      for i = 0, columns - 1 do
        local corner = j * (columns + 1) + i + 1
        local found = crossings(lead[corner], lead[corner + 1], lead[corner + columns + 2],
          lead[corner + columns + 1])
        for index = 1, #found - 1, 2 do
          local p, q = found[index], found[index + 1]
          segments[#segments + 1] = {
            frame.left + (i + p[1]) / columns * frame.width,
            frame.top + (j + p[2]) / rows * frame.height,
            frame.left + (i + q[1]) / columns * frame.width,
            frame.top + (j + q[2]) / rows * frame.height,
          }
        end
      end
    end
  end
  stroke(canvas, segments, 1.8, INK)
end

local function draw_line(canvas, drawing, place)
  local segments, travelled = {}, 0
  local px, py
  for index, x in ipairs(drawing.xs) do
    local y = drawing.ys[index]
    if finite(x) and finite(y) then
      x, y = place(x, y)
      if px then
        local length = sqrt((x - px) ^ 2 + (y - py) ^ 2)
        if not drawing.options.dashed then
          segments[#segments + 1] = { px, py, x, y }
        else -- nine pixels of ink, six without
          local from = travelled - travelled % 15
          while from < travelled + length do
            local a, b = max(from, travelled), min(from + 9, travelled + length)
            if a < b then
              local s, t = (a - travelled) / length, (b - travelled) / length
              segments[#segments + 1] =
                { px + s * (x - px), py + s * (y - py), px + t * (x - px), py + t * (y - py) }
            end
            from = from + 15
          end
        end
        travelled = travelled + length
      end
      px, py = x, y
    else
      px, py = nil, nil
    end
  end
  stroke(canvas, segments, drawing.options.width or 2, drawing.color)
end

local function draw_point(canvas, drawing, x, y)
  local radius = drawing.options.radius or 4
  canvas:disc(x, y, radius + 1, WHITE)
  canvas:disc(x, y, radius, drawing.color)
end

local function draw_legend(canvas, figure, frame)
  local labelled, width = {}, 0
  for _, drawing in ipairs(figure.drawings) do
    if drawing.options.label then
      labelled[#labelled + 1] = drawing
      width = max(width, plot.text_width(drawing.options.label, 1.6))
    end
  end
  if #labelled == 0 then
    return
  end
  local left, top = frame.left + frame.width - width - 60, frame.top + 12
  canvas:rectangle(left, top, width + 48, 22 * #labelled + 8, PALE)
  canvas:rectangle(left + 1, top + 1, width + 46, 22 * #labelled + 6, WHITE)
  for index, drawing in ipairs(labelled) do
    local y = top + 22 * index - 7
    if drawing.kind == "line" then
      draw_line(canvas, { xs = { 0, 1 }, ys = { 0, 0 }, options = drawing.options,
        color = drawing.color }, function(t) return left + 8 + 22 * t, y end)
    else
      draw_point(canvas, drawing, left + 19, y)
    end
    canvas:text(left + 38, y, drawing.options.label)
  end
end

-- Runs `draw`, then puts back what it drew outside of the frame.
local function clipped(canvas, frame, draw)
  local before = table.move(canvas, 1, 3 * canvas.width * canvas.height, 1, {})
  draw()
  for y = 0, canvas.height - 1 do
    local first, size = 3 * y * canvas.width, 3 * canvas.width
    if y < frame.top or y >= frame.top + frame.height then
      table.move(before, first + 1, first + size, first + 1, canvas)
    else
      local right = 3 * (frame.left + frame.width)
      table.move(before, first + 1, first + 3 * frame.left, first + 1, canvas)
      table.move(before, first + right + 1, first + size, first + right + 1, canvas)
    end
  end
end

--- Draws the figure.
-- @treturn Canvas
function Figure:draw()
  local options = self.options
  local canvas = plot.canvas(options.width or 720, options.height or 480)
  local x1, x2 = limits(self, "x")
  local y1, y2 = limits(self, "y")
  local yticks = ticks(y1, y2, max(2, canvas.height // 70))
  local label_width = 0
  for _, tick in ipairs(yticks) do
    label_width = max(label_width, plot.text_width(tick[2], 1.6))
  end
  local left = floor(label_width) + (options.ylabel and 50 or 26)
  local top = options.title and 50 or 20
  local frame = {
    left = left, top = top, width = canvas.width - left - 24,
    height = canvas.height - top - (options.xlabel and 62 or 40),
  }
  if options.equal then
    -- The axis with too much room shows more.
    local unit = max((x2 - x1) / frame.width, (y2 - y1) / frame.height)
    local dx, dy = unit * frame.width - (x2 - x1), unit * frame.height - (y2 - y1)
    x1, x2, y1, y2 = x1 - dx / 2, x2 + dx / 2, y1 - dy / 2, y2 + dy / 2
    yticks = ticks(y1, y2, max(2, canvas.height // 70))
  end
  function frame.to_x(share) return x1 + share * (x2 - x1) end
  function frame.to_y(share) return y2 - share * (y2 - y1) end
  local function place(x, y)
    return frame.left + (x - x1) / (x2 - x1) * frame.width,
      frame.top + (y2 - y) / (y2 - y1) * frame.height
  end
  local bottom, right = frame.top + frame.height, frame.left + frame.width

  clipped(canvas, frame, function()
    if self.field then
      draw_regions(canvas, self.field, frame)
    end
    for _, tick in ipairs(ticks(x1, x2, max(2, canvas.width // 100))) do
      canvas:rectangle(floor(place(tick[1], y1)), frame.top, 1, frame.height, GREY, 0.16)
    end
    for _, tick in ipairs(yticks) do
      local _, y = place(x1, tick[1])
      canvas:rectangle(frame.left, floor(y), frame.width, 1, GREY, 0.16)
    end
    for _, drawing in ipairs(self.drawings) do
      if drawing.kind == "line" then
        draw_line(canvas, drawing, place)
      else
        for index, x in ipairs(drawing.xs) do
          local y = drawing.ys[index]
          if finite(x) and finite(y) then
            draw_point(canvas, drawing, place(x, y))
          end
        end
      end
    end
  end)

  canvas:rectangle(frame.left - 1, frame.top, 1, frame.height + 1, GREY)
  canvas:rectangle(frame.left - 1, bottom, frame.width + 1, 1, GREY)
  for _, tick in ipairs(ticks(x1, x2, max(2, canvas.width // 100))) do
    local x = place(tick[1], y1)
    canvas:rectangle(floor(x), bottom, 1, 5, GREY)
    canvas:text(x, bottom + 17, tick[2], { align = "center", color = GREY })
  end
  for _, tick in ipairs(yticks) do
    local _, y = place(x1, tick[1])
    canvas:rectangle(frame.left - 5, floor(y), 5, 1, GREY)
    canvas:text(frame.left - 10, y + 0.5, tick[2], { align = "right", color = GREY })
  end
  local middle = (frame.left + right) / 2
  if options.title then
    canvas:text(middle, 26, options.title, { size = 2.1, align = "center", bold = true })
  end
  if options.xlabel then
    canvas:text(middle, canvas.height - 20, options.xlabel, { align = "center" })
  end
  if options.ylabel then
    canvas:text(20, (frame.top + bottom) / 2, options.ylabel, { align = "center", upward = true })
  end
  draw_legend(canvas, self, frame)
  return canvas
end

--- Draws the figure into a PNG file.
-- @tparam string path
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string what went wrong
function Figure:save(path)
  return self:draw():save(path)
end

--- Images side by side, in grey: the least value of each image is white, the greatest black.
-- @function plot.images
-- @tparam table images a sequence of matrices, as tables or tensors, or a tensor of shape
-- (n, height, width)
-- @tparam[opt] table options `captions` (a string below each image), `columns` (as many as make
-- the picture about square), `scale`: pixels for one of an image (8), `title`
-- @treturn Canvas
function plot.images(images, options)
  options = options or {}
  local count, scale = #images, options.scale or 8
  if count == 0 then
    error("no images to draw", 2)
  end
  local height, width = #images[1], #images[1][1]
  local columns = min(count, options.columns or math.ceil(sqrt(count)))
  local caption = 0
  for _, text in ipairs(options.captions or {}) do
    caption = max(caption, plot.text_width(text, 1.6))
  end
  local cell_width = floor(max(width * scale, caption)) + 22
  local cell_height = height * scale + (options.captions and 40 or 16)
  local top = options.title and 52 or 12
  local needed = options.title and floor(plot.text_width(options.title, 2.1)) + 40 or 0
  local canvas = plot.canvas(max(columns * cell_width + 22, needed),
    top + (count + columns - 1) // columns * cell_height)
  if options.title then
    canvas:text(canvas.width / 2, 26, options.title, { size = 2.1, align = "center", bold = true })
  end
  local indent = (canvas.width - columns * cell_width) / 2

  for index = 1, count do
    local image = images[index]
    local rows, low, high = {}, math.huge, -math.huge
    for y = 1, height do
      rows[y] = numbers(image[y], "image", 2)
      for _, value in ipairs(rows[y]) do
        low, high = min(low, value), max(high, value)
      end
    end
    local left = floor(indent + ((index - 1) % columns + 0.5) * cell_width - width * scale / 2)
    local above = top + (index - 1) // columns * cell_height
    canvas:rectangle(left - 1, above - 1, width * scale + 2, height * scale + 2, PALE)
    for y = 1, height do
      for x = 1, width do
        local share = high > low and (rows[y][x] - low) / (high - low) or 0
        canvas:rectangle(left + (x - 1) * scale, above + (y - 1) * scale, scale, scale,
          mix(WHITE, INK, share))
      end
    end
    local text = options.captions and options.captions[index]
    if text then
      canvas:text(left + width * scale / 2, above + height * scale + 16, text,
        { align = "center" })
    end
  end
  return canvas
end

return plot
