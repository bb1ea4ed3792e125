--- Reductions.
local inputs = require "samples.inputs"
local uniform, whole, wholes, values = inputs.uniform, inputs.whole, inputs.wholes, inputs.values
local inf <const>, nan <const> = math.huge, 0 / 0

local function reductions(op, more, empty)
  local row = {
    cases = {
      { uniform { 2, 3, 4 } },
      { uniform { 2, 3, 4 }, with = { axis = 1 } },
      { uniform { 2, 3, 4 }, with = { axis = -1, keepdims = true } },
      { uniform { 2, 3, 4 }, with = { axis = { 0, 2 } } },
      { uniform { 2, 3, 4 }, with = { axis = { 2, 0 }, keepdims = true } },
      { uniform { 2, 3 }, with = { keepdims = true } },
      { uniform { 2, 3 }, with = { axis = {} } },
      { uniform {} },
      { uniform { 5, 67 }, with = { axis = 1 } },
      { uniform { 67, 5 }, with = { axis = 0 } },
      { uniform { 3, 0 }, with = { axis = 0 } },
      { uniform { 2000 } },
    },
    bad = {
      {
        uniform { 2, 3 }, with = { axis = 2 },
        says = op .. ' "' .. op .. '": axis 2 is out of range for rank 2',
      },
      {
        uniform { 2, 3 }, with = { axis = -3 },
        says = op .. ' "' .. op .. '": axis -3 is out of range for rank 2',
      },
      {
        uniform { 2, 3 }, with = { axis = { 0, -2 } },
        says = op .. ' "' .. op .. '": axis -2 is given twice',
      },
    },
  }
  if empty then
    row.cases[#row.cases + 1] = { uniform { 3, 0 }, with = { axis = 1 }, gradient = false }
  end
  for _, case in ipairs(more or {}) do
    row.cases[#row.cases + 1] = case
  end
  return row
end

local rows = {
  reduce_sum = reductions("reduce_sum", { { whole({ 3, 4 }, 0, 9), with = { axis = 0 } } }, true),
  reduce_mean = reductions("reduce_mean", nil, true),
  reduce_max = reductions("reduce_max", {
    { whole({ 3, 4 }, 0, 99), with = { axis = 0 }, gradient = false },
    { values({ 3 }, { -inf, -inf, -inf }), gradient = false },
    { values({ 3 }, { 1, nan, 2 }), gradient = false },
  }, true),
  reduce_min = reductions("reduce_min", {
    { whole({ 3, 4 }, 0, 99), with = { axis = 0 }, gradient = false },
    { values({ 3 }, { inf, inf, inf }), gradient = false },
    { values({ 3 }, { 1, nan, 2 }), gradient = false },
  }, true),
  reduce_prod = reductions("reduce_prod", {
    { wholes({ 6 }, { 1, 2, 3, 1, 4, 2 }), gradient = false },
    { values({ 2, 3 }, { 2, 0, 3, 0, 5, 0 }), with = { axis = 1 } },
    { values({ 3 }, { -2, inf, 3 }), gradient = false },
  }, true),
  reduce_logsumexp = reductions("reduce_logsumexp", {
    { values({ 3 }, { 1000, 1000, -inf }), gradient = false },
    { values({ 2 }, { -inf, -inf }), gradient = false },
    { values({ 2 }, { inf, 0 }), gradient = false },
  }, true),
  argmax = {
    dtypes = "numeric",
    result = "int64",
    cases = {
      { uniform { 3, 4 } },
      { uniform { 3, 4 }, with = { axis = 1 } },
      { uniform { 2, 3, 4 }, with = { axis = -2 } },
      { wholes({ 6 }, { 1, 3, 3, 0, 3, 2 }), gradient = false },
      { whole({ 4, 5 }, 0, 3), with = { axis = 1 }, gradient = false },
      { uniform { 0, 3 }, with = { axis = 1 } },
    },
    bad = {
      {
        uniform { 2, 3 }, with = { axis = 2 },
        says = 'argmax "argmax": axis 2 is out of range for rank 2',
      },
      {
        uniform { 2, 0 }, with = { axis = 1 },
        says = 'argmax "argmax": axis 1 of (2, 0) has no elements',
      },
    },
  },
}
rows.reduce_sum.dtypes = "numeric"
rows.reduce_max.dtypes = "numeric"
rows.reduce_min.dtypes = "numeric"
rows.reduce_prod.dtypes = "numeric"
for _, op in ipairs { "reduce_sum", "reduce_mean", "reduce_prod", "reduce_logsumexp" } do
  rows[op].tolerance = 1e-13
end
return rows
