-- One cached run of the affine program, z = A x + b of two elements, from Lua.
--
--     LUA_CPATH='build/?.so' lua5.4 bench/run.lua

local neap = require "neap"

local REPEATS, TIMES = 21, 20000

neap.graph():as_default()
local A = neap.variable{{1, 0}, {0, -1}}
local b = neap.variable{1, 1}
local x = neap.placeholder()
local z = A:matmul(x) + b
local session = neap.session()
local call = session:callable(z, {x})
local tensor, table_ = neap.tensor{1, 2}, {1, 2}
local feeds, plain = {[x] = tensor}, {[x] = table_}

-- An empty function shows what the loop and a call cost by themselves.
local ways = {
  {"callable, fed with a tensor", function() return call(tensor) end, 1},
  {"callable, fed with a table", function() return call(table_) end, 1},
  {"session:run, fed with a tensor", function() return session:run(z, feeds) end},
  {"session:run, fed with a table", function() return session:run(z, plain) end},
  {"an empty Lua function", function() end},
}

local function measure(f)
  local begin = os.clock()
  for _ = 1, TIMES do f() end
  return (os.clock() - begin) / TIMES
end

for _, way in ipairs(ways) do
  measure(way[2]) -- for the caches
  way.seconds = {}
end
for r = 1, REPEATS do
  for _, way in ipairs(ways) do way.seconds[r] = measure(way[2]) end
end

local figures = os.getenv "BENCH_FIGURES"
if not figures then print("\nA cached run of the affine program, from Lua") end
for _, way in ipairs(ways) do
  table.sort(way.seconds)
  local value, mark = 1e6 * way.seconds[(REPEATS + 1) // 2], way[3]
  local aim = ""
  if mark then aim = ("< %-5g %s"):format(mark, value < mark and "met" or "missed") end
  print((figures and "%s\t%.9g\t%s" or "  %-48s %8.3f %-3s %s"):format(way[1], value, "us", aim))
end
