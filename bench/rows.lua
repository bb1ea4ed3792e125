-- What normalises or reduces rows: softmax, its losses, layer normalisation, forward and
-- with the gradient; milliseconds of one thread's processor time. Folders of builds may be
-- given, which take turns and are shown side by side:
--
--     lua5.4 bench/rows.lua build [other/build...]
--
-- CASES=pattern measures only those whose names match it.

local SHAPES <const> = { { 4096, 1024 }, { 4096, 10 }, { 64, 50000 } }
local REPEATS <const>, SECONDS <const> = 7, 0.06

-- ---- One build: a line "name<tab>milliseconds" for each measure ----

local function cases(neap)
  --- From the primitives where a build does not have it.
  local function layer_normalization(x, scale, offset)
    if pcall(function() return neap.layer_normalization end) then
      return neap.layer_normalization(x, scale, offset)
    end
    local centred = x - neap.reduce_mean(x, -1, true)
    local variance = neap.reduce_mean(neap.square(centred), -1, true)
    return centred / neap.sqrt(variance + 1e-5) * scale + offset
  end

  local function noise(seed, shape)
    return neap.variable(neap.random_normal(shape, 0, 1, "float32", seed))
  end

  local function with_gradient(y, xs)
    local dy = noise(9, y.shape)
    return { y, table.unpack(neap.gradients({ y }, xs, { dy })) }
  end

  local list = {}
  local function case(name, fetches)
    if name:find(os.getenv "CASES" or "") then
      list[#list + 1] = { name, fetches }
    end
  end
  for _, shape in ipairs(SHAPES) do
    local rows, columns = shape[1], shape[2]
    local text = ("(%d, %d)"):format(rows, columns)
    local x, y = noise(1, shape), noise(2, shape)
    local scale, offset = noise(3, { columns }), noise(4, { columns })
    local labels = neap.variable(neap.cast(
      neap.random_uniform({ rows }, 0, columns, "float32", 5), "int64"))
    local loss = neap.sparse_softmax_cross_entropy_with_logits(labels, x)
    local layer = layer_normalization(x, scale, offset)
    case("softmax " .. text, { neap.softmax(x) })
    case("softmax and gradient " .. text, with_gradient(neap.softmax(x), { x }))
    case("log_softmax " .. text, { neap.log_softmax(x) })
    case("sparse cross entropy " .. text, { neap.reduce_mean(loss) })
    case("sparse cross entropy, gradient " .. text,
      { neap.reduce_mean(loss), neap.gradients(neap.reduce_mean(loss), x) })
    case("layer norm " .. text, { layer })
    case("layer norm and gradients " .. text, with_gradient(layer, { x, scale, offset }))
    case("reduce_sum(square(x - y)) " .. text, { neap.reduce_sum(neap.square(x - y)) })
    case("reduce_sum, last axis " .. text, { neap.reduce_sum(x, -1) })
    case("reduce_sum, first axis " .. text, { neap.reduce_sum(x, 0) })
    case("relu and its bias' gradient " .. text,
      with_gradient(neap.relu(x + offset), { x, offset }))
  end
  local images = noise(6, { 8, 21, 64, 64 })
  case("softmax, axis 1 of (8, 21, 64, 64)", { neap.softmax(images, 1) })
  case("reduce_sum, axis 1 of (8, 21, 64, 64)", { neap.reduce_sum(images, 1) })
  return list
end

local function measure()
  local neap = require "neap"
  neap.graph():as_default()
  local list = cases(neap)
  local session = neap.session { threads = 1 }
  for _, case in ipairs(list) do
    local call = session:callable(case[2], {})
    call()
    local begin, times = os.clock(), 0
    repeat
      call()
      times = times + 1
    until os.clock() - begin > SECONDS
    print(("%s\t%.6f"):format(case[1], 1e3 * (os.clock() - begin) / times))
  end
  session:close()
end

-- ---- All builds ----

--- Runs this script with a build's module; names in order, and milliseconds by name.
local function child(build)
  local command = ("LUA_CPATH='%s/?.so' '%s' '%s' --measure"):format(build, arg[-1], arg[0])
  local pipe = assert(io.popen(command))
  local names, values = {}, {}
  for line in pipe:lines() do
    local name, value = line:match "^(.-)\t(.*)$"
    names[#names + 1], values[name] = name, tonumber(value)
  end
  assert(pipe:close(), build .. " cannot be measured")
  return names, values
end

if arg[1] == "--measure" then
  measure()
  return
end

local builds = { table.unpack(arg) }
if #builds == 0 then
  builds[1] = os.getenv "BUILD" or "build"
end
local names, seconds = nil, {}
for _ = 1, REPEATS do
  for b, build in ipairs(builds) do
    local values
    names, values = child(build)
    for name, value in pairs(values) do
      local key = b .. name
      seconds[key] = seconds[key] or {}
      table.insert(seconds[key], value)
    end
  end
end

print "\nRows normalised and reduced, in milliseconds of one thread"
print(("  %-52s %s"):format("", table.concat(builds, "  ")))
for _, name in ipairs(names) do
  local parts, first = {}, nil
  for b in ipairs(builds) do
    local all = seconds[b .. name]
    table.sort(all)
    local value = all[(#all + 1) // 2]
    parts[b] = ("%10.3f"):format(value)
    if first then
      parts[b] = parts[b] .. (" (%.2f of the first)"):format(value / first)
    end
    first = first or value
  end
  print(("  %-52s %s"):format(name, table.concat(parts, "  ")))
end
