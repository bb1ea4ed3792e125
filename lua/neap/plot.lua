--- Pictures, with nothing but Lua: figures with lines, points and decision regions, and grids
-- of images, as PNG files.
--
--     local figure = neap.plot.figure{title = "Loss", xlabel = "epoch", ylabel = "loss"}
--     figure:line(epochs, losses, {label = "training"})
--     figure:save("loss.png")
--
-- Coordinates are numbers; sequences of them are Lua tables or tensors of rank 1. A colour is
-- `{red, green, blue}` of 0 to 255. What is misused raises an error; a file that cannot be
-- written gives `nil, message`. What is drawn is a `Canvas`, of `neap.canvas`.
-- @module neap.plot

local core = ...
local raster = core.neap.canvas

local plot = {}

local floor, max, min, abs, sqrt = math.floor, math.max, math.min, math.abs, math.sqrt

--- Colours that are told apart, also by most of the colour-blind (Okabe and Ito, 2008).
plot.colors = {
  { 0, 114, 178 }, { 213, 94, 0 }, { 0, 158, 115 }, { 204, 121, 167 },
  { 230, 159, 0 }, { 86, 180, 233 }, { 120, 94, 40 }, { 110, 110, 110 },
}
local INK, GREY = raster.INK, { 120, 120, 125 }
local PALE, WHITE = { 232, 232, 235 }, raster.WHITE

--- A new canvas: `neap.canvas.new`.
-- @function plot.canvas
-- @tparam integer width in pixels
-- @tparam integer height
-- @tparam[opt] table color of the background; white if absent
-- @treturn Canvas
plot.canvas = raster.new

--- The width of a text, in pixels: `neap.canvas.text_width`.
-- @function plot.text_width
-- @tparam string text
-- @tparam number size of a pixel of the font, which is 7 high
-- @treturn number
plot.text_width = raster.text_width

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
  canvas:stroke(segments, 1.8, INK)
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
  canvas:stroke(segments, drawing.options.width or 2, drawing.color)
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
