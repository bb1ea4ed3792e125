-- The part of the embedding example that a host would let its users write: it builds a network,
-- trains it on the exclusive or, and hands the session to the host, with the node that takes the
-- input and the node that gives the answer.
local neap = require "neap" -- put there by the host; there is nothing on disk to be found

local graph = neap.graph():as_default()
local x = neap.placeholder("float32", { -1, 2 }, "x")
local labels = neap.placeholder("float32", { -1, 1 }, "labels")
local model = neap.nn.sequential {
  neap.nn.linear(2, 8), neap.tanh, neap.nn.linear(8, 1), neap.sigmoid,
}
local p = model(x)
local loss = -neap.reduce_mean(labels * neap.log(p) + (1 - labels) * neap.log(1 - p))
local step = neap.train.adam { learning_rate = 0.05 }:minimize(loss)

local session = neap.session(graph, { seed = 1 })
local train = session:callable({ loss, step }, { x, labels })
local inputs = neap.tensor { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } }
local targets = neap.tensor { { 0 }, { 1 }, { 1 }, { 0 } }
local last
for _ = 1, 300 do
  last = train(inputs, targets)[1]
end
print(("Lua: loss %.4f after 300 steps"):format(last))

return session, x, p
