-- Handwritten digits: a network with one hidden layer learns 1,437 of them and is asked about the
-- 360 that it has not seen.
--
--     lua5.4 examples/digits.lua [folder for the pictures] [threads]

-- In a checkout, the module that `make` built; else the one that is installed.
local here = arg[0]:match("^.*/") or ""
package.cpath = here .. "../build/?.so;" .. package.cpath

local neap = require "neap"

local SEED, EPOCHS, BATCH = 3, 30, 32
local folder, threads = arg[1] or ".", math.tointeger(arg[2])

-- ---- Data: 64 pixels from 0 to 16, then the digit ----

local rows = assert(neap.data.csv(here .. "data/digits.csv"))
local pixels, digits = {}, {}
for index, row in ipairs(rows:totable()) do
  digits[index] = math.tointeger(table.remove(row))
  for k, value in ipairs(row) do
    row[k] = value / 16
  end
  pixels[index] = row
end
local train, test = neap.data.split {
  neap.tensor(pixels), neap.tensor(digits, "int64"), fraction = 0.8, shuffle = SEED,
}

-- ---- Model ----

neap.graph():as_default()
local images = neap.placeholder("float32", { -1, 64 }, "images")
local labels = neap.placeholder("int64", { -1 }, "labels")
local model = neap.nn.sequential { neap.nn.linear(64, 128), neap.relu, neap.nn.linear(128, 10) }
local logits = model(images)
local loss = neap.reduce_mean(neap.sparse_softmax_cross_entropy_with_logits(labels, logits))
local guesses = neap.argmax(logits, 1)
local accuracy = neap.reduce_mean(neap.cast(neap.equal(guesses, labels), "float32"))
local step = neap.train.adam { learning_rate = 0.003 }:minimize(loss)

-- ---- Training ----

-- A terminal shows one line that is drawn again; anything else gets a line for every five epochs.
local terminal = os.execute("test -t 1")
local function show(epoch, train_loss, held_back)
  local done = 20 * epoch // EPOCHS
  local line = ("[%s%s] %2d/%d  loss %.4f  held back %.4f  accuracy %5.1f %%"):format(
    ("#"):rep(done), ("."):rep(20 - done), epoch, EPOCHS, train_loss, held_back.loss,
    100 * held_back.accuracy)
  if terminal then
    io.write("\r", line, epoch == EPOCHS and "\n" or ""):flush()
  elseif epoch % 5 == 0 then
    print(line)
  end
end

print(("%d digits to learn from, %d held back\n%s"):format(#train[1], #test[1], model))
local session <close> = neap.session { seed = SEED, threads = threads }
local train_step = session:callable({ loss, step }, { images, labels })
local exam = { [images] = test[1], [labels] = test[2] }
local curve = { epochs = {}, train = {}, test = {} }
for epoch = 1, EPOCHS do
  local total, batches = 0, 0
  for x, y in neap.data.batches { train[1], train[2], size = BATCH, shuffle = epoch } do
    total, batches = total + train_step(x, y)[1], batches + 1
  end
  local held_back = session:run({ loss = loss, accuracy = accuracy }, exam)
  curve.epochs[epoch] = epoch
  curve.train[epoch], curve.test[epoch] = total / batches, held_back.loss
  show(epoch, total / batches, held_back)
end

-- ---- Pictures ----

local figure = neap.plot.figure {
  title = "Learning handwritten digits", xlabel = "epoch", ylabel = "cross entropy",
}
figure:line(curve.epochs, curve.train, { label = "training" })
figure:line(curve.epochs, curve.test, { label = "held back" })
assert(figure:save(folder .. "/digits-loss.png"))

local answers = session:run({ guesses = guesses, accuracy = accuracy }, exam)
local wrong, captions = {}, {}
for index = 1, #test[1] do
  local digit, guess = test[2][index], answers.guesses[index]
  if digit ~= guess then
    wrong[#wrong + 1] = test[1][index]:reshape { 8, 8 }
    captions[#captions + 1] = ("%d, taken for %d"):format(digit, guess)
  end
end
if #wrong > 0 then
  assert(neap.plot.images(wrong, {
    captions = captions, columns = 4, scale = 12,
    title = ("%d of %d read wrongly"):format(#wrong, #test[1]),
  }):save(folder .. "/digits-wrong.png"))
end
print(("pictures: %s/digits-loss.png, %s/digits-wrong.png"):format(folder, folder))
print(("accuracy: %.1f %%"):format(100 * answers.accuracy))
