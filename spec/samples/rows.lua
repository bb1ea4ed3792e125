--- Softmax and its losses.
local inputs = require "samples.inputs"
local uniform, values, distribution = inputs.uniform, inputs.values, inputs.distribution
local index, indices = inputs.index, inputs.indices

local function softmax(op)
  return {
    cases = {
      { uniform { 2, 5 } },
      { uniform { 7 } },
      { uniform { 2, 3, 4 }, with = { axis = 1 } },
      { uniform { 3, 4 }, with = { axis = 0 } },
      { values({ 2, 2 }, { 1000, 1000, -1000, 1000 }), gradient = false },
      { uniform { 0, 4 } },
      { uniform { 3, 1 } },
      { uniform { 3, 67 } },
    },
    bad = {
      {
        uniform { 2, 3 }, with = { axis = 2 },
        says = op .. ' "' .. op .. '": axis 2 is out of range for rank 2',
      },
    },
  }
end

return {
  softmax = softmax "softmax",
  log_softmax = softmax "log_softmax",
  softmax_cross_entropy_with_logits = {
    result = "second",
    tolerance = 1e-13,
    cases = {
      { distribution { 3, 5 }, uniform { 3, 5 } },
      { distribution { 5 }, uniform { 5 } },
      { distribution { 2, 3, 4 }, uniform { 2, 3, 4 } },
      { uniform({ 4, 3 }, 0, 1), uniform { 4, 3 }, with = { axis = 0 } },
      { values({ 1, 2 }, { 1, 0 }), values({ 1, 2 }, { -1000, 1000 }), gradient = false },
      { uniform { 0, 3 }, uniform { 0, 3 } },
    },
    bad = {
      {
        uniform { 2, 3 }, uniform { 2, 4 },
        says = 'softmax_cross_entropy_with_logits "softmax_cross_entropy_with_logits": '
          .. "labels and logits differ: (2, 3) and (2, 4)",
      },
    },
  },
  sparse_softmax_cross_entropy_with_logits = {
    result = "second",
    tolerance = 1e-13,
    cases = {
      { indices({ 4 }, 5), uniform { 4, 5 } },
      { index({}, { 2 }), uniform { 3 } },
      { indices({ 2, 3 }, 4), uniform { 2, 3, 4 } },
      { index({ 1 }, { 0 }), values({ 1, 2 }, { -1000, 1000 }), gradient = false },
      { index({ 0 }, {}), uniform { 0, 3 } },
    },
    bad = {
      {
        indices({ 3 }, 5), uniform { 4, 5 },
        says = "sparse_softmax_cross_entropy_with_logits "
          .. '"sparse_softmax_cross_entropy_with_logits": labels (3,) do not fit logits (4, 5)',
      },
    },
  },
}
