--- Layers: objects that hold variables and are called with a node.
--
--     local model = neap.nn.sequential{
--       neap.nn.linear(784, 128), neap.relu, neap.nn.linear(128, 10),
--     }
--     local logits = model(images)
--
-- A layer has `parameters`, a sequence of its variables. Any function of a node is a layer without
-- parameters, such as `neap.relu`.
-- @module neap.nn

local neap = require "neap"

local nn = {}

-- ---- linear ----

--- `x * weight + bias`.
-- @type linear
local linear = {}
linear.__index = linear
linear.__name = "neap.nn.linear"

function linear:__call(x)
  return neap.name_scope(self.name, function()
    local y = neap.matmul(x, self.weight)
    return self.bias and y + self.bias or y
  end)
end

function linear:__tostring()
  return ("linear(%d, %d%s)"):format(self.inputs, self.outputs, self.bias and "" or ", no bias")
end

local function count_of(value, what)
  local count = math.tointeger(value)
  if not count or count < 1 then
    error(("linear: %s: a positive integer expected, got %s"):format(what, tostring(value)), 3)
  end
  return count
end

local LINEAR_OPTIONS = { bias = "boolean", name = "string", dtype = "string" }

--- A fully connected layer: a node of shape (..., inputs) becomes one of shape (..., outputs).
--
-- The weight, of shape (inputs, outputs), begins uniform within ±sqrt(6 / (inputs + outputs))
-- (Glorot and Bengio, 2010), the bias with zeros. The variables are made in the default graph.
-- @function nn.linear
-- @tparam integer inputs
-- @tparam integer outputs
-- @tparam[opt] table options `bias=false`: none; `name` (`"linear"`), `dtype` (`"float32"`)
-- @treturn linear with the fields `weight`, `bias`, `parameters`, `inputs`, `outputs`, `name`
function nn.linear(inputs, outputs, options)
  inputs, outputs = count_of(inputs, "inputs"), count_of(outputs, "outputs")
  options = options or {}
  for key, value in pairs(options) do
    if LINEAR_OPTIONS[key] ~= type(value) then
      error(("linear: option %s = %s is not known"):format(tostring(key), tostring(value)), 2)
    end
  end
  local self = setmetatable({ inputs = inputs, outputs = outputs }, linear)
  self.name = options.name or "linear"
  local dtype = options.dtype or "float32"
  local limit = math.sqrt(6 / (inputs + outputs))
  neap.name_scope(self.name, function()
    local initial = neap.random_uniform {
      shape = { inputs, outputs }, minval = -limit, maxval = limit, dtype = dtype,
    }
    self.weight = neap.variable(initial, { name = "weight" })
    self.parameters = { self.weight }
    if options.bias ~= false then
      self.bias = neap.variable(neap.zeros({ outputs }, dtype), { name = "bias" })
      self.parameters[2] = self.bias
    end
  end)
  return self
end

-- ---- sequential ----

--- Layers one after the other.
-- @type sequential
local sequential = {}
sequential.__index = sequential
sequential.__name = "neap.nn.sequential"

function sequential:__call(x)
  for _, layer in ipairs(self) do
    x = layer(x)
  end
  return x
end

-- What to call a layer that is a function: the operation's name, if it is one.
local function layer_name(layer)
  if type(layer) ~= "function" then
    return tostring(layer)
  end
  for _, name in ipairs(neap.ops()) do
    if neap[name] == layer then
      return name
    end
  end
  return "function"
end

function sequential:__tostring()
  local lines = {}
  for index, layer in ipairs(self) do
    lines[index] = "  " .. layer_name(layer):gsub("\n", "\n  ") .. "\n"
  end
  return "sequential{\n" .. table.concat(lines) .. "}"
end

--- A layer that calls each of a sequence of layers with the result of the one before.
-- @function nn.sequential
-- @tparam table layers layers, or functions of a node
-- @treturn sequential the layers by index, and `parameters`: those of all of them, in order
function nn.sequential(layers)
  local self = setmetatable({ parameters = {} }, sequential)
  for index, layer in ipairs(layers) do
    local meta = getmetatable(layer)
    if type(layer) ~= "function" and not (type(meta) == "table" and meta.__call) then
      error(("sequential: layer %d cannot be called: a %s"):format(index, type(layer)), 2)
    end
    self[index] = layer
    local parameters = type(layer) == "table" and layer.parameters or {}
    table.move(parameters, 1, #parameters, #self.parameters + 1, self.parameters)
  end
  return self
end

return nn
