local helper = require "helper"
local neap = require "neap"
local nn = neap.nn

describe("neap.nn", function()
  local session

  before_each(function()
    neap.graph():as_default()
    session = neap.session { seed = 1 }
  end)
  after_each(function()
    session:close()
  end)

  describe("linear", function()
    it("computes x * weight + bias", function()
      local layer = nn.linear(2, 3)
      local x = neap.placeholder("float32", { -1, 2 })
      local y = layer(x)
      assert.same({ -1, 3 }, y.shape)
      session:set(layer.weight, { { 1, 2, 3 }, { 4, 5, 6 } })
      session:set(layer.bias, { 10, 20, 30 })
      -- 1*1 + 2*4 + 10 = 19 and so on
      assert.same({ { 19, 32, 45 }, { 10, 20, 30 } },
        session:run(y, { [x] = { { 1, 2 }, { 0, 0 } } }):totable())
    end)

    it("begins within the bounds of Glorot, with a bias of zeros", function()
      local layer = nn.linear(30, 20)
      local weight, bias = session:get(layer.weight), session:get(layer.bias)
      assert.same({ 30, 20 }, weight.shape)
      local limit, sum, squares = math.sqrt(6 / 50), 0, 0
      for _, row in ipairs(weight:totable()) do
        for _, value in ipairs(row) do
          assert.is_true(math.abs(value) <= limit)
          sum, squares = sum + value, squares + value * value
        end
      end
      -- A uniform distribution: mean 0, variance limit^2 / 3, five standard deviations off.
      assert.is_true(math.abs(sum / 600) < 5 * limit / math.sqrt(3 * 600))
      assert.near(limit * limit / 3, squares / 600, 5 * limit * limit * math.sqrt(4 / 45 / 600))
      for _, value in ipairs(bias) do
        assert.equal(0, value)
      end
    end)

    it("lists its parameters, which are trainable", function()
      local layer = nn.linear(2, 3)
      assert.same({ layer.weight, layer.bias }, layer.parameters)
      local plain = nn.linear(2, 3, { bias = false })
      assert.same({ plain.weight }, plain.parameters)
      assert.equal(3, #neap.default_graph().variables)
    end)

    it("takes a name and a dtype", function()
      local layer = nn.linear(2, 2, { name = "hidden", dtype = "float64" })
      assert.equal("hidden/weight", layer.weight.name)
      assert.equal("hidden/bias", layer.bias.name)
      assert.equal("float64", layer.weight.dtype)
      assert.equal("float64", layer.bias.dtype)
    end)

    it("can be called twice, with the same variables", function()
      local layer = nn.linear(2, 2, { bias = false })
      local x = neap.placeholder("float32", { 2 })
      local y = neap.add(layer(x), layer(x))
      session:set(layer.weight, { { 1, 0 }, { 0, 1 } })
      assert.same({ 6, 8 }, session:run(y, { [x] = { 3, 4 } }):totable())
    end)

    it("refuses wrong sizes and unknown options, where the caller stands", function()
      local function message(...)
        local ok, text = pcall(function(...)
          local layer = nn.linear(...)
          return layer
        end, ...)
        assert.is_false(ok)
        return text
      end
      assert.matches("nn_spec.lua:%d+: linear: argument 'inputs': a positive integer below 2^31 "
        .. "expected, got 0$", message(0, 2))
      assert.matches("'outputs': .*, got 1.5$", message(2, 1.5))
      assert.matches("'outputs': .*, got nil$", message(2))
      for _, sizes in ipairs { { "2", 3 }, { 2, "3" }, { "0x10", 3 }, { 2, " 3 " }, { 2, 3.0 },
        { math.maxinteger, 2 } } do
        assert.matches("a positive integer below 2^31 expected", message(sizes[1], sizes[2]), 1,
          true)
      end
      assert.matches("linear: unknown argument 'biass', known are: bias, dtype, name$",
        message(2, 2, { biass = false }))
      assert.matches("linear: argument 'bias': a boolean expected, got 0$",
        message(2, 2, { bias = 0 }))
      assert.matches("linear: argument 'name': a name, .*got \"\"$", message(2, 2, { name = "" }))
      assert.matches("linear: argument 'dtype': .*got \"int64\"$",
        message(2, 2, { dtype = "int64" }))
      assert.matches("linear: a table of options expected, got \"relu\"$", message(2, 2, "relu"))
    end)

    it("says what it has not", function()
      local layer = nn.linear(2, 2, { bias = false })
      assert.is_nil(layer.bias)
      helper.fails("no field 'wieght' in layer", function() return layer.wieght end)
      helper.fails("linear: a node expected, got nil", function() return (layer()) end)
    end)
  end)

  describe("sequential", function()
    it("calls its layers in order", function()
      local first, second = nn.linear(1, 1), nn.linear(1, 1)
      local model = nn.sequential { first, neap.relu, second }
      local x = neap.placeholder("float32", { 1 })
      local y = model(x)
      session:set(first.weight, { { -2 } })
      session:set(second.weight, { { 3 } })
      session:set(second.bias, { 1 })
      assert.same({ 1 }, session:run(y, { [x] = { 5 } }):totable())
      assert.same({ 31 }, session:run(y, { [x] = { -5 } }):totable())
    end)

    it("joins the parameters of its layers, nested ones too", function()
      local a, b, c = nn.linear(1, 1), nn.linear(1, 1, { bias = false }), nn.linear(1, 1)
      local model = nn.sequential { a, neap.tanh, nn.sequential { b, c } }
      assert.same({ a.weight, a.bias, b.weight, c.weight, c.bias }, model.parameters)
      assert.equal(3, #model)
    end)

    it("prints what it is made of", function()
      local model = nn.sequential {
        nn.linear(4, 3), neap.relu, nn.sequential { nn.linear(3, 2, { bias = false }) },
      }
      assert.equal("sequential{\n  linear(4, 3)\n  relu\n  sequential{\n"
        .. "    linear(3, 2, no bias)\n  }\n}", tostring(model))
    end)

    it("refuses what cannot be called", function()
      helper.fails("sequential: layer 2 cannot be called: a number", function()
        return (nn.sequential { neap.relu, 3 })
      end)
    end)

    it("drops no layer", function()
      local a, b = nn.linear(2, 3), nn.linear(3, 1)
      local calls = {
        ["sequential: [2] is nil: a hole in a sequence of 3"] = { { a, nil, b } },
        ["sequential: [1] is nil: a hole in a sequence of 2"] = { { nil, b } },
        ['sequential: a sequence of layers expected, got one with the key "layers"'] =
          { { layers = { a, b } } },
        ['sequential: a sequence of layers expected, got one with the key "name"'] =
          { { a, name = 1 } },
        ["sequential: a sequence of layers expected, got nil"] = {},
        ["sequential: a sequence of layers expected, got function"] = { neap.relu },
        ["sequential: at most 1 argument expected, got 2"] = { { a }, b },
      }
      for text, arguments in pairs(calls) do
        helper.fails(text, function() return (nn.sequential(table.unpack(arguments))) end)
      end
      assert.equal(3, #nn.sequential { a, neap.relu, b })
    end)

    it("says which of its layers returns nothing", function()
      local model = nn.sequential { neap.relu, function() end, neap.relu }
      helper.fails("sequential: layer 2 returned nothing", function() return (model { 1, 2 }) end)
      helper.fails("sequential: a node expected, got nil", function() return (model()) end)
    end)
  end)

  it("learns: a network of two layers tells the corners of a square apart", function()
    local model = nn.sequential { nn.linear(2, 8), neap.tanh, nn.linear(8, 2) }
    local x = neap.placeholder("float32", { -1, 2 })
    local labels = neap.placeholder("int64", { -1 })
    local logits = model(x)
    local loss = neap.reduce_mean(neap.sparse_softmax_cross_entropy_with_logits(labels, logits))
    local step = neap.train.gradient_descent { learning_rate = 0.5 }:minimize(loss)
    local feeds = { [x] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } },
      [labels] = neap.tensor({ 0, 1, 1, 0 }, "int64") }
    for _ = 1, 500 do
      session:run(step, feeds)
    end
    assert.same({ 0, 1, 1, 0 }, session:run(neap.argmax(logits, 1), feeds):totable())
    assert.is_true(session:run(loss, feeds) < 0.1)
  end)
end)
