--- Operations without inputs, and those that copy a shape alone.
local inputs = require "samples.inputs"
local uniform, whole = inputs.uniform, inputs.whole

--- Draws of one distribution, as a flat sequence.
local function draws(neap, op, attributes)
  local graph = neap.graph()
  local node = graph:as_default(function()
    return neap[op](attributes)
  end)
  local session <close> = neap.session(graph, { seed = 7 })
  return session:run(node), session:run(node)
end

local function filled(op)
  return {
    result = "given",
    cases = {
      { with = { shape = { 2, 3 } } },
      { with = { shape = {} } },
      { with = { shape = { 0, 3 } } },
      { with = { shape = { 2 }, dtype = "int32" } },
      { with = { shape = { 2, 1 }, dtype = "float64" } },
      { with = { shape = { 3 }, dtype = "bool" } },
      { with = { shape = { 3 }, dtype = "uint8" } },
      { with = { shape = { 3 }, dtype = "uint64" } },
    },
    bad = {
      {
        with = { shape = { -2 } },
        says = op .. ' "' .. op .. '": shape[0] = -2 is negative',
      },
    },
  }
end

local function like()
  return {
    dtypes = "numeric",
    cases = {
      { uniform { 2, 3 } },
      { uniform {} },
      { uniform { 0, 3 } },
      { whole({ 4 }, 0, 9) },
    },
  }
end

--- A random source keeps its shape and dtype, and gives new numbers in each run.
local function random(op, attributes)
  return {
    check = function(neap, assert)
      for _, dtype in ipairs { "float32", "float64" } do
        local one, two = draws(neap, op, { shape = { 3, 50 }, dtype = dtype })
        assert.same({ 3, 50 }, one.shape)
        assert.equal(dtype, one.dtype)
        assert.not_equal(one:tobytes(), two:tobytes())
      end
      assert.same({ 0, 3 }, draws(neap, op, { shape = { 0, 3 } }).shape)
      assert.equal("number", type(draws(neap, op, { shape = {} })))
      assert.has_error(function()
        draws(neap, op, { shape = { -1 } })
      end)
      assert.has_error(function()
        draws(neap, op, { shape = { 2 }, dtype = "bool" })
      end)
      for key, value in pairs(attributes) do
        assert.same({ 2 }, draws(neap, op, { shape = { 2 }, [key] = value }).shape)
      end
    end,
  }
end

return {
  placeholder = {
    check = function(neap, assert)
      local graph = neap.graph()
      graph:as_default(function()
        local x = neap.placeholder()
        assert.equal("float32", x.dtype)
        assert.is_nil(x.shape)
        assert.is_nil(x.rank)
        assert.equal("placeholder", x.op)
        local y = neap.placeholder("int64", { -1, 3 }, "ids")
        assert.same({ -1, 3 }, y.shape)
        assert.equal("ids", y.name)
        local z = neap.placeholder { shape = {}, dtype = "bool", name = "flag" }
        assert.equal(0, z.rank)
        local session <close> = neap.session(graph)
        assert.equal(true, session:run(z, { [z] = true }))
        assert.same({ { 1, 2, 3 } }, session:run(y, { [y] = { { 1, 2, 3 } } }):totable())
      end)
    end,
  },
  variable = {
    check = function(neap, assert)
      local graph = neap.graph()
      graph:as_default(function()
        local v = neap.variable({ { 1, 2 }, { 3, 4 } }, { name = "weights", dtype = "float64" })
        assert.same({ 2, 2 }, v.shape)
        assert.equal("float64", v.dtype)
        assert.equal("weights", v.name)
        local session <close> = neap.session(graph)
        assert.same({ { 1, 2 }, { 3, 4 } }, session:run(v):totable())
      end)
    end,
  },
  constant = {
    check = function(neap, assert)
      local graph = neap.graph()
      graph:as_default(function()
        local session <close> = neap.session(graph)
        for _, dtype in ipairs {
          "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8",
          "uint16", "uint32", "uint64",
        } do
          local c = neap.constant({ 1, 2, 3 }, dtype)
          assert.equal(dtype, c.dtype)
          assert.same({ 1, 2, 3 }, session:run(c):totable())
        end
        assert.same({ true, false }, session:run(neap.constant { true, false }):totable())
        assert.equal("float32", neap.constant(1).dtype)
        assert.same({ 0 }, session:run(neap.constant {}).shape)
      end)
    end,
  },
  zeros = filled "zeros",
  ones = filled "ones",
  fill = {
    result = "float32",
    cases = {
      { with = { dims = { 2, 3 }, value = 7 } },
      { with = { dims = {}, value = 0.5 } },
      { with = { dims = { 0 }, value = 1 } },
    },
    bad = {
      {
        with = { dims = { 2, -1 }, value = 1 },
        says = 'fill "fill": dims[1] = -1 is negative',
      },
    },
  },
  zeros_like = like(),
  ones_like = like(),
  random_uniform = random("random_uniform", { minval = -3, maxval = 5, seed = 11 }),
  random_normal = random("random_normal", { mean = 3, stddev = 5, seed = 11 }),
  truncated_normal = random("truncated_normal", { mean = 3, stddev = 5, seed = 11 }),
}
