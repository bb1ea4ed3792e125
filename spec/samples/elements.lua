--- Element-wise operations.
local inputs = require "samples.inputs"
local uniform, whole, wholes, values = inputs.uniform, inputs.whole, inputs.wholes, inputs.values
local booleans = inputs.booleans
local inf <const>, nan <const> = math.huge, 0 / 0

--- A long row: past one tile, and no multiple of any vector's length.
local LONG <const> = 1067

--- Cases of an operation with one input.
local function one(low, high, more)
  local cases = {
    { uniform({ 2, 3 }, low, high) },
    { uniform({}, low, high) },
    { uniform({ 0, 3 }, low, high) },
    { uniform({ 67 }, low, high) },
  }
  for _, case in ipairs(more or {}) do
    cases[#cases + 1] = case
  end
  return cases
end

--- Cases of an operation with two inputs: the same shape, and every way to broadcast.
local function two(low, high, more)
  local cases = {
    { uniform({ 2, 3 }, low, high), uniform({ 2, 3 }, low, high) },
    { uniform({ 2, 3 }, low, high), uniform({ 3 }, low, high) },
    { uniform({ 3 }, low, high), uniform({ 2, 1 }, low, high) },
    { uniform({}, low, high), uniform({ 2, 2 }, low, high) },
    { uniform({ 2, 1, 3 }, low, high), uniform({ 4, 1 }, low, high) },
    { uniform({ 0, 3 }, low, high), uniform({ 1 }, low, high) },
    { uniform({ 1, 3 }, low, high), uniform({ 0, 1 }, low, high) },
    { uniform({}, low, high), uniform({}, low, high) },
  }
  for _, case in ipairs(more or {}) do
    cases[#cases + 1] = case
  end
  return cases
end

--- What every operation with two inputs refuses.
local function disagreeing(op)
  return {
    {
      uniform { 2, 3 }, uniform { 2, 4 },
      says = op .. ' "' .. op .. '": shapes do not broadcast: (2, 3) and (2, 4)',
    },
    {
      uniform { 5 }, uniform { 0 },
      says = op .. ' "' .. op .. '": shapes do not broadcast: (5,) and (0,)',
    },
  }
end

--- Cases of whole division, the last six for integers too: signs, broadcasting, no element.
local function divisions(divisors)
  return {
    { uniform({ 2, 3 }, -9, 9), uniform({ 3 }, 0.5, 2) },
    { values({ 4 }, { 7, -7, 7, -7 }), values({ 4 }, divisors), gradient = false },
    { uniform { 0, 3 }, uniform { 3 } },
    {
      wholes({ 8 }, { 7, -7, 7, -7, 6, -6, 0, -1 }), wholes({ 8 }, { 2, 2, -2, -2, 3, -3, -5, 9 }),
      gradient = false,
    },
    { whole({ 2, 1, 5 }, 0, 127), whole({ 3, 1 }, 1, 9), gradient = false },
    { whole({ 4 }, -100, 100), wholes({}, { -7 }), gradient = false },
    { whole({ 2, 3 }, 0, 127), whole({ 2, 3 }, 1, 20), gradient = false },
    { whole({}, 0, 127), whole({ 6 }, 1, 20), gradient = false },
    { whole({ 0, 3 }, 0, 9), wholes({ 3 }, { 1, 0, 2 }), gradient = false },
  }
end

return {
  identity = {
    dtypes = "numeric",
    cases = one(-2, 2, { { whole({ 5 }, 0, 9) }, { booleans { 4 } } }),
  },
  stop_gradient = { dtypes = "numeric", gradient = "stopped", cases = one(-2, 2) },
  cast = {
    result = "given",
    cases = {
      { uniform({ 2, 3 }, -9, 9), with = { dtype = "int32" } },
      { uniform({ 5 }, -9, 9), with = { dtype = "float64" } },
      { uniform({ 5 }, -9, 9), with = { dtype = "uint16" } },
      { uniform({ 5 }, 0, 1e9), with = { dtype = "uint32" }, gradient = false },
      { uniform({ 5 }, 0, 1e18), with = { dtype = "uint64" }, gradient = false },
      { values({ 3 }, { 0, 0.25, -1 }), with = { dtype = "bool" } },
      {
        values({ 5 }, { nan, inf, -inf, 1e10, -1e10 }), with = { dtype = "int32" },
        gradient = false,
      },
      { booleans { 4 }, with = { dtype = "float32" } },
      { uniform { 0, 2 }, with = { dtype = "int64" } },
    },
  },
  negative = { dtypes = "numeric", cases = one(-2, 2, { { whole({ 6 }, 0, 100) } }) },
  abs = { dtypes = "numeric", cases = one(-2, 2, { { whole({ 6 }, -100, 100) } }) },
  sign = {
    dtypes = "numeric",
    cases = one(-2, 2, { { wholes({ 3 }, { -7, 0, 3 }), gradient = false } }),
  },
  square = { dtypes = "numeric", cases = one(-2, 2, { { whole({ 6 }, -11, 11) } }) },
  sqrt = { cases = one(0.1, 4, { { values({ 3 }, { 0, inf, -1 }), gradient = false } }) },
  exp = {
    cases = one(-5, 5, { { values({ 5 }, { -1000, 1000, 0, inf, nan }), gradient = false } }),
  },
  log = { cases = one(0.1, 4, { { values({ 4 }, { 0, 1, inf, -1 }), gradient = false } }) },
  log1p = {
    cases = one(-0.9, 4, {
      { values({ 6 }, { 0, 1e-9, -1, inf, -2, nan }), gradient = false },
      { uniform({ LONG }, -0.5, 0.5) },
    }),
  },
  sigmoid = {
    cases = one(-5, 5, { { values({ 5 }, { -1000, 1000, 0, -inf, nan }), gradient = false } }),
  },
  tanh = {
    cases = one(-4, 4, { { values({ 5 }, { -1000, 1000, 0, 1e-9, nan }), gradient = false } }),
  },
  softplus = {
    cases = one(-5, 5, {
      { values({ 6 }, { -10000, 10000, 0, inf, -inf, nan }), gradient = false },
      { uniform({ LONG }, -90, 90) },
    }),
  },
  leaky_relu = {
    cases = one(-2, 2, {
      { uniform({ 2, 5 }, -2, 2), with = { alpha = 0.01 } },
      { values({ 5 }, { -10000, 10000, inf, -inf, nan }), gradient = false },
      { uniform({ LONG }, -2, 2), with = { alpha = -1.5 } },
    }),
  },
  relu = {
    dtypes = "numeric",
    cases = one(-2, 2, { { whole({ 6 }, -9, 9), gradient = false }, { uniform { LONG } } }),
  },

  add = {
    dtypes = "numeric",
    cases = two(-2, 2, {
      { whole({ 2, 3 }, 0, 100), whole({ 3 }, 0, 100) },
      { uniform { LONG }, uniform { 1 } },
    }),
    bad = disagreeing "add",
  },
  subtract = {
    dtypes = "numeric",
    cases = two(-2, 2, { { whole({ 2, 3 }, 0, 100), whole({ 3 }, 0, 100) } }),
    bad = disagreeing "subtract",
  },
  multiply = {
    dtypes = "numeric",
    cases = two(-2, 2, { { whole({ 2, 3 }, 0, 11), whole({ 3 }, 0, 100) } }),
    bad = disagreeing "multiply",
  },
  divide = {
    dtypes = "numeric",
    result = "quotient",
    cases = two(0.5, 2, {
      { whole({ 2, 3 }, 0, 100), whole({ 3 }, 1, 9) },
      { values({ 3 }, { 1, -1, 0 }), values({}, { 0 }), gradient = false },
    }),
    bad = disagreeing "divide",
  },
  floor_divide = {
    dtypes = "numeric",
    cases = divisions { 2, 2, -2, -2 },
    bad = disagreeing "floor_divide",
  },
  mod = {
    dtypes = "numeric",
    cases = divisions { 4, 4, -4, -4 },
    bad = disagreeing "mod",
  },
  pow = {
    dtypes = "numeric",
    cases = {
      { uniform({ 2, 3 }, 0.5, 2), uniform({ 2, 3 }, -2, 2) },
      { uniform({ 2, 3 }, 0.5, 2), values({}, { 3 }) },
      { values({}, { 2 }), uniform({ 4 }, -2, 2) },
      { whole({ 5 }, 0, 3), wholes({}, { 4 }), gradient = false },
      {
        values({ 6 }, { 0, 0, 0, -2, -2, inf }), values({ 6 }, { 0, 2, -1, 3, 0.5, 0 }),
        gradient = false,
      },
      { uniform({ 0, 3 }, 0.5, 2), uniform { 3 } },
    },
    bad = disagreeing "pow",
  },
  maximum = {
    dtypes = "numeric",
    cases = two(-2, 2, {
      { whole({ 2, 3 }, 0, 9), whole({ 3 }, 0, 9), gradient = false },
      { values({ 3 }, { nan, 1, nan }), values({ 3 }, { 1, nan, nan }), gradient = false },
    }),
    bad = disagreeing "maximum",
  },
  minimum = {
    dtypes = "numeric",
    cases = two(-2, 2, {
      { whole({ 2, 3 }, 0, 9), whole({ 3 }, 0, 9), gradient = false },
      { values({ 3 }, { nan, 1, nan }), values({ 3 }, { 1, nan, nan }), gradient = false },
    }),
    bad = disagreeing "minimum",
  },
  equal = {
    dtypes = "numeric",
    result = "bool",
    cases = {
      { whole({ 3, 4 }, 0, 2), whole({ 4 }, 0, 2), gradient = false },
      { values({ 3 }, { nan, inf, 0 }), values({ 3 }, { nan, inf, -0.0 }), gradient = false },
      { booleans { 6 }, booleans { 6 } },
      { uniform { 0, 3 }, uniform {} },
    },
    bad = disagreeing "equal",
  },
  less = {
    dtypes = "numeric",
    result = "bool",
    cases = {
      { uniform { 2, 3 }, uniform { 3 } },
      { whole({ 3, 4 }, 0, 3), whole({ 4 }, 0, 3), gradient = false },
      { values({ 3 }, { nan, 0, -inf }), values({ 3 }, { 0, nan, inf }), gradient = false },
      { uniform { 0, 3 }, uniform {} },
    },
    bad = disagreeing "less",
  },
  greater = {
    dtypes = "numeric",
    result = "bool",
    cases = {
      { uniform { 2, 3 }, uniform { 3 } },
      { whole({ 3, 4 }, 0, 3), whole({ 4 }, 0, 3), gradient = false },
      { values({ 3 }, { nan, 0, inf }), values({ 3 }, { 0, nan, -inf }), gradient = false },
      { uniform { 0, 3 }, uniform {} },
    },
    bad = disagreeing "greater",
  },
  where = {
    dtypes = "numeric",
    result = "third",
    cases = {
      { booleans { 2, 3 }, uniform { 2, 3 }, uniform { 2, 3 } },
      { booleans { 2, 1 }, uniform { 3 }, uniform {} },
      { booleans { 5 }, whole({ 5 }, 0, 9), whole({ 5 }, 10, 19) },
      { booleans {}, uniform { 2, 2 }, uniform { 2 } },
      { booleans { 4 }, booleans { 4 }, booleans { 4 } },
      { booleans { 3, 1 }, uniform { 0 }, uniform { 1 } },
    },
    bad = {
      {
        booleans { 2, 3 }, uniform { 4 }, uniform {},
        says = 'where "where": shapes do not broadcast: (2, 3) and (4,)',
      },
    },
  },
}
