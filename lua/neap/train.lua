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
local neap = core.neap

local train = {}

--- An optimizer.
-- @type optimizer
local optimizer = {}
optimizer.__index = optimizer
optimizer.__name = "neap.train.optimizer"

function optimizer:__tostring()
  local parts = {}
  for name, value in pairs(self.parameters) do
    parts[#parts + 1] = name .. "=" .. tostring(value)
  end
  table.sort(parts)
  return ("%s{%s}"):format(self.name, table.concat(parts, ", "))
end

local function check_self(self, method)
  if getmetatable(self) ~= optimizer then
    core.raise(("optimizer.%s: call it with ':' on an optimizer, got %s"):format(method,
      core.type(self)))
  end
end

--- The gradients of a loss for some variables.
-- @tparam node loss
-- @tparam[opt] table variables a sequence; absent: the trainable ones that `loss` depends on
-- @treturn table a sequence of `{gradient, variable}`; the gradient is `false` where there is none
function optimizer:compute_gradients(loss, variables)
  check_self(self, "compute_gradients")
  variables = variables or core.trainable_variables(loss)
  local pairs_made = {}
  for index, gradient in ipairs(neap.gradients(loss, variables)) do
    pairs_made[index] = { gradient, variables[index] }
  end
  return pairs_made
end

--- The node that updates variables by their gradients.
-- @tparam table sequence of `{gradient, variable}`; those without a gradient are passed over
-- @treturn node without a value, to be run
function optimizer:apply_gradients(sequence)
  check_self(self, "apply_gradients")
  if type(sequence) ~= "table" then
    core.raise(("%s: a sequence of {gradient, variable} expected, got %s"):format(self.name,
      core.type(sequence)))
  end
  local gradients, variables = {}, {}
  for index = 1, #sequence do
    local pair = sequence[index]
    if type(pair) ~= "table" or #pair ~= 2 then
      core.raise(("%s: [%d]: a pair {gradient, variable} expected"):format(self.name, index))
    end
    gradients[index], variables[index] = pair[1], pair[2]
  end
  return core.apply_gradients(self.name, self.parameters, gradients, variables)
end

--- The node that makes a loss smaller: its gradients, applied.
-- @tparam node loss
-- @tparam[opt] table variables as in `compute_gradients`
-- @treturn node without a value, to be run
function optimizer:minimize(loss, variables)
  check_self(self, "minimize")
  local sequence = self:compute_gradients(loss, variables)
  for _, pair in ipairs(sequence) do
    if pair[1] then
      return self:apply_gradients(sequence)
    end
  end
  core.raise(('%s: %s "%s" depends on no %s'):format(self.name, loss.op, loss.name,
    variables and "given variable" or "trainable variable"))
end

-- The names that an optimizer takes.
local function known_parameters(name)
  local known = { learning_rate = true }
  for _, parameter in ipairs(core.attributes("apply_" .. name)) do
    known[parameter] = true
  end
  if name == "gradient_descent" then -- with a momentum it is the optimizer of that name
    for _, parameter in ipairs(core.attributes("apply_momentum")) do
      known[parameter] = true
    end
  end
  return known
end

local function constructor(name)
  local known = known_parameters(name)
  return function(parameters)
    if type(parameters) ~= "table" then
      core.raise(("%s: a table of hyper-parameters expected, got %s"):format(name,
        core.type(parameters)))
    end
    local own = {}
    for key, value in pairs(parameters) do
      if not known[key] then
        core.raise(("%s: unknown argument '%s'"):format(name, tostring(key)))
      end
      local kind = core.type(value)
      if kind ~= "number" and kind ~= "boolean" and kind ~= "node" then
        core.raise(("%s: argument '%s': a number expected, got %s"):format(name, key, kind))
      end
      own[key] = value
    end
    if own.learning_rate == nil then
      core.raise(("%s: argument 'learning_rate' is missing"):format(name))
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
