--- Runs a drawn graph in plain Lua, node by node, by what the words say:
--
-- * A run needs what its fetches depend on, through inputs and controls; a node that is fed is not
--   computed, nor what only it needs.
-- * A node that reads a variable sees its value before the run; behind assignments to it (through
--   data or control, among what the run needs) it sees what the last of these wrote.
-- * Assignments to one variable chain in order of creation, whatever is fetched first.
-- * Everything is written at the end, together; a run that fails changes nothing.
-- * An operation of the host runs once in a run that needs it.
local host = require "random.host"
local plain = require "random.plain"

local evaluate = {}

--- ## What a run needs

--- The steps that the fetches need, by id; `fed` has those that are fed.
function evaluate.needed(fetches, fed)
  local needed, stack = {}, { table.unpack(fetches) }
  while #stack > 0 do
    local step = table.remove(stack)
    if not needed[step.id] then
      needed[step.id] = step
      for _, inputs in ipairs(fed[step.id] and {} or { step.inputs, step.controls }) do
        for _, input in ipairs(inputs) do
          stack[#stack + 1] = input.op and input or nil
        end
      end
    end
  end
  return needed
end

--- Operations that read no element of their first input, only its shape; a gradient may read
-- any, or none.
local SHAPE_ONLY <const> = { zeros_like = true, ones_like = true, shape = true, gradient = true }

--- The needed steps whose elements are surely computed: a step that only tells a shape may be
-- left out, and with it an error in it.
local function computed(steps, needed, fetches, fed)
  local sure = {}
  for _, step in ipairs(fetches) do
    sure[step.id] = true
  end
  for id = #steps, 1, -1 do
    local step = needed[id]
    if step and not fed[id] and (sure[id] or step.writes or step.op == "host" or step.p.run) then
      sure[id] = true
      for k, input in ipairs(step.inputs) do
        if input.op and not (SHAPE_ONLY[step.op] and (k == 1 or step.op == "gradient")) then
          sure[input.id] = true
        end
      end
      for _, control in ipairs(step.controls) do
        sure[control.id] = true
      end
    end
  end
  return sure
end

--- ## What writes

local writers = {}

function writers.assign(_, _, x)
  return x
end

function writers.assign_add(_, v, x)
  return plain.eval.add(nil, v, x)
end

function writers.assign_sub(_, v, x)
  return plain.eval.subtract(nil, v, x)
end

function writers.apply_gradient_descent(_, v, g, rate)
  return plain.eval.subtract(nil, v, plain.eval.multiply(nil, rate, g))
end

function writers.apply_momentum(p, v, slot, g, rate)
  local decayed = plain.eval.multiply(nil, plain.full(v.dtype, {}, p.momentum), slot)
  local velocity = plain.eval.add(nil, decayed, g)
  return plain.eval.subtract(nil, v, plain.eval.multiply(nil, rate, velocity)), velocity
end

function writers.minimize(p, v, g, _, slot)
  local one = plain.full(v.dtype, {}, 1)
  if slot then
    return writers.apply_momentum(p, v, slot, g, one)
  end
  return writers.apply_gradient_descent(p, v, g, one)
end

--- Kingma and Ba (2015): algorithm 1 with the two corrections in the step size, as section 2 says.
function writers.apply_adam(_, v, m, s, step, g, rate)
  local t = step[1] + 1
  local function each(f)
    return plain.make(v.dtype, v.shape, f)
  end
  local mean = each(function(i) return 0.9 * m[i] + 0.1 * g[i] end)
  local square = each(function(i) return 0.999 * s[i] + 0.001 * g[i] * g[i] end)
  local size = rate[1] * math.sqrt(1 - 0.999 ^ t) / (1 - 0.9 ^ t)
  local moved = each(function(i)
    return v[i] - size * mean[i] / (math.sqrt(square[i]) + 1e-8)
  end)
  return moved, mean, square, plain.full("int64", {}, t)
end

--- ## A run

local Run = {}
Run.__index = Run

--- The value of a variable as the step sees it, or as it updates it.
function Run:read(v, version)
  local writer = version[v.id]
  return writer and self.written[writer][v.id] or self.fed[v.id] or self.state[v.id]
end

local function lasts(step, versions)
  local version = {}
  for _, inputs in ipairs { step.inputs, step.controls } do
    for _, input in ipairs(inputs) do
      for id, writer in pairs(input.op and versions[input.id] or {}) do
        version[id] = math.max(version[id] or 0, writer)
      end
    end
  end
  return version
end

--- One step: its value, or what it gives besides.
function Run:compute(step)
  local version, inputs, tangents = lasts(step, self.versions), {}, {}
  for k, input in ipairs(step.inputs) do
    if not input.op then
      inputs[k] = input
    elseif input.op == "variable" then
      inputs[k] = self:read(input, step.updates and step.updates[k] and self.chain or version)
    else
      inputs[k] = self.values[input.id]
      tangents[k] = self.tangents[input.id]
    end
  end
  self.versions[step.id] = version
  for k, input in ipairs(step.inputs) do
    if input.op and self.broken[input.id] then
      self.broken[step.id] = true
      return nil
    end
    inputs[k] = inputs[k] or false
  end
  if step.op == "minimize" and step.writes[2] then -- whose slot is no input
    inputs[#inputs + 1] = self:read(step.writes[2], self.chain)
  end
  if writers[step.op] then
    return self:write(step, { writers[step.op](step.p, table.unpack(inputs)) })
  elseif step.p.run then
    return self:run_body(step, inputs)
  elseif step.op == "host" then
    self:note(step.p.name, inputs)
    local results = { host.kinds[step.p.kind].compute(table.unpack(inputs)) }
    self.tangents[step.id] = step.smooth and tangents[1]
      and host.kinds[step.p.kind].compute(tangents[1]) or nil
    return step.parts and results or results[1]
  elseif step.op == "part" then
    return inputs[1][step.p.index]
  elseif step.op == "random" then
    return self.oracle and self.oracle[step.id]
      or plain.full(step.dtype, inputs[1] and { table.unpack(inputs[1]) } or {}, step.p.low)
  elseif step.op ~= "group" and step.op ~= "gradient" then
    local value = plain.eval[step.op](step.p, table.unpack(inputs))
    if next(tangents) and plain.tangent[step.op] and step.dtype:find "float" then
      self.tangents[step.id] = plain.tangent[step.op](step.p, inputs, tangents, value)
    end
    return value
  end
end

--- A call of an operation of the host.
function Run:note(name, inputs)
  self.log[name] = self.log[name] or {}
  table.insert(self.log[name], host.entry(name, inputs))
end

--- What a branch or loop gives; a body that does not write leaves the variable as it was.
function Run:run_body(step, inputs)
  local values, written = step.p.run(inputs, function(name, given)
    self:note(name, given)
  end)
  if step.writes then
    self:write(step, written)
  end
  return step.parts and values or values[1]
end

--- Gives the variables that a step writes these values; the first of them.
function Run:write(step, values)
  self.written[step.id] = {}
  for k, v in ipairs(step.writes) do
    if not plain.same(values[k].shape, self.state[v.id].shape) then
      error(plain.failed)
    end
    self.written[step.id][v.id] = values[k]
    self.chain[v.id] = step.id
    self.versions[step.id][v.id] = step.id
  end
  return step.dtype and values[1]
end

--- Evaluates a run of a drawn graph. `state` has the value of each variable by id, `fed` the plain
-- tensors that are fed by id, `oracle` what was drawn at random by id (without it any numbers are
-- taken). `direction`: a tangent by id of a placeholder. Gives a table: `values` and `tangents` by
-- id, `log` of the host's operations by name, a sequence of each, `state` after the run; or
-- `failed`, or `unsure`.
function evaluate.run(graph, state, fetches, fed, oracle, direction)
  local needed = evaluate.needed(fetches, fed)
  local run = setmetatable({
    state = state, fed = fed, oracle = oracle, values = {}, versions = {}, written = {},
    chain = {}, log = {}, broken = {}, tangents = direction or {}, needed = needed,
  }, Run)
  local sure
  for id, step in ipairs(graph.steps) do
    if fed[id] then
      run.values[id], run.versions[id] = fed[id], {}
    elseif needed[id] and step.op == "variable" then
      run.values[id] = state[id]
    elseif needed[id] then
      local fine, value = pcall(run.compute, run, step)
      if not fine and value ~= plain.failed and value ~= plain.unsure then
        error(("step %d, %s: %s"):format(id, step.op, value), 0)
      end
      run.values[id] = fine and value or nil
      run.unsure = run.unsure or not fine and value == plain.unsure
      if not fine then
        sure = sure or computed(graph.steps, needed, fetches, fed)
        run.broken[id] = true
        run.failed = run.failed or sure[id]
        run.unsure = run.unsure or not sure[id]
      end
    end
  end
  if not run.failed then
    run.state = setmetatable({}, { __index = state })
    for id, writer in pairs(run.chain) do
      run.state[id] = run.written[writer][id]
    end
  end
  return run
end

--- Initial values by id.
function evaluate.initial(graph)
  local state = {}
  for id, step in ipairs(graph.steps) do
    if step.op == "variable" then
      state[id] = plain.full(step.dtype, step.dims, step.initial)
    end
  end
  return state
end

return evaluate
