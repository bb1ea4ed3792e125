--- The rows of samples, by operation. A row:
--   dtypes     those that its numbers are tried with: "floating" (the default) or "numeric"
--   result     the dtype of the result: "same" (the default), "bool", "int64", or "quotient"
--              (integers give float32)
--   sequence   its inputs are one sequence
--   gradient   "stopped": none, though the values depend on the inputs
--   tolerance  in float64, relative to max(1, |value|); 1e-14 if absent
--   cases      each: inputs, then by name
--                with       attributes
--                gradient   false: not differentiable there (a kink, a tie, a pole)
--                only       the one dtype of this case
--   bad        each: inputs, `with`, `only`, and the whole error text `says`, at building; `runs`
--              is the text at running, where shapes are not known before, if it differs
--   check      a function in place of cases: for what has effects, or is random
-- Expected values are in reference/operations.lua, made by reference/operations.py with NumPy.
local inputs = require "samples.inputs"

local rows = {}
local files = { "sources", "elements", "reductions", "products", "shapes", "rows", "state" }
for _, file in ipairs(files) do
  for op, row in pairs(require("samples." .. file)) do
    assert(not rows[op], op .. " has two rows")
    rows[op] = row
    for _, list in ipairs { "cases", "bad" } do
      for number, case in ipairs(row[list] or {}) do
        case.with = case.with or {}
        for position, input in ipairs(case) do
          inputs.make(input, ("%s/%s/%d/%d"):format(op, list, number, position))
        end
      end
    end
  end
end
return rows
