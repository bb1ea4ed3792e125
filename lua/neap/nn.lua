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

local core = ...
local neap, check = core.neap, core.check
local fail = check.fail

local nn = {}

-- ---- linear ----

--- `x * weight + bias`.
-- @type linear
local linear = check.class("layer", "neap.nn.linear", { "bias" })

function linear:__call(x, ...)
  check.most("linear", 1, ...)
  if x == nil then
    fail("linear: a node expected, got nil")
  end
  return neap.name_scope(self.name, function()
    local y = neap.matmul(x, self.weight)
    return self.bias and y + self.bias or y
  end)
end

function linear:__tostring()
  return ("linear(%d, %d%s)"):format(self.inputs, self.outputs, self.bias and "" or ", no bias")
end

local SIZE = check.kind("a positive integer below 2^31", function(value)
  return check.count.test(value) and value < 1 << 31
end)
local LINEAR_OPTIONS = {
  bias = check.boolean,
  name = check.kind("a name, not empty and without zero bytes", function(value)
    return type(value) == "string" and value ~= "" and not value:find("\0", 1, true)
  end),
  dtype = check.one_of("float32", "float64", "float16", "bfloat16"),
}

--- A fully connected layer: a node of shape (..., inputs) becomes one of shape (..., outputs).
--
-- The weight, of shape (inputs, outputs), begins uniform within ±sqrt(6 / (inputs + outputs))
-- (Glorot and Bengio, 2010), the bias with zeros. The variables are made in the default graph.
-- @function nn.linear
-- @tparam integer inputs
-- @tparam integer outputs
-- @tparam[opt] table options `bias=false`: none; `name` (`"linear"`), `dtype` (`"float32"`)
-- @treturn linear with the fields `weight`, `bias`, `parameters`, `inputs`, `outputs`, `name`
function nn.linear(inputs, outputs, options, ...)
  check.most("linear", 3, ...)
  check.argument("linear", "inputs", inputs, SIZE)
  check.argument("linear", "outputs", outputs, SIZE)
  options = check.options("linear", options, LINEAR_OPTIONS)
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
local sequential = check.class("model", "neap.nn.sequential")

function sequential:__call(x, ...)
  check.most("sequential", 1, ...)
  if x == nil then
    fail("sequential: a node expected, got nil")
  end
  for index, layer in ipairs(self) do
    x = layer(x)
    if x == nil then
      fail("sequential: layer %d returned nothing", index)
    end
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
function nn.sequential(layers, ...)
  local count = check.sequence("sequential", layers, "a sequence of layers")
  check.most("sequential", 1, ...)
  local self = setmetatable({ parameters = {} }, sequential)
  for index = 1, count do
    local layer = layers[index]
    if not check.callable.test(layer) then
      fail("sequential: layer %d cannot be called: a %s", index, core.type(layer))
    end
    self[index] = layer
    local parameters = type(layer) == "table" and layer.parameters or {}
    table.move(parameters, 1, #parameters, #self.parameters + 1, self.parameters)
  end
  return self
end

return nn
