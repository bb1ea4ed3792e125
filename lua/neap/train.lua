--- Optimizers: what makes variables better.
--
--     local optimizer = neap.train.adam{learning_rate = 0.001}
--     local step = optimizer:minimize(loss)
--     session:run(step, {[x] = images, [labels] = digits})
--
-- There is one for every operation `apply_NAME` of the core, with that operation's attributes as
-- its hyper-parameters: `gradient_descent` (`momentum` and `nesterov` may be given), `momentum`,
-- `adam`. Each is a function of one table. What an optimizer remembers of a variable is a variable
-- too (with `trainable=false`), made when its node is.
-- @module neap.train

local core = ...
local neap, check = core.neap, core.check
local fail = check.fail

local train = {}

--- An optimizer.
-- @type optimizer
local optimizer = check.class("optimizer", "neap.train.optimizer")

function optimizer:__tostring()
  local parts = {}
  for name, value in pairs(self.parameters) do
    parts[#parts + 1] = name .. "=" .. tostring(value)
  end
  table.sort(parts)
  return ("%s{%s}"):format(self.name, table.concat(parts, ", "))
end

-- The loss of a method is a node.
local function check_loss(method, loss)
  if not check.node.test(loss) then
    fail("optimizer.%s: argument 'loss': a node expected, got %s", method, check.shown(loss))
  end
end

-- The variables that a method is given, one or a sequence; absent: the trainable ones that the loss
-- depends on.
local function variables_of(method, loss, variables)
  if variables == nil then
    return core.trainable_variables(loss)
  elseif check.node.test(variables) then
    variables = { variables }
  end
  local where = ("optimizer.%s: argument 'variables'"):format(method)
  for index = 1, check.sequence(where, variables, "a variable or a sequence of variables") do
    local variable = variables[index]
    if not check.node.test(variable) then
      fail("%s: at [%d]: a variable expected, got %s", where, index, check.shown(variable))
    elseif variable.op ~= "variable" then
      fail('%s: at [%d]: %s "%s" is not a variable', where, index, variable.op, variable.name)
    end
  end
  return variables
end

local function pairs_of(loss, variables)
  local pairs_made = {}
  for index, gradient in ipairs(neap.gradients(loss, variables)) do
    pairs_made[index] = { gradient, variables[index] }
  end
  return pairs_made
end

--- The gradients of a loss for some variables.
-- @tparam node loss
-- @tparam[opt] table variables a sequence, or one of them; absent: the trainable ones that `loss`
-- depends on
-- @treturn table a sequence of `{gradient, variable}`; the gradient is `false` where there is none
function optimizer:compute_gradients(loss, variables, ...)
  check.self(self, optimizer, "optimizer", "compute_gradients")
  check.most("optimizer.compute_gradients", 2, ...)
  check_loss("compute_gradients", loss)
  return pairs_of(loss, variables_of("compute_gradients", loss, variables))
end

--- The node that updates variables by their gradients.
-- @tparam table sequence of `{gradient, variable}`; those without a gradient are passed over
-- @treturn node without a value, to be run
function optimizer:apply_gradients(sequence, ...)
  check.self(self, optimizer, "optimizer", "apply_gradients")
  check.most("optimizer.apply_gradients", 1, ...)
  local count = check.sequence("optimizer.apply_gradients", sequence,
    "a sequence of {gradient, variable}")
  local gradients, variables = {}, {}
  for index = 1, count do
    local pair = sequence[index]
    if type(pair) ~= "table" or #pair ~= 2 then
      fail("optimizer.apply_gradients: [%d]: a pair {gradient, variable} expected, got %s", index,
        check.shown(pair))
    end
    gradients[index], variables[index] = pair[1], pair[2]
  end
  return core.apply_gradients(self.name, self.parameters, gradients, variables)
end

--- The node that makes a loss smaller: its gradients, applied.
-- @tparam node loss
-- @tparam[opt] table variables as in `compute_gradients`
-- @treturn node without a value, to be run
function optimizer:minimize(loss, variables, ...)
  check.self(self, optimizer, "optimizer", "minimize")
  check.most("optimizer.minimize", 2, ...)
  check_loss("minimize", loss)
  local sequence = pairs_of(loss, variables_of("minimize", loss, variables))
  for _, pair in ipairs(sequence) do
    if pair[1] then
      return self:apply_gradients(sequence)
    end
  end
  fail('%s: %s "%s" depends on no %s', self.name, loss.op, loss.name,
    variables and "given variable" or "trainable variable")
end

local PARAMETER = check.kind("a number", function(value)
  local kind = core.type(value)
  return kind == "number" or kind == "boolean" or kind == "node"
end)

-- The arguments that an optimizer takes.
local function known_parameters(name)
  local known = { learning_rate = PARAMETER }
  for _, parameter in ipairs(core.attributes("apply_" .. name)) do
    known[parameter] = PARAMETER
  end
  if name == "gradient_descent" then -- with a momentum it is the optimizer of that name
    for _, parameter in ipairs(core.attributes("apply_momentum")) do
      known[parameter] = PARAMETER
    end
  end
  return known
end

local function constructor(name)
  local known = known_parameters(name)
  return function(parameters, ...)
    check.most(name, 1, ...)
    if type(parameters) ~= "table" then
      fail("%s: a table of hyper-parameters expected, got %s", name, check.shown(parameters))
    end
    local own = {}
    for key, value in pairs(check.options(name, parameters, known)) do
      own[key] = value
    end
    if own.learning_rate == nil then
      fail("%s: argument 'learning_rate' is missing", name)
    end
    return setmetatable({ name = name, parameters = own }, optimizer)
  end
end

for _, op in ipairs(core.operations()) do
  local name = op:match "^apply_([%w_]+)$"
  if name then
    train[name] = constructor(name)
  end
end

return train
