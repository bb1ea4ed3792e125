--- Training: the same losses and weights as NumPy's, the same bits at any number of threads.
local helper = require "helper"
local neap = require "neap"
local references = require "reference.training"

local N <const>, D <const>, H <const>, C <const> = 32, 12, 24, 5

--- The network of reference/training.py.
local function network(dtype)
  local w1 = neap.variable(helper.uniform(3, { D, H }, -0.5, 0.5, dtype), { name = "w1" })
  local b1 = neap.variable(neap.tensor.zeros({ H }, dtype), { name = "b1" })
  local w2 = neap.variable(helper.uniform(4, { H, C }, -0.5, 0.5, dtype), { name = "w2" })
  local b2 = neap.variable(neap.tensor.zeros({ C }, dtype), { name = "b2" })
  local x = neap.placeholder(dtype, { -1, D }, "x")
  local labels = neap.placeholder("int64", { -1 }, "labels")
  local logits = neap.tanh(x:matmul(w1) + b1):matmul(w2) + b2
  local loss = neap.sparse_softmax_cross_entropy_with_logits(labels, logits):reduce_mean()
  local feeds = {
    [x] = helper.uniform(1, { N, D }, -1, 1, dtype),
    [labels] = helper.integers(2, { N }, C),
  }
  return loss, feeds, { w1, b1, w2, b2 }
end

local optimizers = {
  gradient_descent = { learning_rate = 0.1 },
  momentum = { learning_rate = 0.05, momentum = 0.9 },
  adam = { learning_rate = 0.01 },
}

describe("a two-layer network", function()
  for name, options in pairs(optimizers) do
    for dtype, tolerance in pairs { float32 = 2e-6, float64 = 1e-12 } do
      it(("has NumPy's loss and weights after 100 steps: %s, %s"):format(name, dtype), function()
        local expected = references[name]
        local graph = neap.graph()
        graph:as_default(function()
          local loss, feeds, variables = network(dtype)
          local step = neap.train[name](options):minimize(loss)
          local session <close> = neap.session(graph)
          assert.near(expected.first, session:run(loss, feeds), tolerance)
          for _ = 1, 100 do
            session:run(step, feeds)
          end
          assert.near(expected.last, session:run(loss, feeds), tolerance)
          for i, variable in ipairs(variables) do
            local values = helper.flat(session:get(variable))
            local difference = helper.difference(expected[i], values, tolerance)
            assert.is_nil(difference, ("%s: %s"):format(variable.name, difference))
          end
        end)
      end)
    end
  end

  it("learns the same through compute_gradients and apply_gradients", function()
    local function trained(minimize)
      local graph = neap.graph()
      return graph:as_default(function()
        local loss, feeds = network "float32"
        local step = minimize(neap.train.adam { learning_rate = 0.01 }, loss)
        local session <close> = neap.session(graph)
        for _ = 1, 5 do
          session:run(step, feeds)
        end
        return helper.state(session, graph)
      end)
    end
    local whole = trained(function(optimizer, loss)
      return optimizer:minimize(loss)
    end)
    local halves = trained(function(optimizer, loss)
      return optimizer:apply_gradients(optimizer:compute_gradients(loss))
    end)
    assert.is_true(whole == halves)
  end)

  it("fetches loss and step in one run: the loss before the step", function()
    local graph = neap.graph()
    graph:as_default(function()
      local loss, feeds = network "float32"
      local step = neap.train.gradient_descent({ learning_rate = 0.1 }):minimize(loss)
      local session <close> = neap.session(graph)
      local before = session:run(loss, feeds)
      local together = session:run({ loss = loss, step = step }, feeds)
      assert.equal(before, together.loss)
      assert.is_false(together.step)
      assert.is_true(session:run(loss, feeds) < before)
    end)
  end)
end)

describe("an optimizer", function()
  local graph

  before_each(function()
    graph = neap.graph():as_default()
  end)

  it("trains the trainable variables that the loss depends on", function()
    local a, b = neap.variable(1), neap.variable(2, { trainable = false })
    local c = neap.variable(3)
    local step = neap.train.gradient_descent({ learning_rate = 0.5 }):minimize(a * b)
    local session <close> = neap.session(graph)
    session:run(step)
    assert.equal(0, session:get(a))
    assert.equal(2, session:get(b))
    assert.equal(3, session:get(c))
  end)

  it("trains those that it is told to", function()
    local a, b = neap.variable(1), neap.variable(2)
    local step = neap.train.gradient_descent({ learning_rate = 1 }):minimize(a * b, { b })
    local session <close> = neap.session(graph)
    session:run(step)
    assert.equal(1, session:get(a))
    assert.equal(1, session:get(b))
  end)

  it("gives pairs of gradient and variable", function()
    local a, b = neap.variable(2), neap.variable(5)
    local pairs_of = neap.train.adam({ learning_rate = 1 }):compute_gradients(a * b)
    assert.equal(2, #pairs_of)
    assert.equal(a, pairs_of[1][2])
    assert.equal(b, pairs_of[2][2])
    local session <close> = neap.session(graph)
    assert.same({ 5, 2 }, session:run { pairs_of[1][1], pairs_of[2][1] })
  end)

  it("takes gradients that were changed", function()
    local a = neap.variable(2)
    local optimizer = neap.train.gradient_descent { learning_rate = 1 }
    local list = optimizer:compute_gradients(a * a)
    list[1][1] = list[1][1] * 10
    local step = optimizer:apply_gradients(list)
    local session <close> = neap.session(graph)
    session:run(step)
    assert.equal(2 - 40, session:get(a))
  end)

  it("takes a rate that is a node", function()
    local a, rate = neap.variable(2), neap.placeholder("float32", {})
    local step = neap.train.gradient_descent({ learning_rate = rate }):minimize(3 * a)
    local session <close> = neap.session(graph)
    session:run(step, { [rate] = 1 })
    assert.equal(-1, session:get(a))
    session:run(step, { [rate] = 2 })
    assert.equal(-7, session:get(a))
  end)

  it("keeps its slots as variables that are not trained", function()
    local a = neap.variable { 1, 2 }
    local before = #graph.variables
    neap.train.momentum({ learning_rate = 1, momentum = 0.5 }):minimize(a * a)
    assert.is_true(#graph.variables > before)
    local again = neap.train.gradient_descent({ learning_rate = 1 }):compute_gradients(a * a)
    assert.equal(1, #again)
  end)

  it("takes one variable in the place of a sequence", function()
    local a, b = neap.variable(1), neap.variable(2)
    local optimizer = neap.train.gradient_descent { learning_rate = 1 }
    local step = optimizer:minimize(a * b, b)
    local list = optimizer:compute_gradients(a * b, a)
    assert.equal(1, #list)
    assert.equal(a, list[1][2])
    local session <close> = neap.session(graph)
    session:run(step)
    assert.equal(1, session:get(a))
    assert.equal(1, session:get(b))
  end)

  it("refuses a loss without trainable variables", function()
    local x = neap.placeholder("float32", {})
    local a = neap.variable(1, { name = "a" })
    local optimizer = neap.train.gradient_descent { learning_rate = 1 }
    helper.fails('gradient_descent: multiply "multiply" depends on no trainable variable',
      function() return (optimizer:minimize(x * x)) end)
    helper.fails('gradient_descent: multiply "multiply_1" depends on no given variable',
      function() return (optimizer:minimize(x * x, { a })) end)
  end)

  it("refuses what it does not know, with what it knows, and a rate that is missing", function()
    local calls = {
      ["adam: unknown argument 'lr', known are: beta1, beta2, epsilon, learning_rate"] =
        function() return (neap.train.adam { lr = 0.1 }) end,
      ["momentum: unknown argument 'lr', known are: learning_rate, momentum, nesterov"] =
        function() return (neap.train.momentum { lr = 0.1 }) end,
      ["gradient_descent: unknown argument 'lr', known are: learning_rate, momentum, nesterov"] =
        function() return (neap.train.gradient_descent { lr = 0.1 }) end,
      ["gradient_descent: argument 'learning_rate' is missing"] =
        function() return (neap.train.gradient_descent {}) end,
      ["adam: a table of hyper-parameters expected, got 0.1"] =
        function() return (neap.train.adam(0.1)) end,
      ["adam: options by name expected, got a number as key"] =
        function() return (neap.train.adam { 0.1 }) end,
      ["adam: argument 'beta1': a number expected, got \"0.9\""] =
        function() return (neap.train.adam { learning_rate = 1, beta1 = "0.9" }) end,
    }
    for text, call in pairs(calls) do
      helper.fails(text, call)
    end
  end)

  it("says which of its arguments is no loss, no variable, no pair", function()
    local a, x = neap.variable(1, { name = "a" }), neap.placeholder("float32", {}, "x")
    local o = neap.train.gradient_descent { learning_rate = 1 }
    local calls = {
      ["optimizer.minimize: argument 'loss': a node expected, got 3"] =
        function() return (o:minimize(3)) end,
      ["optimizer.compute_gradients: argument 'loss': a node expected, got nil"] =
        function() return (o:compute_gradients()) end,
      ["optimizer.minimize: argument 'variables': at [2]: placeholder \"x\" is not a variable"] =
        function() return (o:minimize(a * a, { a, x })) end,
      ["optimizer.minimize: argument 'variables': at [1]: a variable expected, got 3"] =
        function() return (o:minimize(a * a, { 3 })) end,
      ["optimizer.minimize: argument 'variables': [1] is nil: a hole in a sequence of 2"] =
        function() return (o:minimize(a * a, { nil, a })) end,
      ["optimizer.compute_gradients: argument 'variables': a variable or a sequence of variables "
        .. "expected, got \"a\""] = function() return (o:compute_gradients(a * a, "a")) end,
      ["optimizer.apply_gradients: a sequence of {gradient, variable} expected, got node"] =
        function() return (o:apply_gradients(a)) end,
      ["optimizer.apply_gradients: [1]: a pair {gradient, variable} expected, got node"] =
        function() return (o:apply_gradients { a }) end,
    }
    for text, call in pairs(calls) do
      helper.fails(text, call)
    end
  end)

  it("refuses a variable of another graph", function()
    local a = neap.variable(1)
    local other = neap.graph():as_default(function()
      return neap.variable(1)
    end)
    assert.has_error(function()
      neap.train.gradient_descent({ learning_rate = 1 }):minimize(a * a, { other })
    end)
  end)
end)

describe("training gives the same bits", function()
  --- A step's variables and losses as bytes, after training on inputs of this size.
  local function trained(batch, sizes, steps, options, optimizer)
    local graph = neap.graph()
    return graph:as_default(function()
      local x = neap.placeholder("float32", { -1, sizes[1] })
      local labels = neap.placeholder("int64", { -1 })
      local h = x
      for i = 2, #sizes do
        local bound = math.sqrt(6 / sizes[i - 1])
        local w = neap.variable(neap.random_uniform({ sizes[i - 1], sizes[i] }, -bound, bound))
        local b = neap.variable(neap.tensor.zeros { sizes[i] })
        h = h:matmul(w) + b
        if i < #sizes then
          h = h:relu()
        end
      end
      local loss = neap.sparse_softmax_cross_entropy_with_logits(labels, h):reduce_mean()
      local step = (optimizer or neap.train.adam { learning_rate = 0.001 }):minimize(loss)
      local session <close> = neap.session(graph, options)
      local parts = {}
      for i = 1, steps do
        local values = session:run({ loss, step }, {
          [x] = helper.uniform(100 + i, { batch, sizes[1] }, 0, 1),
          [labels] = helper.integers(200 + i, { batch }, sizes[#sizes]),
        })
        parts[i] = helper.bytes(values[1])
      end
      return table.concat(parts) .. helper.state(session, graph)
    end)
  end

  it("at 1, 2 and 5 threads, as large as the digits", function()
    local one = trained(64, { 64, 64, 10 }, 40, { threads = 1, seed = 3 })
    assert.is_true(one == trained(64, { 64, 64, 10 }, 40, { threads = 2, seed = 3 }))
    assert.is_true(one == trained(64, { 64, 64, 10 }, 40, { threads = 5, seed = 3 }))
  end)

  it("at 1, 2 and 5 threads, large enough to run in parallel", function()
    local one = trained(128, { 784, 512, 10 }, 4, { threads = 1, seed = 3 })
    assert.is_true(one == trained(128, { 784, 512, 10 }, 4, { threads = 2, seed = 3 }))
    assert.is_true(one == trained(128, { 784, 512, 10 }, 4, { threads = 5, seed = 3 }))
  end)

  it("at a batch that does not divide by anything", function()
    local momentum = neap.train.momentum { learning_rate = 0.01, momentum = 0.9 }
    local one = trained(131, { 197, 263, 7 }, 4, { threads = 1, seed = 9 }, momentum)
    assert.is_true(one == trained(131, { 197, 263, 7 }, 4, { threads = 5, seed = 9 }, momentum))
  end)

  it("with and without the passes over the plan", function()
    local all = trained(32, { 20, 30, 5 }, 5, { threads = 2, seed = 5 })
    assert.is_true(all == trained(32, { 20, 30, 5 }, 5, { threads = 2, seed = 5, passes = "none" }))
    for _, pass in ipairs { "fold", "simplify", "merge", "fuse", "place" } do
      assert.is_true(all == trained(32, { 20, 30, 5 }, 5, { threads = 2, seed = 5, passes = pass }))
    end
  end)

  it("on every run of the same script, and others with another seed", function()
    local one = trained(16, { 8, 8, 3 }, 3, { seed = 1 })
    assert.is_true(one == trained(16, { 8, 8, 3 }, 3, { seed = 1 }))
    assert.is_false(one == trained(16, { 8, 8, 3 }, 3, { seed = 2 }))
  end)
end)
