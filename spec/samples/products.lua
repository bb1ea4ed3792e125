--- Linear algebra.
local inputs = require "samples.inputs"
local uniform = inputs.uniform

local function matmul(a, b, with)
  return { uniform(a), uniform(b), with = with }
end
local function differ(a, b, text, with)
  return {
    uniform(a), uniform(b), with = with,
    says = 'matmul "matmul": ' .. text,
  }
end

return {
  matmul = {
    tolerance = 1e-13,
    cases = {
      matmul({ 2, 3 }, { 3, 4 }),
      matmul({ 3 }, { 3 }),
      matmul({ 2, 3 }, { 3 }),
      matmul({ 3 }, { 3, 2 }),
      matmul({ 3, 2 }, { 3, 4 }, { transpose_a = true }),
      matmul({ 2, 3 }, { 4, 3 }, { transpose_b = true }),
      matmul({ 3, 2 }, { 4, 3 }, { transpose_a = true, transpose_b = true }),
      matmul({ 5, 2, 3 }, { 5, 3, 4 }),
      matmul({ 5, 2, 3 }, { 3, 4 }),
      matmul({ 2, 3 }, { 5, 3, 4 }),
      matmul({ 2, 1, 2, 3 }, { 3, 3, 2 }),
      matmul({ 4, 2, 3 }, { 3 }),
      matmul({ 3 }, { 4, 3, 2 }),
      matmul({ 2, 3, 2 }, { 1, 4, 3 }, { transpose_a = true, transpose_b = true }),
      matmul({ 0, 3 }, { 3, 4 }),
      matmul({ 2, 0 }, { 0, 4 }),
      matmul({ 2, 3 }, { 3, 0 }),
      matmul({ 0, 2, 3 }, { 3, 4 }),
      matmul({ 1, 1 }, { 1, 1 }),
      matmul({ 17, 19 }, { 19, 23 }),
    },
    bad = {
      differ({ 2, 3 }, { 4, 5 }, "inner dimensions differ: (2, 3) x (4, 5)"),
      differ({ 3 }, { 4 }, "inner dimensions differ: (3,) x (4,)"),
      differ({ 3, 2 }, { 2, 4 }, "inner dimensions differ: transposed (3, 2) x (2, 4)",
        { transpose_a = true }),
      differ({ 2, 2, 3 }, { 3, 3, 4 }, "batch dimensions do not broadcast: (2, 2, 3) x (3, 3, 4)"),
      differ({}, { 3 }, "inputs need rank 1 or more: () x (3,)"),
    },
  },
  tensordot = {
    dtypes = "numeric",
    tolerance = 1e-13,
    cases = {
      { uniform { 2, 3 }, uniform { 3, 4 }, with = { axes = 1 } },
      { uniform { 2, 3 }, uniform { 2, 2 }, with = { axes = 0 } },
      { uniform { 2, 3, 4 }, uniform { 3, 4, 5 }, with = { axes = 2 } },
      { uniform { 2, 3 }, uniform { 2, 3 }, with = { axes = { { 0, 1 }, { 0, 1 } } } },
      { uniform { 2, 3, 4 }, uniform { 4, 5, 2 }, with = { axes = { { 0, 2 }, { 2, 0 } } } },
      { uniform { 3, 2, 4 }, uniform { 5, 3 }, with = { axes = { { 0 }, { -1 } } } },
      { uniform { 2, 3, 4 }, uniform { 4, 3, 5 }, with = { axes = { { -1, 1 }, { 0, 1 } } } },
      { uniform { 3, 2, 4 }, uniform { 2, 3, 5, 2 }, with = { axes = { { 1 }, { 3 } } } },
      { uniform { 3, 2, 4, 2 }, uniform { 4, 5, 3 }, with = { axes = { { 2, 0 }, { 0, 2 } } } },
      { uniform { 1, 3, 1 }, uniform { 3, 1, 2 }, with = { axes = { { 1 }, { 0 } } } },
      { uniform {}, uniform { 2, 3 }, with = { axes = 0 } },
      { uniform { 3 }, uniform { 3 }, with = { axes = 1 } },
      { uniform { 2, 3 }, uniform { 4, 2 }, with = { axes = { 0, 1 } } },
      { uniform { 2, 0 }, uniform { 0, 4 }, with = { axes = 1 } },
      { uniform { 0, 3 }, uniform { 3, 4 }, with = { axes = 1 } },
      { uniform({ 40, 30, 20 }, -0.2, 0.2), uniform({ 20, 25, 30 }, -0.2, 0.2),
        with = { axes = { { 1, 2 }, { 2, 0 } } } },
      { inputs.whole({ 2, 3, 4 }, 0, 9), inputs.whole({ 4, 2 }, 0, 9),
        with = { axes = { { 0, 2 }, { 1, 0 } } } },
      { inputs.whole({ 2, 3 }, -4, 9), inputs.whole({ 3, 4 }, -9, 9), with = { axes = 1 } },
    },
    bad = {
      {
        uniform { 2, 3 }, uniform { 4, 5 }, with = { axes = 1 },
        says = 'tensordot "tensordot": axis 1 of a and axis 0 of b differ: (2, 3) and (4, 5)',
      },
      {
        uniform { 2, 3 }, uniform { 3 }, with = { axes = 2 },
        says = 'tensordot "tensordot": 2 axes are asked for, input b has rank 1',
      },
      {
        uniform { 2, 3 }, uniform { 3 }, with = { axes = -1 },
        says = 'tensordot "tensordot": -1 axes are asked for, input a has rank 2',
      },
      {
        uniform { 2, 3 }, uniform { 3, 3 }, with = { axes = { { 1, -1 }, { 0, 1 } } },
        says = 'tensordot "tensordot": axis -1 is given twice',
      },
      {
        uniform { 2, 3 }, uniform { 3 }, with = { axes = { { 1, 0 }, { 0, 0 } } },
        says = 'tensordot "tensordot": 2 axes are named, input b has rank 1',
      },
      {
        uniform { 2, 3 }, uniform { 3, 2 }, with = { axes = { { 2 }, { 0 } } },
        says = 'tensordot "tensordot": axis 2 is out of range for rank 2',
      },
    },
  },
  transpose = {
    dtypes = "numeric",
    cases = {
      { uniform { 2, 3 } },
      { uniform { 2, 3, 4 } },
      { uniform { 2, 3, 4 }, with = { perm = { 0, 2, 1 } } },
      { uniform { 2, 3, 4 }, with = { perm = { 2, 0, 1 } } },
      { uniform { 2, 3, 4, 5 }, with = { perm = { -1, 1, 2, 0 } } },
      { uniform { 5 } },
      { uniform {} },
      { uniform { 0, 3 } },
      { uniform { 37, 41 } },
      { inputs.whole({ 2, 3 }, 0, 9) },
    },
    bad = {
      {
        uniform { 2, 3 }, with = { perm = { 0 } },
        says = 'transpose "transpose": perm has 1 entry, for rank 2',
      },
      {
        uniform { 2, 3 }, with = { perm = { 1, 1 } },
        says = 'transpose "transpose": axis 1 is given twice',
      },
      {
        uniform { 2, 3 }, with = { perm = { 0, 2 } },
        says = 'transpose "transpose": axis 2 is out of range for rank 2',
      },
    },
  },
}
