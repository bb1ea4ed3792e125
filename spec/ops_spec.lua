--- Every operation: each has a row of samples (spec/samples), and gives what NumPy gives.
local helper = require "helper"
local neap = require "neap"
local rows = require "samples.all"
local references = require "reference.operations"

local FLOATING <const> = { "float32", "float64" }
local NUMERIC <const> = {
  "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
}
local WIDTH <const> = {
  int8 = 8, int16 = 16, int32 = 32, int64 = 64, uint8 = 8, uint16 = 16, uint32 = 32, uint64 = 64,
}

--- Where the bits of "generic", which multiplies and adds in two roundings, are others than those
-- of AVX2 and AVX-512, which do it in one (docs/numerics.md): by dtype. All else is the same.
local FUSED <const> = {
  float32 = {
    exp = true, log = true, log1p = true, pow = true, sigmoid = true, softplus = true, tanh = true,
    softmax = true, log_softmax = true, reduce_logsumexp = true,
    softmax_cross_entropy_with_logits = true, sparse_softmax_cross_entropy_with_logits = true,
    matmul = true, tensordot = true,
  },
  float64 = { matmul = true, tensordot = true },
}

local operations = neap.ops()

--- The dtypes that a case is tried with.
local function dtypes(row, case)
  local numbers, whole = false, true
  for _, input in ipairs(case) do
    if input.kind == "number" then
      numbers = true
      whole = whole and input.whole
    end
  end
  if not numbers then
    return { "float32" }
  end
  return row.dtypes == "numeric" and whole and NUMERIC or FLOATING
end

--- Whether an integer dtype holds the numbers of a case.
local function holds(dtype, case)
  if not WIDTH[dtype] then
    return true
  end
  local least = dtype:sub(1, 1) == "u" and 0 or -127
  for _, input in ipairs(case) do
    for _, value in ipairs(input.values) do
      if input.kind == "number" and (value < least or value > 127) then
        return false
      end
    end
  end
  return true
end

local function input_dtype(input, dtype, index)
  return input.kind == "bool" and "bool" or input.kind == "index" and index or dtype
end

local function tensors(case, dtype, index)
  local list = {}
  for i, input in ipairs(case) do
    list[i] = neap.tensor(input.values, input_dtype(input, dtype, index), input.shape)
  end
  return list
end

--- The node of a case, over inputs made by `source(input, dtype, position)`.
local function build(op, row, case, source)
  local arguments = {}
  for i, input in ipairs(case) do
    arguments[i] = source(input, i)
  end
  if row.sequence then
    arguments = { arguments }
  end
  if next(case.with) then
    arguments[#arguments + 1] = case.with
  end
  local node = neap[op](table.unpack(arguments)) -- no tail call: errors have a position here
  return node
end

local function result_dtype(row, case, dtype, index)
  local rule = row.result or "same"
  if rule == "given" then
    return case.with.dtype or "float32"
  elseif rule == "quotient" then
    return WIDTH[dtype] and "float32" or dtype
  elseif rule == "same" or rule == "second" or rule == "third" then
    local place = { same = 1, second = 2, third = 3 }
    return input_dtype(case[place[rule]], dtype, index)
  end
  return rule
end

--- What integer arithmetic makes of the exact result.
local function wrapped(values, dtype)
  local width = WIDTH[dtype]
  if not width then
    return values
  end
  local out = {}
  for i, value in ipairs(values) do
    value = math.tointeger(value) or value
    if width < 64 then
      value = value & (1 << width) - 1
      if dtype:sub(1, 1) ~= "u" and value >> width - 1 == 1 then
        value = value - (1 << width)
      end
    end
    out[i] = value
  end
  return out
end

local function tolerance(row, dtype)
  if dtype == "float32" then
    return 2e-6
  end
  return dtype == "float64" and (row.tolerance or 1e-14) or 0
end

local WAYS <const> = {
  { threads = 1 }, { threads = 3 },
  { threads = 1, passes = "none" }, { threads = 2, passes = "none" },
}

describe("an operation", function()
  it("has a row of samples, and no row is without an operation", function()
    local known = {}
    for _, op in ipairs(operations) do
      known[op] = true
      assert.is_truthy(rows[op], op .. " has no row of samples")
      assert.is_truthy(rows[op].check or #rows[op].cases > 0, op .. " has no case")
    end
    for op in pairs(rows) do
      assert.is_true(known[op], op .. " is no operation")
    end
    assert.is_true(#operations >= 60)
  end)

  it("explains itself", function()
    for _, op in ipairs(operations) do
      local text = neap.help(op)
      assert.is_truthy(text:find(op, 1, true), op)
      assert.is_true(#text > #op + 20, op)
    end
  end)
end)

for _, op in ipairs(operations) do
  local row = rows[op] or {}

  describe(op, function()
    if row.check then
      it("does what its row says", function()
        row.check(neap, assert)
      end)
    end

    for number, case in ipairs(row.cases or {}) do
      local expected_shape, expected = table.unpack(references[op][number])

      it(("gives NumPy's values (case %d)"):format(number), function()
        for _, dtype in ipairs(dtypes(row, case)) do
          if holds(dtype, case) then
            for _, index in ipairs { "int64", "int32" } do
              local graph, values = neap.graph(), tensors(case, dtype, index)
              local feeds, node = {}, nil
              graph:as_default(function()
                node = build(op, row, case, function(_, i)
                  local x = neap.placeholder(values[i].dtype, values[i].shape)
                  feeds[x] = values[i]
                  return x
                end)
              end)
              local session <close> = neap.session(graph)
              local value = session:run(node, feeds)
              local got, shape = helper.flat(value)
              local out = result_dtype(row, case, dtype, index)
              assert.equal(out, node.dtype)
              assert.same(expected_shape, node.shape)
              assert.same(expected_shape, shape)
              local difference = helper.difference(wrapped(expected, out), got, tolerance(row, out))
              assert.is_nil(difference, ("%s: %s"):format(dtype, difference))
              if math.type(got[1]) then
                assert.equal(WIDTH[out] and "integer" or "float", math.type(got[1]))
              end
            end
          end
        end
      end)

      it(("gives the same bits however it is built and run (case %d)"):format(number), function()
        for _, dtype in ipairs(FLOATING) do
          local values = tensors(case, dtype, "int64")
          local ways = {
            known = function(i)
              return neap.placeholder(values[i].dtype, values[i].shape)
            end,
            unknown = function(i)
              return neap.placeholder(values[i].dtype)
            end,
            partly = function(i)
              local shape = values[i].shape
              for d = 1, #shape, 2 do
                shape[d] = -1
              end
              return neap.placeholder(values[i].dtype, shape)
            end,
            constant = function(i)
              return neap.constant(values[i])
            end,
          }
          local first
          for way, source in pairs(ways) do
            local graph, feeds, node = neap.graph(), {}, nil
            graph:as_default(function()
              node = build(op, row, case, function(_, i)
                local x = source(i)
                feeds[x] = way ~= "constant" and values[i] or nil
                return x
              end)
            end)
            for _, options in ipairs(WAYS) do
              local session <close> = neap.session(graph, options)
              local bytes = helper.bytes(session:run(node, feeds))
              first = first or bytes
              assert.is_true(first == bytes, ("%s, %s, threads %d, passes %s")
                :format(dtype, way, options.threads, options.passes))
            end
          end
        end
      end)
    end

    for number, case in ipairs(row.cases or {}) do
      it(("gives the same bits under each instruction set (case %d)"):format(number), function()
        for _, dtype in ipairs(dtypes(row, case)) do
          if holds(dtype, case) then
            local graph, values, feeds, node = neap.graph(), tensors(case, dtype, "int64"), {}, nil
            graph:as_default(function()
              node = build(op, row, case, function(_, i)
                local x = neap.placeholder(values[i].dtype, values[i].shape)
                feeds[x] = values[i]
                return x
              end)
            end)
            local bits = {}
            for _, isa in ipairs(helper.instruction_sets()) do
              local session <close> = neap.session(graph, { isa = isa })
              bits[isa] = helper.bytes(session:run(node, feeds))
            end
            assert.is_true(bits.avx512 == nil or bits.avx512 == bits.avx2, dtype)
            local differs = FUSED[dtype] and FUSED[dtype][op]
            assert.is_true(differs or bits.avx2 == nil or bits.avx2 == bits.generic, dtype)
          end
        end
      end)
    end

    for number, case in ipairs(row.bad or {}) do
      it(("refuses what does not fit (case %d)"):format(number), function()
        local values = tensors(case, "float32", "int64")
        local graph = neap.graph()
        graph:as_default(function()
          helper.fails(case.says, build, op, row, case, function(_, i)
            return neap.placeholder(values[i].dtype, values[i].shape)
          end)
          assert.equal(#case, #graph.operations)

          -- Where the shapes are known only when it runs, the run says the same.
          local feeds = {}
          local built, node = pcall(build, op, row, case, function(_, i)
            local x = neap.placeholder(values[i].dtype)
            feeds[x] = values[i]
            return x
          end)
          if built then
            local session <close> = neap.session(graph)
            local text = helper.failure(session.run, session, node, feeds)
            local says = case.says:gsub('"[%w_]+"', ("%q"):format(node.name), 1)
            assert.equal(says, text:sub(1, #says))
          end
        end)
      end)
    end
  end)
end
