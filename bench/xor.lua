-- A training step of the network of examples/xor.lua (2-8-2, a hundred points, Adam), from Lua.
--
--     LUA_CPATH='build/?.so' lua5.4 bench/xor.lua

local neap = require "neap"

local REPEATS, TIMES = 21, 1000

neap.graph():as_default()
local points, classes = {}, {}
for i = 1, 100 do
  local class = i <= 50 and 0 or 1
  points[i] = { i % 2 + (i * 37 % 11 - 5) / 25, (i + class) % 2 + (i * 53 % 13 - 6) / 30 }
  classes[i] = class
end
local x = neap.placeholder("float32", { -1, 2 })
local labels = neap.placeholder("int64", { -1 })
local model = neap.nn.sequential { neap.nn.linear(2, 8), neap.tanh, neap.nn.linear(8, 2) }
local loss = neap.reduce_mean(neap.sparse_softmax_cross_entropy_with_logits(labels, model(x)))
local step = neap.train.adam { learning_rate = 0.03 }:minimize(loss)
local session = neap.session { seed = 1, threads = 1 }
local images, wanted = neap.tensor(points), neap.tensor(classes, "int64")
local call = session:callable({ loss, step }, { x, labels })
local feeds, fetches = { [x] = images, [labels] = wanted }, { loss = loss, step = step }

local ways = {
  { "a step, by a callable", function() return call(images, wanted) end },
  { "a step, by session:run", function() return session:run(fetches, feeds) end },
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
if not figures then print("\nA training step of the network of examples/xor.lua") end
for _, way in ipairs(ways) do
  table.sort(way.seconds)
  local value = 1e6 * way.seconds[(REPEATS + 1) // 2]
  print((figures and "%s\t%.9g\t%s" or "  %-48s %8.3f %-3s"):format(way[1], value, "us"))
end
