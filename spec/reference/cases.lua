--- Prints the cases of all samples as JSON, for operations.py: `lua5.4 spec/reference/cases.lua`.
package.path = "spec/?.lua;" .. package.path
local rows = require "samples.all"

local function json(value)
  if type(value) == "table" then
    local parts = {}
    if type(next(value)) == "string" then
      for key, item in pairs(value) do
        parts[#parts + 1] = ("%q: %s"):format(key, json(item))
      end
      table.sort(parts)
      return "{" .. table.concat(parts, ", ") .. "}"
    end
    for i, item in ipairs(value) do
      parts[i] = json(item)
    end
    return "[" .. table.concat(parts, ", ") .. "]"
  elseif type(value) == "string" then
    return ("%q"):format(value)
  elseif type(value) == "boolean" or math.type(value) == "integer" then
    return tostring(value)
  elseif value ~= value then
    return "NaN"
  elseif value == math.huge or value == -math.huge then
    return value > 0 and "Infinity" or "-Infinity"
  end
  return ("%.17g"):format(value)
end

local cases = {}
for op, row in pairs(rows) do
  for number, case in ipairs(row.cases or {}) do
    local inputs = {}
    for i, input in ipairs(case) do
      inputs[i] = { shape = input.shape, kind = input.kind, values = input.values }
    end
    cases[#cases + 1] = { op = op, number = number, inputs = inputs, with = case.with }
  end
end
table.sort(cases, function(a, b)
  return a.op < b.op or a.op == b.op and a.number < b.number
end)
print(json(cases))
