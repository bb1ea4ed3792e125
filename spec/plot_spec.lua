--- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"
local plot = neap.plot

-- Reads back what `Canvas:png` writes, without any of its code: chunks, checksums, and deflate
-- with fixed codes as RFC 1951 describes it.
local function crc32(text)
  local crc = 0xFFFFFFFF
  for position = 1, #text do
    crc = crc ~ text:byte(position)
    for _ = 1, 8 do
      crc = crc & 1 == 1 and crc >> 1 ~ 0xEDB88320 or crc >> 1
    end
  end
  return crc ~ 0xFFFFFFFF
end

local function inflate(stream)
  local position = 0 -- in bits
  local function bits(count)
    local value = 0
    for bit = 0, count - 1 do
      value = value | (stream:byte(position // 8 + 1) >> position % 8 & 1) << bit
      position = position + 1
    end
    return value
  end
  local function code(count)
    local value = 0
    for _ = 1, count do
      value = value << 1 | bits(1)
    end
    return value
  end
  local function symbol()
    local value = code(7)
    if value <= 23 then
      return 256 + value
    end
    value = value << 1 | code(1)
    if value <= 191 then
      return value - 48
    elseif value <= 199 then
      return 280 + value - 192
    end
    return 144 + (value << 1 | code(1)) - 400
  end
  assert.equal(1, bits(1), "last block")
  assert.equal(1, bits(2), "fixed codes")
  local out = {}
  while true do
    local s = symbol()
    if s < 256 then
      out[#out + 1] = s
    elseif s == 256 then
      break
    else
      local extra = (s < 265 or s == 285) and 0 or (s - 261) // 4
      local base = s == 285 and 258 or s < 265 and s - 254
        or 3 + (4 + (s - 265) % 4 << extra)
      local length = base + bits(extra)
      assert.equal(0, code(5), "distance 1")
      for _ = 1, length do
        out[#out + 1] = out[#out]
      end
    end
  end
  return out, (position + 7) // 8
end

local function decode(png)
  assert.equal("\x89PNG\r\n\x1a\n", png:sub(1, 8))
  local chunks, position = {}, 9
  while position <= #png do
    local length, kind = string.unpack(">I4c4", png, position)
    local body = png:sub(position + 8, position + 7 + length)
    assert.equal(crc32(kind .. body), (string.unpack(">I4", png, position + 8 + length)))
    chunks[#chunks + 1], chunks[kind] = kind, body
    position = position + 12 + length
  end
  assert.same({ "IHDR", "IDAT", "IEND" }, { table.unpack(chunks) })
  local width, height, depth, color = string.unpack(">I4I4BB", chunks.IHDR)
  assert.same({ 8, 2 }, { depth, color })
  assert.equal(0x7801, (string.unpack(">I2", chunks.IDAT)))
  local raw, used = inflate(chunks.IDAT:sub(3))
  local a, b = 1, 0
  for _, byte in ipairs(raw) do
    a = (a + byte) % 65521
    b = (b + a) % 65521
  end
  assert.equal(b << 16 | a, (string.unpack(">I4", chunks.IDAT, 3 + used)))
  assert.equal(2 + used + 4, #chunks.IDAT)
  local rows = {}
  for y = 1, height do
    local first = (y - 1) * (3 * width + 1)
    local filter, row = raw[first + 1], {}
    for k = 1, 3 * width do
      local above = filter == 2 and rows[y - 1][k] or 0
      row[k] = (raw[first + 1 + k] + above) % 256
    end
    rows[y] = row
  end
  assert.equal(height * (3 * width + 1), #raw)
  return rows, width, height
end

local function pixel(canvas, x, y)
  local first = 3 * (y * canvas.width + x)
  return { canvas[first + 1], canvas[first + 2], canvas[first + 3] }
end

describe("neap.plot", function()
  it("writes PNG that another decoder reads back", function()
    local canvas = plot.canvas(67, 23)
    local state = 1
    for y = 0, 9 do -- noise, which does not compress, beside paper, which does
      for x = 0, 30 do
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        canvas:blend(x, y, { state >> 8 & 255, state >> 16 & 255, state >> 4 & 255 })
      end
    end
    local rows, width, height = decode(canvas:png())
    assert.same({ 67, 23 }, { width, height })
    for y = 0, height - 1 do
      for x = 0, width - 1 do
        assert.same(pixel(canvas, x, y), table.move(rows[y + 1], 3 * x + 1, 3 * x + 3, 1, {}))
      end
    end
  end)

  it("writes runs of every length", function()
    for width = 1, 300 do
      local canvas = plot.canvas(width, 1, { 7, 7, 7 })
      local rows = decode(canvas:png())
      assert.equal(3 * width, #rows[1])
      assert.equal(7, rows[1][3 * width])
    end
  end)

  it("covers a pixel by the share of it that a line covers", function()
    local canvas = plot.canvas(9, 9)
    canvas:polyline({ { 0, 4.5 }, { 9, 4.5 } }, { 0, 0, 0 }, 2)
    assert.same({ 0, 0, 0 }, pixel(canvas, 4, 4))
    assert.same({ 128, 128, 128 }, pixel(canvas, 4, 3))
    assert.same({ 255, 255, 255 }, pixel(canvas, 4, 2))
  end)

  it("clips what lies outside", function()
    local canvas = plot.canvas(5, 5)
    canvas:disc(-3, 2, 1, { 0, 0, 0 })
    canvas:polyline({ { -100, -50 }, { -1, 1e4 } }, { 0, 0, 0 }, 1)
    canvas:rectangle(-5, -5, 3, 30, { 0, 0, 0 })
    for y = 0, 4 do
      assert.same({ 255, 255, 255 }, pixel(canvas, 0, y))
    end
    canvas:disc(2.5, 2.5, 1, { 10, 20, 30 })
    assert.same({ 10, 20, 30 }, pixel(canvas, 2, 2))
  end)

  it("measures text by what it draws", function()
    assert.equal(0, plot.text_width("", 2))
    local canvas = plot.canvas(60, 20)
    canvas:text(30, 10, "Hi", { size = 2, align = "center" })
    local left, right = 60, 0
    for x = 0, 59 do
      for y = 0, 19 do
        if pixel(canvas, x, y)[1] < 128 then
          left, right = math.min(left, x), math.max(right, x)
        end
      end
    end
    assert.near(plot.text_width("Hi", 2), right - left + 1, 2)
    assert.near(30, (left + right + 1) / 2, 1)
  end)

  it("draws every printable character, and ? for the others", function()
    for code = 33, 126 do
      local canvas = plot.canvas(16, 20)
      canvas:text(3, 10, string.char(code), { size = 2 })
      local ink = false
      for position = 1, #canvas do
        ink = ink or canvas[position] < 128
      end
      assert.is_true(ink, string.char(code))
    end
    assert.equal(plot.text_width("?", 1), plot.text_width("\n", 1))
  end)

  it("puts points where the axes say", function()
    local figure = plot.figure { width = 200, height = 150, xlimits = { 0, 1 }, ylimits = { 0, 1 } }
    figure:points({ 0.5 }, { 0.5 }, { color = { 1, 2, 3 }, radius = 6 })
    local canvas, found = figure:draw(), {}
    for y = 0, 149 do
      for x = 0, 199 do
        if pixel(canvas, x, y)[3] == 3 then
          found[#found + 1] = { x, y }
        end
      end
    end
    assert.is_true(#found > 80 and #found < 130, "an area of 36 pi, but for its edge")
  end)

  it("leaves out what is not finite, and takes constant and empty data", function()
    plot.figure():line({ 1, 2, 3, 4 }, { 1, 0 / 0, math.huge, 2 }):draw()
    plot.figure():line({ 1, 2 }, { 5, 5 }):draw()
    plot.figure():draw()
  end)

  it("colours each region by the weights of its class", function()
    local figure = plot.figure {
      width = 200, height = 150, xlimits = { -1, 1 }, ylimits = { -1, 1 },
    }
    figure:regions(function(points)
      local out = {}
      for index, point in ipairs(points) do
        out[index] = point[1] < 0 and { 1, 0 } or { 0, 1 }
      end
      return out
    end, { colors = { { 255, 0, 0 }, { 0, 0, 255 } } })
    local canvas = figure:draw()
    local left, right = pixel(canvas, 60, 60), pixel(canvas, 160, 60)
    assert.is_true(left[1] > left[3] and right[3] > right[1])
  end)

  it("lays images side by side", function()
    local image = { { 0, 1 }, { 2, 4 } }
    local one = plot.images({ image }, { scale = 4 })
    local four = plot.images({ image, image, image, image }, { scale = 4, captions = { "a", "b" } })
    assert.is_true(four.width > one.width and four.height > one.height)
    helper.fails("images: no images to draw", function() return (plot.images {}) end)
  end)

  it("refuses what it cannot draw, at once and where the caller stands", function()
    local t, figure = neap.tensor { 1, 2 }, plot.figure()
    local FIGURE = "equal, height, title, width, xlabel, xlimits, ylabel, ylimits"
    local calls = {
      ["figure: a table of options expected, got 3"] = function() return (plot.figure(3)) end,
      ["figure: argument 'title': a string expected, got 3"] =
        function() return (plot.figure { title = 3 }) end,
      ["figure: argument 'width': an integer from 1 to 32767 expected, got -3"] =
        function() return (plot.figure { width = -3 }) end,
      ["figure: argument 'height': an integer from 1 to 32767 expected, got \"high\""] =
        function() return (plot.figure { height = "high" }) end,
      ["figure: argument 'xlimits': {low, high}, two numbers, the first the lesser, expected, "
        .. "got table"] = function() return (plot.figure { xlimits = { 2, 1 } }) end,
      ["figure: unknown argument 'titel', known are: " .. FIGURE] =
        function() return (plot.figure { titel = "loss" }) end,
      ["figure.line: 2 xs but 1 ys"] = function() return (figure:line({ 1, 2 }, { 1 })) end,
      ["figure.line: xs: a sequence of numbers expected, got nil"] =
        function() return (figure:line()) end,
      ["figure.line: ys: a sequence of numbers expected, got nil"] =
        function() return (figure:line { 1, 2 }) end,
      ["figure.line: ys: a sequence of numbers expected, got a tensor of rank 2"] =
        function() return (figure:line(t, neap.tensor { { 1, 2 } })) end,
      ["figure.line: xs: [2] is nil: a hole in a sequence of 3"] =
        function() return (figure:line({ 1, nil, 3 }, { 1, 2, 3 })) end,
      ["figure.points: xs[1]: a number expected, got \"1\""] =
        function() return (figure:points({ "1" }, { 1 })) end,
      ["figure.line: call it with ':' on a figure, got table"] =
        function() return (figure.line({ 1, 2 }, { 1, 2 })) end,
      ["figure.line: argument 'color': a colour, {red, green, blue} of 0 to 255 expected, "
        .. 'got "red"'] = function() return (figure:line(t, t, { color = "red" })) end,
      ["figure.line: unknown argument 'radius', known are: color, dashed, label, width"] =
        function() return (figure:line(t, t, { radius = 3 })) end,
      ["figure.points: unknown argument 'size', known are: color, label, radius"] =
        function() return (figure:points(t, t, { size = 9 })) end,
      ["figure.regions: argument 'classify': a function expected, got nil"] =
        function() return (figure:regions()) end,
      ["figure.regions: unknown argument 'colours', known are: colors, resolution"] =
        function() return (figure:regions(print, { colours = {} })) end,
      ["figure.regions: argument 'resolution': a number of pixels, 1 or more, expected, got 0.5"] =
        function() return (figure:regions(print, { resolution = 0.5 })) end,
      ["no field 'lines' in figure: did you mean 'line'?"] =
        function() return (figure:lines(t, t)) end,
      ["images: a sequence of matrices or a tensor of rank 3 expected, got nil"] =
        function() return (plot.images()) end,
      ["images: a sequence of matrices or a tensor of rank 3 expected, got one of rank 1"] =
        function() return (plot.images(t)) end,
      ["images: [1]: a matrix expected, got 1"] = function() return (plot.images { 1, 2 }) end,
      ["images: [1][2] has 1 numbers, but [1] has 2"] =
        function() return (plot.images { { { 1, 2 }, { 3 } } }) end,
      ["images: [2] is 1 x 1, but [1] is 1 x 2"] =
        function() return (plot.images { { { 1, 2 } }, { { 3 } } }) end,
      ["images: argument 'columns': a positive integer expected, got 0"] =
        function() return (plot.images({ { { 1, 2 } } }, { columns = 0 })) end,
      ["images: unknown argument 'caption', known are: captions, columns, scale, title"] =
        function() return (plot.images({ { { 1, 2 } } }, { caption = { "a" } })) end,
      ["images: a picture of 100044 x 50028 pixels, 32767 x 32767 is the most"] =
        function() return (plot.images({ { { 1, 2 } } }, { scale = 50000 })) end,
      ["canvas: argument 'width': an integer from 1 to 32767 expected, got 0"] =
        function() return (neap.canvas.new(0, 1)) end,
      ["canvas.text: argument 'text': a string expected, got 42"] =
        function() return (neap.canvas.new(1, 1):text(0, 0, 42)) end,
      ["canvas.text: argument 'align': \"left\" or \"center\" or \"right\" expected, "
        .. 'got "middle"'] =
        function() return (neap.canvas.new(1, 1):text(0, 0, "a", { align = "middle" })) end,
      ["canvas.disc: argument 'radius': a finite number expected, got nil"] =
        function() return (neap.canvas.new(1, 1):disc(1, 2)) end,
      ["canvas.blend: argument 'alpha': a number from 0 to 1 expected, got 2"] =
        function() return (neap.canvas.new(1, 1):blend(0, 0, { 1, 2, 3 }, 2)) end,
      ["canvas.polyline: argument 'points[2]': {x, y} expected, got 3"] =
        function() return (neap.canvas.new(1, 1):polyline({ { 1, 2 }, 3 }, { 1, 2, 3 })) end,
      ["no field 'circle' in canvas"] = function() return (neap.canvas.new(1, 1):circle()) end,
    }
    for text, call in pairs(calls) do
      local message = helper.failure(call)
      assert.equal(text, message:sub(1, #text))
      assert.is_true(#message == #text or message:find("^, there are: ", #text + 1) ~= nil, message)
    end
    assert.equal(0, #figure.drawings)
  end)

  it("looks at what a classifier returns", function()
    local function failure(answer)
      return (helper.failure(function()
        return (plot.figure({ width = 90, height = 80 }):regions(answer):draw())
      end))
    end
    assert.equal("figure.regions: what classify returns: a sequence of weights for each point "
      .. "expected, got nil", failure(function() end))
    assert.matches("^figure.regions: what classify returns: 1 sequences of weights for %d+ points$",
      failure(function() return { { 1, 0 } } end))
    local function each(weights)
      return function(points)
        local out = {}
        for index = 1, #points do
          out[index] = weights(index)
        end
        return out
      end
    end
    assert.equal("figure.regions: what classify returns: [3]: 1 weights, but for the first point "
      .. "there are 2", failure(each(function(i) return i == 3 and { 1 } or { 1, 0 } end)))
    assert.equal("figure.regions: what classify returns: [2][1]: a number expected, got \"a\"",
      failure(each(function(i) return i == 2 and { "a", 0 } or { 1, 0 } end)))
    assert.equal("figure.regions: argument 'what classify returns: [1][2]': a finite number "
      .. "expected, got inf", failure(each(function() return { 0, math.huge } end)))
    assert.equal("figure.regions: 9 classes, but 8 colours",
      failure(each(function() return { 1, 2, 3, 4, 5, 6, 7, 8, 9 } end)))
    assert.equal("mine", failure(function() error "mine" end))
  end)

  it("draws numbers of any size, or says that it cannot, and comes to an end", function()
    local spans = {
      { { 0, 5e-324 }, { 0, 1 } }, { { 1, 1 + 2 ^ -52 }, { 1e16, 1e16 + 2 } },
      { { 0, 1e250 }, { -1e250, 2 } }, { { 1, 2, 1e308 }, { 1, 2, 3 }, { 0, 1 } },
      { { -1e200, 1e200, 5 }, { 0, 1, 5 }, { 0, 10 } }, { { 0, 1e9, 1 }, { 0, 1, 0 }, { 0, 1 } },
    }
    for _, span in ipairs(spans) do
      for _, dashed in ipairs { false, true } do
        local figure = plot.figure { width = 120, height = 90, xlimits = span[3], equal = dashed }
        figure:line(span[1], span[2], { dashed = dashed, label = "x" }):points(span[1], span[2])
        assert.equal("canvas 120 x 90", tostring(figure:draw()))
      end
    end
    helper.fails("figure.draw: the xs from -1e+308 to 1e+308 are too far apart to be drawn",
      function() return (plot.figure():line({ -1e308, 1e308 }, { 1, 2 }):draw()) end)
    for side = 1, 60, 11 do
      plot.figure({ width = side, height = side, title = "title", ylabel = "y" })
        :line({ 1, 2 }, { 1, 2 }):draw():png()
    end
  end)

  it("dashes a line by its length, wherever the canvas begins", function()
    local function ink(from, to)
      local limits = { 0, 1 }
      local figure = plot.figure { width = 300, height = 100, xlimits = limits, ylimits = limits }
      figure:line({ from, to }, { 0.5, 0.5 }, { dashed = true, color = { 255, 0, 0 } })
      local canvas = figure:draw()
      local count = 0
      for position = 1, #canvas, 3 do
        count = count + (canvas[position] > 200 and canvas[position + 1] < 100 and 1 or 0)
      end
      return count
    end
    -- Nine pixels of fifteen, two wide, over some 230: the same where the line begins far outside.
    local inside = ink(0, 1)
    assert.is_true(inside > 200 and inside < 350, tostring(inside))
    assert.is_true(math.abs(ink(-1e7, 1e7) - inside) < 40)
  end)

  it("writes only bytes", function()
    local canvas = plot.canvas(2, 1)
    canvas[4] = 256
    helper.fails("canvas.png: [4]: an integer from 0 to 255 expected, got 256", function()
      return (canvas:png())
    end)
    canvas[4] = nil
    helper.fails("canvas.png: [4]: an integer from 0 to 255 expected, got nil", function()
      return (canvas:png())
    end)
  end)

  it("returns nil and a message for a file that cannot be written", function()
    local saved, message = plot.canvas(1, 1):save("/nowhere/at/all.png")
    assert.is_nil(saved)
    assert.matches("/nowhere/at/all.png", message, 1, true)
  end)

  it("says what its objects are", function()
    assert.equal("canvas 3 x 2", tostring(plot.canvas(3, 2)))
    assert.equal('figure "T": 0 drawings', tostring(plot.figure { title = "T" }))
  end)
end)
