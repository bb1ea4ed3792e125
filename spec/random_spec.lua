--- Random numbers: they repeat with the seed at any number of threads, differ from run to run, and
-- are spread as they should be.
local neap = require "neap"

local graph

before_each(function()
  graph = neap.graph():as_default()
end)

local function session(options)
  return neap.session(graph, options)
end

--- The mean and the variance of a flat sequence.
local function moments(values)
  local sum, squares = 0, 0
  for _, value in ipairs(values) do
    sum = sum + value
  end
  local mean = sum / #values
  for _, value in ipairs(values) do
    squares = squares + (value - mean) ^ 2
  end
  return mean, squares / #values
end

--- The greatest distance between the distribution of values and a function (Kolmogorov, Smirnov).
local function distance(values, distribution)
  table.sort(values)
  local greatest = 0
  for i, value in ipairs(values) do
    local p = distribution(value)
    greatest = math.max(greatest, math.abs(p - i / #values), math.abs(p - (i - 1) / #values))
  end
  return greatest
end

--- The normal distribution function: Abramowitz and Stegun 26.2.17, to 7.5e-8.
local function normal(x)
  local t = 1 / (1 + 0.2316419 * math.abs(x))
  local series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937
    + t * (-1.821255978 + t * 1.330274429))))
  local tail = math.exp(-x * x / 2) / math.sqrt(2 * math.pi) * series
  return x > 0 and 1 - tail or tail
end

local COUNT <const> = 50000
-- One in ten thousand samples of a right distribution is further off than this.
local FAR <const> = 2.23 / math.sqrt(COUNT)

describe("random numbers", function()
  for _, op in ipairs { "random_uniform", "random_normal", "truncated_normal" } do
    it(("of %s repeat with the session's seed, at any number of threads"):format(op), function()
      local x = neap[op] { 100003 }
      local first
      for _, threads in ipairs { 1, 2, 5 } do
        for _, passes in ipairs { "none", "fuse,place", false } do
          local s <close> = session { seed = 5, threads = threads, passes = passes or nil }
          local bytes = s:run(x):tobytes() .. s:run(x):tobytes()
          first = first or bytes
          assert.is_true(first == bytes)
        end
      end
      local other <close> = session { seed = 6 }
      assert.is_false(first:sub(1, 400) == other:run(x):tobytes():sub(1, 400))
    end)

    it(("of %s are new in each run"):format(op), function()
      local x = neap[op] { 10 }
      local s <close> = session { seed = 5 }
      local seen = {}
      for _ = 1, 20 do
        local bytes = s:run(x):tobytes()
        assert.is_nil(seen[bytes])
        seen[bytes] = true
      end
    end)

    it(("of %s differ between two operations"):format(op), function()
      local x, y = neap[op] { 10 }, neap[op] { 10 }
      local s <close> = session { seed = 5 }
      local values = s:run { x, y }
      assert.is_false(values[1]:tobytes() == values[2]:tobytes())
    end)

    it(("of %s are the same for two operations with one seed"):format(op), function()
      local x, y = neap[op]({ 10 }, { seed = 3 }), neap[op]({ 10 }, { seed = 3 })
      local s <close> = session { seed = 5 }
      local values = s:run { x, y }
      assert.is_true(values[1]:tobytes() == values[2]:tobytes())
    end)

    it(("of %s do not depend on the size that is drawn"):format(op), function()
      local n = neap.placeholder("int64", { 1 })
      local x = neap[op](n, { seed = 3 })
      local one <close> = session { seed = 5 }
      local two <close> = session { seed = 5, threads = 3 }
      local short = one:run(x, { [n] = neap.tensor({ 100 }, "int64") }):tobytes()
      local long = two:run(x, { [n] = neap.tensor({ 70000 }, "int64") }):tobytes()
      assert.is_true(short == long:sub(1, #short))
    end)
  end

  it("are drawn once in a run, for all that use them", function()
    local x = neap.random_normal { 100 }
    local zero = x - x
    local s <close> = session()
    local values = s:run { x, zero, x * 2 }
    local flat, twice = values[1]:totable(), values[3]:totable()
    for i = 1, 100 do
      assert.equal(0, values[2][i])
      assert.equal(2 * flat[i], twice[i])
    end
  end)

  it("are not folded, merged or kept", function()
    local x, y = neap.random_uniform({ 3 }), neap.random_uniform { 3 }
    local s <close> = session { seed = 1 }
    local difference = s:run(x - y)
    assert.is_true(difference[1] ~= 0 or difference[2] ~= 0)
    assert.is_false(s:run(x - y):tobytes() == difference:tobytes())
  end)

  it("differ between sessions without a seed only if they say so, and then repeat", function()
    local x = neap.random_uniform { 4 }
    local one <close> = session { seed = 0 }
    local two <close> = session { seed = 0 }
    assert.is_true(one:run(x):tobytes() == two:run(x):tobytes())
  end)

  it("depend on the run, not on what else is fetched in it", function()
    local x, y = neap.random_uniform { 4 }, neap.random_uniform { 4 }
    local one <close> = session { seed = 9 }
    local two <close> = session { seed = 9 }
    local alone = one:run(x)
    local together = two:run { y, x }
    assert.is_true(alone:tobytes() == together[2]:tobytes())
  end)
end)

describe("random_uniform", function()
  it("is spread evenly over its half-open range", function()
    local x = neap.random_uniform({ COUNT }, -3, 5)
    local s <close> = session { seed = 1 }
    local values = s:run(x):totable()
    local mean, variance = moments(values)
    assert.near(1, mean, 5 * 8 / math.sqrt(12 * COUNT))
    assert.near(64 / 12, variance, 0.1)
    for _, value in ipairs(values) do
      assert.is_true(value >= -3 and value < 5)
    end
    assert.is_true(distance(values, function(v)
      return (v + 3) / 8
    end) < FAR)
  end)

  it("uses all bits of a double", function()
    local x = neap.random_uniform({ COUNT }, { dtype = "float64" })
    local s <close> = session { seed = 1 }
    local values = s:run(x):totable()
    local fine = 0
    for _, value in ipairs(values) do
      if value * 2 ^ 30 % 1 ~= 0 then
        fine = fine + 1
      end
    end
    assert.is_true(fine > COUNT * 0.99)
    assert.is_true(distance(values, function(v)
      return v
    end) < FAR)
  end)

  it("draws integers below the upper bound, each as often", function()
    for _, dtype in ipairs { "int32", "int64" } do
      local x = neap.random_uniform({ COUNT }, -2, 5, { dtype = dtype })
      local s <close> = session { seed = 2 }
      local counts = {}
      for _, value in ipairs(s:run(x):totable()) do
        counts[value] = (counts[value] or 0) + 1
      end
      local chi = 0
      for value = -2, 4 do
        chi = chi + (counts[value] - COUNT / 7) ^ 2 / (COUNT / 7)
        counts[value] = nil
      end
      assert.is_nil(next(counts))
      assert.is_true(chi < 30)
    end
  end)
end)

describe("random_normal", function()
  it("has the mean, deviation and shape that it should", function()
    for _, dtype in ipairs { "float32", "float64" } do
      local x = neap.random_normal({ COUNT }, 2, 3, { dtype = dtype })
      local s <close> = session { seed = 3 }
      local values = s:run(x):totable()
      local mean, variance = moments(values)
      assert.near(2, mean, 5 * 3 / math.sqrt(COUNT))
      assert.near(9, variance, 0.3)
      assert.is_true(distance(values, function(v)
        return normal((v - 2) / 3)
      end) < FAR)
    end
  end)

  it("has no correlation between neighbours", function()
    local s <close> = session { seed = 3 }
    local values = s:run(neap.random_normal { COUNT }):totable()
    local sum = 0
    for i = 2, COUNT do
      sum = sum + values[i] * values[i - 1]
    end
    assert.is_true(math.abs(sum / COUNT) < 5 / math.sqrt(COUNT))
  end)
end)

describe("truncated_normal", function()
  it("stays within two deviations, and is normal there", function()
    local s <close> = session { seed = 4 }
    local values = s:run(neap.truncated_normal({ COUNT }, 1, 2)):totable()
    for _, value in ipairs(values) do
      assert.is_true(value >= 1 - 4 and value <= 1 + 4)
    end
    local mean, variance = moments(values)
    assert.near(1, mean, 0.05)
    assert.near(4 * 0.7737, variance, 0.1)
    local low, high = normal(-2), normal(2)
    assert.is_true(distance(values, function(v)
      return (normal((v - 1) / 2) - low) / (high - low)
    end) < FAR)
  end)
end)
