-- A perceptron: two clouds of points, and the line that tells them apart, found by gradient
-- descent on the cross entropy.
--
--     lua5.4 examples/perceptron.lua [folder for the picture]

-- In a checkout, the module that `make` built; else the one that is installed.
package.cpath = (arg[0]:match("^.*/") or "") .. "../build/?.so;" .. package.cpath

local neap = require "neap"

neap.graph():as_default()
local session = neap.session { seed = 1 }

-- Fifty red points around (-2, -2) and fifty blue ones around (2, 2).
local red, blue = table.unpack(session:run {
  neap.random_normal { shape = { 50, 2 }, mean = -2 },
  neap.random_normal { shape = { 50, 2 }, mean = 2 },
})

-- The class of each point as a probability for red and one for blue.
local points, classes = {}, {}
for i = 1, 50 do
  points[i], points[50 + i] = red[i], blue[i]
  classes[i], classes[50 + i] = { 1, 0 }, { 0, 1 }
end

local X = neap.placeholder("float32", { -1, 2 }, "X")
local c = neap.placeholder("float32", { -1, 2 }, "c")
local W = neap.variable(neap.random_normal { shape = { 2, 2 } }, { name = "W" })
local b = neap.variable({ 0, 0 }, { name = "b" })
local p = neap.softmax(X:matmul(W) + b)

-- The cross entropy J, summed over all points.
local J = -neap.reduce_sum(c * neap.log(p))
local step = neap.train.gradient_descent { learning_rate = 0.01 }:minimize(J)

local feeds = { [X] = neap.tensor(points), [c] = neap.tensor(classes) }
for i = 0, 99 do
  local loss = session:run({ J, step }, feeds)[1]
  if i % 10 == 0 then
    print(("step %2d   loss %9.4f"):format(i, loss))
  end
end

local w, bias = session:get(W), session:get(b)
print("W:\n" .. tostring(w))
print("b:\n" .. tostring(bias))

-- Both classes are equally likely where (w11 - w12) x + (w21 - w22) y + (b1 - b2) = 0.
local dx, dy, d = w[1][1] - w[1][2], w[2][1] - w[2][2], bias[1] - bias[2]
local function boundary(x)
  return -(dx * x + d) / dy
end
print(("line: y = %.3f x %+.3f"):format(-dx / dy, -d / dy))

local function column(rows, k)
  local out = {}
  for i = 1, #rows do
    out[i] = rows[i][k]
  end
  return out
end
local figure = neap.plot.figure {
  title = "Perceptron", xlabel = "x", ylabel = "y", equal = true, width = 560, height = 520,
  xlimits = { -5, 5 }, ylimits = { -5, 5 },
}
figure:points(column(red, 1), column(red, 2), { color = { 205, 40, 45 }, label = "red" })
figure:points(column(blue, 1), column(blue, 2), { color = { 0, 114, 178 }, label = "blue" })
figure:line({ -9, 9 }, { boundary(-9), boundary(9) }, { color = { 40, 40, 45 } })
local path = (arg[1] or ".") .. "/perceptron.png"
assert(figure:save(path))
print("picture: " .. path)
