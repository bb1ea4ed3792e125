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
local raster, check = core.neap.canvas, core.check
local fail, argument = check.fail, check.argument

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

-- A table of plain numbers from a table or a tensor of rank 1.
local function numbers(values, where, what)
  local kind = core.type(values)
  if kind ~= "table" and (kind ~= "tensor" or values.rank ~= 1) then
    fail("%s: %s: a sequence of numbers expected, got %s", where, what,
      kind == "tensor" and ("a tensor of rank %d"):format(values.rank) or check.shown(values))
  end
  local out = {}
  for index = 1, kind == "tensor" and #values
    or check.sequence(where .. ": " .. what, values, "a sequence of numbers") do
    local value = values[index]
    if type(value) ~= "number" then
      fail("%s: %s[%d]: a number expected, got %s", where, what, index, check.shown(value))
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

-- A colour for each of some classes.
local COLORS =
  check.sequence_of("a sequence of colours, {red, green, blue} of 0 to 255", check.color)
-- An axis spans neither more than can be drawn nor less than its numbers can tell.
local WIDEST, NARROWEST = 1e300, 1e-290
local function narrowest(low, high)
  return max(NARROWEST, max(abs(low), abs(high)) * 1e-12)
end
local LIMITS = check.kind("{low, high}, two numbers, the first the lesser,", function(value)
  if type(value) ~= "table" then
    return false
  end
  local low, high = value[1], value[2]
  return check.number.test(low) and check.number.test(high)
    and high - low >= narrowest(low, high) and high - low <= WIDEST
end)
local SIDE = check.kind("an integer from 1 to 32767", function(value)
  return check.count.test(value) and value <= 32767
end)

--- A pair of axes that lines, points and regions are drawn in.
-- @type Figure
local Figure = check.class("figure", "neap.plot.figure", { "field" })

function Figure:__tostring()
  return ("figure %q: %d drawings"):format(self.options.title or "", #self.drawings)
end

local FIGURE_OPTIONS = {
  title = check.string, xlabel = check.string, ylabel = check.string, width = SIDE, height = SIDE,
  xlimits = LIMITS, ylimits = LIMITS, equal = check.boolean,
}

--- A new figure.
-- @function plot.figure
-- @tparam[opt] table options `title`, `xlabel`, `ylabel`; `width` and `height` in pixels (720 by
-- 480); `xlimits`, `ylimits`: `{low, high}`, where absent what the data need; `equal=true`: one
-- unit is as long on both axes
-- @treturn Figure
function plot.figure(options, ...)
  check.most("figure", 1, ...)
  local own = {}
  for name, value in pairs(check.options("figure", options, FIGURE_OPTIONS)) do
    own[name] = value
  end
  return setmetatable({ options = own, drawings = {} }, Figure)
end

local LINE_OPTIONS = {
  color = check.color, label = check.string, width = check.positive, dashed = check.boolean,
}
local POINTS_OPTIONS = { color = check.color, label = check.string, radius = check.positive }

local function add(figure, kind, known, xs, ys, options, ...)
  check.self(figure, Figure, "figure", kind)
  local where = "figure." .. kind
  check.most(where, 3, ...)
  options = check.options(where, options, known)
  xs, ys = numbers(xs, where, "xs"), numbers(ys, where, "ys")
  if #xs ~= #ys then
    fail("%s: %d xs but %d ys", where, #xs, #ys)
  end
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
function Figure:line(xs, ys, options, ...)
  add(self, "line", LINE_OPTIONS, xs, ys, options, ...)
  return self
end

--- The points (xs[i], ys[i]).
-- @tparam table xs
-- @tparam table ys
-- @tparam[opt] table options `color`, `radius` (4), `label` for the legend
-- @treturn Figure the figure
function Figure:points(xs, ys, options, ...)
  add(self, "points", POINTS_OPTIONS, xs, ys, options, ...)
  return self
end

local REGIONS_OPTIONS = {
  colors = COLORS,
  resolution = check.kind("a number of pixels, 1 or more,", function(value)
    return check.number.test(value) and value >= 1
  end),
}

--- The regions of a classifier, in pale colours, with lines where it decides otherwise.
-- @tparam function classify gets a sequence of n points `{x, y}` and returns for each a sequence
-- of k weights (a table, or a tensor of shape (n, k)): probabilities, for one
-- @tparam[opt] table options `colors` (k of them), `resolution`: pixels from one point to the
-- next (6)
-- @treturn Figure the figure
function Figure:regions(classify, options, ...)
  check.self(self, Figure, "figure", "regions")
  check.most("figure.regions", 2, ...)
  argument("figure.regions", "classify", classify, check.callable)
  options = check.options("figure.regions", options, REGIONS_OPTIONS)
  self.field = { classify = classify, options = options }
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
  local margin = (high - low) * 0.05
  if low > high then
    return 0.0, 1.0
  elseif high - low > WIDEST then
    fail("figure.draw: the %ss from %g to %g are too far apart to be drawn", axis, low, high)
  elseif low == high then
    margin = 0.5
  end
  margin = max(margin, narrowest(low, high))
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

-- What a classifier answered, as a sequence of sequences of equally many finite numbers.
local function weights_of(answers, count)
  local where <const> = "figure.regions"
  local kind = core.type(answers)
  if kind ~= "table" and (kind ~= "tensor" or answers.rank ~= 2) then
    fail("%s: what classify returns: a sequence of weights for each point expected, got %s", where,
      kind == "tensor" and ("a tensor of rank %d"):format(answers.rank) or check.shown(answers))
  elseif #answers ~= count then
    fail("%s: what classify returns: %s sequences of weights for %d points", where,
      tostring(#answers), count)
  end
  local weights = {}
  for index = 1, count do
    local what = ("what classify returns: [%d]"):format(index)
    local row = numbers(answers[index], where, what)
    weights[index] = row
    if #row == 0 or #row ~= #weights[1] then
      fail("%s: %s: %d weights, but for the first point there are %d", where, what, #row,
        #weights[1])
    end
    for class, weight in ipairs(row) do
      argument(where, ("%s[%d]"):format(what, class), weight, check.number)
    end
  end
  return weights
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
  local weights = weights_of(field.classify(points), #points)
  local classes = #weights[1]
  local palette, colors = field.options.colors or plot.colors, {}
  if classes > #palette then
    fail("figure.regions: %d classes, but %d colours", classes, #palette)
  end
  for class = 1, classes do
    colors[class] = mix(palette[class], WHITE, 0.72)
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

-- The part of a segment that is within a rectangle, as two shares of its length; nil where there is
-- none (Liang and Barsky, 1984).
local function within(x1, y1, x2, y2, left, top, right, bottom)
  local from, to = 0.0, 1.0
  local dx, dy = x2 - x1, y2 - y1
  for _, side in ipairs { { -dx, x1 - left }, { dx, right - x1 }, { -dy, y1 - top },
    { dy, bottom - y1 } } do
    local step, room = side[1], side[2]
    if step == 0 then
      if room < 0 then
        return nil
      end
    elseif step < 0 then
      from = max(from, room / step)
    else
      to = min(to, room / step)
    end
  end
  if from <= to then
    return from, to
  end
end

-- Nine pixels of ink, six without.
local DASH, PERIOD = 9, 15

-- Draws what of a line is near the canvas, so that a point far outside costs nothing.
local function draw_line(canvas, drawing, place)
  local segments, travelled = {}, 0
  local width = drawing.options.width or 2
  local left, top, right, bottom = -width, -width, canvas.width + width, canvas.height + width
  local function ink(x1, y1, x2, y2, from, to)
    local function point(share) -- of a long line the arithmetic may miss the canvas
      return max(left, min(right, x1 + share * (x2 - x1))),
        max(top, min(bottom, y1 + share * (y2 - y1)))
    end
    local ax, ay = point(from)
    local bx, by = point(to)
    segments[#segments + 1] = { ax, ay, bx, by }
  end
  local px, py
  for index, x in ipairs(drawing.xs) do
    local y = drawing.ys[index]
    if finite(x) and finite(y) then
      x, y = place(x, y)
    end
    if not (finite(x) and finite(y)) then
      px, py = nil, nil
    else
      if px then
        local length = sqrt((x - px) ^ 2 + (y - py) ^ 2)
        local from, to = within(px, py, x, y, left, top, right, bottom)
        if from and not drawing.options.dashed then
          ink(px, py, x, y, from, to)
        elseif from and length > 0 then
          local first, last = travelled + from * length, travelled + to * length
          local dash = first - first % PERIOD
          while dash < last and dash + PERIOD > dash do
            local a, b = max(dash, first), min(dash + DASH, last)
            if a < b then
              ink(px, py, x, y, (a - travelled) / length, (b - travelled) / length)
            end
            dash = dash + PERIOD
          end
        end
        travelled = (travelled + length) % PERIOD
      end
      px, py = x, y
    end
  end
  canvas:stroke(segments, width, drawing.color)
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
function Figure:draw(...)
  check.self(self, Figure, "figure", "draw")
  check.most("figure.draw", 0, ...)
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
    left = left, top = top, width = max(1, canvas.width - left - 24),
    height = max(1, canvas.height - top - (options.xlabel and 62 or 40)),
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
            x, y = place(x, y)
            if abs(x) < 1e9 and abs(y) < 1e9 then
              draw_point(canvas, drawing, x, y)
            end
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
function Figure:save(path, ...)
  check.self(self, Figure, "figure", "save")
  check.most("figure.save", 1, ...)
  argument("figure.save", "path", path, check.path)
  return self:draw():save(path)
end

-- A matrix of numbers from a table of rows or a tensor of rank 2; its height and width.
local function matrix_of(image, what)
  local where <const> = "images"
  local kind = core.type(image)
  if kind ~= "table" and (kind ~= "tensor" or image.rank ~= 2) then
    fail("%s: %s: a matrix expected, got %s", where, what,
      kind == "tensor" and ("a tensor of rank %d"):format(image.rank) or check.shown(image))
  end
  local rows = {}
  for y = 1, kind == "tensor" and #image or check.sequence(where, image, "a matrix") do
    rows[y] = numbers(image[y], where, ("%s[%d]"):format(what, y))
    if #rows[y] ~= #rows[1] then
      fail("%s: %s[%d] has %d numbers, but [1] has %d", where, what, y, #rows[y], #rows[1])
    end
  end
  if #rows == 0 or #rows[1] == 0 then
    fail("%s: %s is empty", where, what)
  end
  return rows, #rows, #rows[1]
end

-- The images of `plot.images` as matrices, which are of one size.
local function matrices_of(images)
  local kind = core.type(images)
  if kind ~= "table" and (kind ~= "tensor" or images.rank ~= 3) then
    fail("images: a sequence of matrices or a tensor of rank 3 expected, got %s",
      kind == "tensor" and ("one of rank %d"):format(images.rank) or check.shown(images))
  end
  local count = kind == "table" and check.sequence("images", images, "a sequence of matrices")
    or #images
  if count == 0 then
    fail("images: no images to draw")
  end
  local matrices, height, width = {}, nil, nil
  for index = 1, count do
    local rows, columns
    matrices[index], rows, columns = matrix_of(images[index], ("[%d]"):format(index))
    height, width = height or rows, width or columns
    if rows ~= height or columns ~= width then
      fail("images: [%d] is %d x %d, but [1] is %d x %d", index, rows, columns, height, width)
    end
  end
  return matrices, height, width
end

local IMAGES_OPTIONS = {
  captions = check.sequence_of("a sequence of strings", check.string, true),
  columns = check.count, scale = check.count, title = check.string,
}

--- Images side by side, in grey: the least value of each image is white, the greatest black.
-- @function plot.images
-- @tparam table images a sequence of matrices of one size, as tables or tensors, or a tensor of
-- shape (n, height, width)
-- @tparam[opt] table options `captions` (a string below each image), `columns` (as many as make
-- the picture about square), `scale`: pixels for one of an image (8), `title`
-- @treturn Canvas
function plot.images(images, options, ...)
  check.most("images", 2, ...)
  options = check.options("images", options, IMAGES_OPTIONS)
  local matrices, height, width = matrices_of(images)
  local count, scale = #matrices, options.scale or 8
  local columns = min(count, options.columns or math.ceil(sqrt(count)))
  local caption = 0
  for _, text in ipairs(options.captions or {}) do
    caption = max(caption, plot.text_width(text, 1.6))
  end
  local cell_width = floor(max(width * scale, caption)) + 22
  local cell_height = height * scale + (options.captions and 40 or 16)
  local top = options.title and 52 or 12
  local needed = options.title and floor(plot.text_width(options.title, 2.1)) + 40 or 0
  local across = max(columns * cell_width + 22, needed)
  local down = top + (count + columns - 1) // columns * cell_height
  if not (SIDE.test(across) and SIDE.test(down)) then
    fail("images: a picture of %.0f x %.0f pixels, 32767 x 32767 is the most", across, down)
  end
  local canvas = plot.canvas(across, down)
  if options.title then
    canvas:text(canvas.width / 2, 26, options.title, { size = 2.1, align = "center", bold = true })
  end
  local indent = (canvas.width - columns * cell_width) / 2

  for index, rows in ipairs(matrices) do
    local low, high = math.huge, -math.huge
    for y = 1, height do
      for x = 1, width do
        if finite(rows[y][x]) then
          low, high = min(low, rows[y][x]), max(high, rows[y][x])
        end
      end
    end
    local left = floor(indent + ((index - 1) % columns + 0.5) * cell_width - width * scale / 2)
    local above = top + (index - 1) // columns * cell_height
    canvas:rectangle(left - 1, above - 1, width * scale + 2, height * scale + 2, PALE)
    for y = 1, height do
      for x = 1, width do
        -- What is not finite is as white, or as black, as can be; halves, so that no difference
        -- overflows.
        local value = max(low, min(high, rows[y][x]))
        local share = high > low and (value / 2 - low / 2) / (high / 2 - low / 2) or 0
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
