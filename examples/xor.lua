-- A multi-layer perceptron: four clouds of points at the corners of a square, in two classes that
-- no straight line tells apart, and the boundary that the network finds.
--
--     lua5.4 examples/xor.lua [folder for the picture]

-- In a checkout, the module that `make` built; else the one that is installed.
package.cpath = (arg[0]:match("^.*/") or "") .. "../build/?.so;" .. package.cpath

local neap = require "neap"

neap.graph():as_default()
local session = neap.session { seed = 1 }

-- Fifty points of each class: red near (0, 0) and (1, 1), blue near (0, 1) and (1, 0).
local noise = session:run(neap.random_normal { shape = { 100, 2 }, stddev = 0.2 })
local points, classes = {}, {}
local clouds = { { xs = {}, ys = {} }, { xs = {}, ys = {} } }
for i = 1, 100 do
  local class = i <= 50 and 0 or 1
  local x = i % 2 + noise[i][1]
  local y = (i + class) % 2 + noise[i][2]
  points[i], classes[i] = { x, y }, class
  table.insert(clouds[class + 1].xs, x)
  table.insert(clouds[class + 1].ys, y)
end

local X = neap.placeholder("float32", { -1, 2 }, "X")
local labels = neap.placeholder("int64", { -1 }, "labels")
local model = neap.nn.sequential { neap.nn.linear(2, 8), neap.tanh, neap.nn.linear(8, 2) }
local logits = model(X)
local loss = neap.reduce_mean(neap.sparse_softmax_cross_entropy_with_logits(labels, logits))
local hits = neap.cast(neap.equal(neap.argmax(logits, 1), labels), "float32")
local accuracy = neap.reduce_mean(hits)
local step = neap.train.adam { learning_rate = 0.03 }:minimize(loss)
print(model)

local feeds = { [X] = neap.tensor(points), [labels] = neap.tensor(classes, "int64") }
for i = 0, 300 do
  local values = session:run({ loss = loss, step = step }, feeds)
  if i % 50 == 0 then
    print(("step %3d   loss %7.4f"):format(i, values.loss))
  end
end
print(("accuracy: %.1f %%"):format(100 * session:run(accuracy, feeds)))

local figure = neap.plot.figure {
  title = "Exclusive or", xlabel = "x", ylabel = "y", equal = true, width = 560, height = 520,
}
local colors = { { 205, 40, 45 }, { 0, 114, 178 } }
local probabilities = neap.softmax(logits)
figure:regions(function(grid)
  return session:run(probabilities, { [X] = grid })
end, { colors = colors })
for class, cloud in ipairs(clouds) do
  figure:points(cloud.xs, cloud.ys, { color = colors[class], label = ({ "red", "blue" })[class] })
end
local path = (arg[1] or ".") .. "/xor.png"
assert(figure:save(path))
print("picture: " .. path)
