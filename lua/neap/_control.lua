-- neap.cond and neap.while_loop: functions of Lua build the bodies of a branch or loop, and are
-- called for that once, or again where a loop's variables change their shapes.

local core = ...
local neap = core.neap

local control = {}

local function fail(format, ...)
  core.raise(format:format(...))
end

local function is_node(value)
  return core.type(value) == "node"
end

local function check_function(name, argument, value)
  if not core.callable(value) then
    fail("%s: argument '%s': a function expected, got %s", name, argument, core.type(value))
  end
end

-- A value of a body: a node of it, or a literal until a dtype is known for it.
local function check_value(name, argument, index, value)
  if value == nil or type(value) == "function" or type(value) == "string" then
    fail("%s: %s: value %d: a node or a number, table or tensor expected, got %s", name, argument,
      index, core.type(value))
  end
end

-- Calls a function that builds in a body; ends the body whatever comes of it. The values.
local function build(name, argument, body, f, ...)
  local values = table.pack(pcall(f, ...))
  core.body_end(body)
  if not values[1] then
    error(values[2], 0)
  end
  table.remove(values, 1)
  values.n = values.n - 1
  for index = 1, values.n do
    check_value(name, argument, index, values[index])
  end
  return values
end

-- Literals among the values of a body become constants in it, of the dtype of what they stand
-- beside (a node, or none).
local function settle(body, values, beside)
  for index = 1, values.n do
    if not is_node(values[index]) then
      core.body_resume(body)
      local like = beside[index]
      local made, node = pcall(neap.constant, values[index], is_node(like) and like.dtype or nil)
      core.body_end(body)
      if not made then
        error(node, 0)
      end
      values[index] = node
    end
  end
end

--- The values of `then_fn()` where `pred` (bool, rank 0) is true, else of `else_fn()`: as many of
-- each, of the same dtypes. Only the function that is taken runs. Nodes from outside that the
-- functions use are inputs.
-- @tparam node|boolean pred
-- @tparam function then_fn without arguments; returns nodes or literals
-- @tparam function else_fn
-- @treturn node... as many as the functions return
function control.cond(pred, then_fn, else_fn, ...)
  check_function("cond", "then_fn", then_fn)
  check_function("cond", "else_fn", else_fn)
  if select("#", ...) > 0 then
    fail("cond: at most 3 arguments expected, got %d", 3 + select("#", ...))
  end
  if type(pred) == "boolean" then
    pred = neap.constant(pred)
  elseif not is_node(pred) then
    fail("cond: argument 'pred': a node or a boolean expected, got %s", core.type(pred))
  end
  local then_body = core.body_begin(pred, {})
  local then_values = build("cond", "then_fn", then_body, then_fn)
  local else_body = core.body_begin(pred, {})
  local else_values = build("cond", "else_fn", else_body, else_fn)
  if then_values.n ~= else_values.n then
    fail("cond: then_fn gives %d values, else_fn %d", then_values.n, else_values.n)
  end
  settle(then_body, then_values, else_values)
  settle(else_body, else_values, then_values)
  return core.cond(pred, then_body, then_values, else_body, else_values)
end

-- ---- Loops ----

-- Whether a value of that shape may stand where this one is known; nil is an unknown rank.
local function fits(shape, known)
  if not known then
    return true
  elseif not shape or #shape ~= #known then
    return false
  end
  for index, size in ipairs(known) do
    if size ~= -1 and shape[index] ~= size then
      return false
    end
  end
  return true
end

-- What two shapes have in common.
local function common(a, b)
  if not a or not b or #a ~= #b then
    return nil
  end
  local both = {}
  for index, size in ipairs(a) do
    both[index] = size == b[index] and size or -1
  end
  return both
end

local function begin(anchor, specs)
  local made = table.pack(core.body_begin(anchor, specs))
  return made[1], table.unpack(made, 2, made.n)
end

-- Condition and body for loop variables of these dtypes and shapes.
local function attempt(anchor, specs, vars, cond_fn, body_fn)
  local function built(name, f)
    local arguments = table.pack(begin(anchor, specs))
    local body = arguments[1]
    return body, build("while_loop", name, body, f, table.unpack(arguments, 2, arguments.n))
  end
  local condition, asked = built("cond_fn", cond_fn)
  if asked.n ~= 1 then
    fail("while_loop: cond_fn must give one value, it gives %d", asked.n)
  end
  settle(condition, asked, {})
  local body, values = built("body_fn", body_fn)
  if values.n == 1 and type(values[1]) == "table" and #vars > 1 then
    local given = values[1]
    values = table.pack(table.unpack(given, 1, #vars))
    values.n = #given
    for index = 1, values.n do
      check_value("while_loop", "body_fn", index, values[index])
    end
  end
  if values.n ~= #vars then
    fail("while_loop: there are %d loop variables, body_fn gives %d values", #vars, values.n)
  end
  settle(body, values, vars)
  return condition, asked[1], body, values
end

--- Applies `body_fn` to the loop variables as long as `cond_fn` of them gives true. A variable
-- whose shape changes has that dimension open in the functions, which are then called once more.
-- @tparam function cond_fn takes the variables, returns a node (bool, rank 0)
-- @tparam function body_fn takes the variables, returns as many nodes or literals (or a sequence)
-- @tparam {node|number|table|tensor,...} loop_vars what they begin as
-- @tparam[opt] integer maximum_iterations
-- @treturn {node,...} the variables at the end
function control.while_loop(cond_fn, body_fn, loop_vars, maximum_iterations, ...)
  if type(maximum_iterations) == "table" then -- attributes by name
    local options = maximum_iterations
    for name in pairs(options) do
      if name ~= "maximum_iterations" then
        fail("while_loop: unknown argument '%s'; there is maximum_iterations", tostring(name))
      end
    end
    maximum_iterations = options.maximum_iterations
  end
  check_function("while_loop", "cond_fn", cond_fn)
  check_function("while_loop", "body_fn", body_fn)
  if select("#", ...) > 0 then
    fail("while_loop: at most 4 arguments expected, got %d", 4 + select("#", ...))
  end
  if type(loop_vars) ~= "table" or #loop_vars == 0 then
    fail("while_loop: argument 'loop_vars': a sequence of nodes or values, not empty, expected, "
      .. "got %s", type(loop_vars) == "table" and "an empty table" or core.type(loop_vars))
  end
  if maximum_iterations ~= nil and (math.type(maximum_iterations) ~= "integer"
      or maximum_iterations < 0) then
    fail("while_loop: argument 'maximum_iterations': an integer of 0 or more expected, got %s",
      tostring(maximum_iterations))
  end
  local vars, specs, anchor = {}, {}, nil
  for index = 1, #loop_vars do
    local value = loop_vars[index]
    check_value("while_loop", "loop_vars", index, value)
    anchor = anchor or is_node(value) and value or nil
    vars[index] = value
  end
  for index, value in ipairs(vars) do
    local function constant()
      vars[index] = is_node(value) and value or neap.constant(value)
    end
    if anchor then
      anchor.graph:as_default(constant)
    else
      constant()
      anchor = vars[index]
    end
    specs[index] = { dtype = vars[index].dtype, shape = vars[index].shape }
  end
  while true do
    local condition, asked, body, values = attempt(anchor, specs, vars, cond_fn, body_fn)
    local stable = true
    for index, spec in ipairs(specs) do
      if not fits(values[index].shape, spec.shape) then
        spec.shape = common(values[index].shape, spec.shape)
        stable = false
      end
    end
    if stable then
      return { core.while_loop(condition, asked, body, values, vars, maximum_iterations or -1) }
    end
  end
end

return control
