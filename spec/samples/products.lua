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
