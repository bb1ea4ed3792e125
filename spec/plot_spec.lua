local plot = require "neap".plot

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
    assert.has_error(function() plot.images {} end, "no images to draw")
  end)

  it("refuses what it cannot draw, where the caller stands", function()
    local _, message = pcall(function() plot.figure():line({ 1, 2 }, { 1 }) end)
    assert.matches("plot_spec.lua:%d+: 2 xs but 1 ys$", message)
    _, message = pcall(function() plot.figure():points({ "1" }, { 1 }) end)
    assert.matches("plot_spec.lua:%d+: xs%[1%]: a number expected, got string$", message)
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
