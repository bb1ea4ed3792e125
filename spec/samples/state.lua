--- Operations with effects, and those without a value. Their order and their commit are in
-- state_spec.lua; here is what each computes.

--- A graph with one variable, the node that `build` makes of it, and a session.
local function with_variable(neap, initial, dtype, build)
  local graph = neap.graph()
  local variable, node
  graph:as_default(function()
    variable = neap.variable(initial, { dtype = dtype })
    node = build(variable)
  end)
  return neap.session(graph), variable, node
end

local function assigns(op, expected)
  return {
    check = function(neap, assert)
      for _, dtype in ipairs { "float32", "float64", "int32", "int64" } do
        local session <close>, variable, node = with_variable(neap, { 5, 7 }, dtype, function(v)
          return neap[op](v, { 2, 3 })
        end)
        assert.equal(dtype, node.dtype)
        assert.same(expected, session:run(node):totable())
        assert.same(expected, session:get(variable):totable())
      end
      local function row(v)
        return neap[op](v, neap.reshape(neap.constant { 4, 8 }, { 1, 2 }))
      end
      local session <close>, variable, node = with_variable(neap, { { 1, 2 } }, "float32", row)
      session:run(node)
      assert.same({ 1, 2 }, session:get(variable).shape)
      local graph = neap.graph()
      graph:as_default(function()
        local v = neap.variable { 1, 2 }
        assert.has_error(function()
          neap[op](v, { 1, 2, 3 })
        end)
        assert.has_error(function()
          neap[op](v, neap.constant({ 1, 2 }, "float64"))
        end)
        assert.has_error(function()
          neap[op](neap.constant { 1, 2 }, { 1, 2 })
        end)
      end)
    end,
  }
end

--- One step of an optimizer's operation on the variable (1, -2), with gradient (0.5, -4), rate 0.1.
local function applies(op, slots, attributes, expected)
  return {
    check = function(neap, assert)
      for dtype, tolerance in pairs { float32 = 1e-6, float64 = 1e-15 } do
        local graph = neap.graph()
        local variable, step
        graph:as_default(function()
          variable = neap.variable({ 1, -2 }, { dtype = dtype })
          local arguments = { variable }
          for i, slot in ipairs(slots) do
            local options = { dtype = slot.dtype or dtype, trainable = false }
            arguments[i + 1] = neap.variable(slot.value, options)
          end
          arguments[#arguments + 1] = neap.constant({ 0.5, -4 }, dtype)
          arguments[#arguments + 1] = neap.constant(0.1, dtype)
          arguments[#arguments + 1] = attributes
          step = neap[op](table.unpack(arguments))
        end)
        local session <close> = neap.session(graph)
        for _, values in ipairs(expected) do
          session:run(step)
          for i, value in ipairs(values) do
            assert.near(value, session:get(variable)[i], tolerance)
          end
        end
      end
    end,
  }
end

return {
  assign = assigns("assign", { 2, 3 }),
  assign_add = assigns("assign_add", { 7, 10 }),
  assign_sub = assigns("assign_sub", { 3, 4 }),
  group = {
    check = function(neap, assert)
      local session <close>, variable, node = with_variable(neap, 1, "float32", function(v)
        return neap.group { neap.assign(v, 5), neap.no_op() }
      end)
      assert.is_nil(session:run(node))
      assert.equal(5, session:get(variable))
    end,
  },
  no_op = {
    check = function(neap, assert)
      local session <close>, _, node = with_variable(neap, 1, "float32", function()
        return neap.no_op { name = "nothing" }
      end)
      assert.equal("nothing", node.name)
      assert.is_nil(session:run(node))
    end,
  },
  apply_gradient_descent = applies("apply_gradient_descent", {}, nil,
    { { 0.95, -1.6 }, { 0.9, -1.2 } }),
  -- m = 0.9 m + g: g, then 1.9 g.
  apply_momentum = applies("apply_momentum", { { value = { 0, 0 } } }, { momentum = 0.9 },
    { { 0.95, -1.6 }, { 0.95 - 0.095, -1.6 + 0.76 } }),
  -- Adam's first steps are the rate times the sign, with a constant gradient, less epsilon's part.
  apply_adam = applies("apply_adam",
    { { value = { 0, 0 } }, { value = { 0, 0 } }, { value = 0, dtype = "int64" } },
    { beta1 = 0.9, beta2 = 0.999, epsilon = 0 },
    { { 0.9, -1.9 }, { 0.8, -1.8 } }),
}
