-- Runs the measurements of bench/ with two builds of neap that take turns, and prints each figure
-- of both: whether a change made something slower.
--
--     lua5.4 tools/compare.lua BASE [NEW] [rounds=5] [only=run,nodes] [build=build]
--
-- BASE and NEW (this folder) are the roots of two checkouts, each with a build in the folder
-- `build`. The programs are those of this checkout, compiled with the header and the static
-- library of each; the Lua ones load the module of each. `only` names some of them. CC, CFLAGS and
-- LDFLAGS are heeded (for OpenBLAS's header and library, which train.c needs).
--
-- Each program takes medians of its own; a figure here is the median of the rounds. What differs
-- by less than the rounds of one build do among themselves is left without a word.

local PROGRAMS <const> = { "startup", "run", "nodes", "stages", "train" }
local SCRIPTS <const> = { "run", "xor" }
local HIGHER_IS_BETTER <const> = { ["of sgemm"] = true, ["k/s"] = true, x = true }

local function fail(...)
  io.stderr:write("compare: ", string.format(...), "\n")
  os.exit(2)
end

--- ## Arguments

local trees, options = {}, { rounds = "5", build = "build", only = "" }
for _, argument in ipairs(arg) do
  local key, value = argument:match "^(%w+)=(.*)$"
  if key and not options[key] then
    fail("there is no option %s", key)
  elseif key then
    options[key] = value
  else
    trees[#trees + 1] = argument
  end
end
if #trees < 1 or #trees > 2 or not tonumber(options.rounds) then
  fail("usage: lua5.4 tools/compare.lua BASE [NEW] [rounds=5] [only=run,nodes] [build=build]")
end
trees[2] = trees[2] or "."

local function wanted(name)
  return options.only == "" or ("," .. options.only .. ","):find("," .. name .. ",", 1, true)
end

--- ## The programs

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local scratch = os.tmpname()
os.remove(scratch)
os.execute("mkdir " .. quoted(scratch))

local function compile(program, tree, which)
  local out = ("%s/%s-%d"):format(scratch, program, which)
  local words = {
    os.getenv "CC" or "cc", "-std=c11 -D_GNU_SOURCE -O2 -w", os.getenv "CFLAGS" or "",
    "-I" .. quoted(tree .. "/src"), "-o", quoted(out), ("bench/%s.c"):format(program),
    quoted(("%s/%s/libneap.a"):format(tree, options.build)), os.getenv "LDFLAGS" or "",
    program == "train" and "-lopenblas" or "", "-lm -lpthread -ldl",
  }
  local command = table.concat(words, " ")
  if not os.execute(command) then
    fail("bench/%s.c does not compile against %s", program, tree)
  end
  return quoted(out)
end

--- By order of measuring: a name, and the command for each tree.
local measurements = {}
for _, program in ipairs(PROGRAMS) do
  if wanted(program) then
    measurements[#measurements + 1] = { program, compile(program, trees[1], 1),
                                        compile(program, trees[2], 2) }
  end
end
local lua = os.getenv "LUA" or arg[-1]
for _, script in ipairs(SCRIPTS) do
  if wanted(script) then
    local command = ("%s bench/%s.lua"):format(lua, script)
    measurements[#measurements + 1] = { script .. ".lua", command, command }
  end
end

--- ## Measuring

local figures, order = {}, {}

local function measure(measurement, which)
  local pipe = assert(io.popen(("BENCH_FIGURES=1 LUA=%s LUA_CPATH=%s %s"):format(lua,
    quoted(("%s/%s/?.so"):format(trees[which], options.build)), measurement[which + 1])))
  for line in pipe:lines() do
    local name, value, unit = line:match "^(.-)%s*\t([^\t]+)\t(.*)$"
    if not name then
      fail("%s prints %q", measurement[1], line)
    end
    local key = ("%s: %s\t%s"):format(measurement[1], name, unit)
    if not figures[key] then
      figures[key] = { {}, {}, name = measurement[1] .. ": " .. name, unit = unit }
      order[#order + 1] = figures[key]
    end
    table.insert(figures[key][which], tonumber(value))
  end
  if not pipe:close() then
    fail("%s failed with the build of %s", measurement[1], trees[which])
  end
end

local rounds = math.tointeger(tonumber(options.rounds))
for round = 1, rounds do
  for _, measurement in ipairs(measurements) do
    io.stderr:write(("\rround %d of %d: %-12s"):format(round, rounds, measurement[1]))
    local first = round % 2 + 1 -- who begins changes from round to round
    measure(measurement, first)
    measure(measurement, 3 - first)
  end
end
io.stderr:write("\r", (" "):rep(40), "\r")
os.execute("rm -r " .. quoted(scratch))

--- ## The table

local function median(values)
  table.sort(values)
  return values[(#values + 1) // 2]
end

--- The middle half of a build's rounds, as a share of their median.
local function spread(values)
  local low, high = values[(#values + 3) // 4], values[(3 * #values + 1) // 4]
  return (high - low) / values[(#values + 1) // 2]
end

print(("%-64s %10s %10s %-8s %6s"):format("", "base", "new", "", "ratio"))
for _, figure in ipairs(order) do
  if #figure[1] ~= #figure[2] then
    fail("%s: not told by both builds", figure.name)
  end
  local base, new = median(figure[1]), median(figure[2])
  local ratio, noise = new / base, math.max(spread(figure[1]), spread(figure[2]), 0.02)
  local better = (ratio > 1) == (HIGHER_IS_BETTER[figure.unit] or false)
  print(("%-64s %10.3f %10.3f %-8s %6.3f %s"):format(figure.name, base, new, figure.unit, ratio,
    math.abs(ratio - 1) <= noise and "" or better and "better" or "worse"))
end
