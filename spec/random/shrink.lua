--- Makes a trial in which something is wrong smaller, as long as something stays wrong.
local check = require "random.check"
local evaluate = require "random.evaluate"

local Shrinker = {}
Shrinker.__index = Shrinker

local function copy(trial)
  local other = { graph = trial.graph, seed = trial.seed, sessions = trial.sessions, runs = {} }
  for i, run in ipairs(trial.runs) do
    local fed = {}
    for id, t in pairs(run.fed) do
      fed[id] = t
    end
    other.runs[i] = { fetches = { table.unpack(run.fetches) }, fed = fed, callable = run.callable }
  end
  return other
end

--- Keeps a change if something is wrong then too.
function Shrinker:try(change)
  local other = copy(self.best)
  change(other)
  local fine, wrong, at = pcall(check.run, other, check.counts())
  if fine and wrong then
    self.best, self.wrong, self.at, self.better = other, wrong, at, true
    return true
  end
end

--- The same for a field of a step, which all trials share.
function Shrinker:set(step, field, value)
  local before = step[field]
  step[field] = value
  if not self:try(function() end) then
    step[field] = before
  end
end

local function without(list, k)
  local rest = { table.unpack(list) }
  table.remove(rest, k)
  return rest
end

function Shrinker:runs()
  for r = #self.best.runs, 1, -1 do
    if #self.best.runs > 1 then
      self:try(function(trial)
        table.remove(trial.runs, r)
      end)
    end
  end
  for r, run in ipairs(self.best.runs) do
    for k = #run.fetches, 1, -1 do
      if #self.best.runs[r].fetches > 1 then
        self:try(function(trial)
          table.remove(trial.runs[r].fetches, k)
        end)
      end
    end
    if run.callable then
      self:try(function(trial)
        trial.runs[r].callable = nil
      end)
    end
  end
end

--- A step is fed with what it has, so that what is above it goes.
function Shrinker:cut(step)
  for r in ipairs(self.best.runs) do
    local run = self.best.runs[r]
    for _, other in ipairs(run.expected and check.cuttable(self.best.graph, run, run.expected)
      or {}) do
      if other == step then
        self:try(function(trial)
          trial.runs[r].fed[step.id] = run.expected.values[step.id]
        end)
        break
      end
    end
  end
end

local function same_value(a, b)
  if a.dtype ~= b.dtype or not a.dims or not b.dims or #a.dims ~= #b.dims then
    return false
  end
  for d, dimension in ipairs(a.dims) do
    if dimension ~= b.dims[d] then
      return false
    end
  end
  return true
end

--- What reads a step reads its input instead.
function Shrinker:bypass(step)
  local input = step.inputs[1]
  if not (input and input.op and step.dims and same_value(step, input)) or step.writes then
    return
  end
  for _, reader in ipairs(self.best.graph.steps) do
    for k, other in ipairs(reader.inputs) do
      if other == step and not (reader.fixed or reader.updates and reader.updates[k]) then
        local inputs = { table.unpack(reader.inputs) }
        inputs[k] = input
        self:set(reader, "inputs", inputs)
      end
    end
  end
end

--- What is fed and not needed is not told.
function Shrinker:forget_feeds()
  for _, run in ipairs(self.best.runs) do
    local needed = evaluate.needed(run.fetches, run.fed)
    for id in pairs(run.fed) do
      if not needed[id] and self.best.graph.steps[id].op ~= "placeholder" then
        run.fed[id] = nil
      end
    end
  end
end

--- The smaller trial, what is wrong in it, and where.
return function(trial)
  local s = setmetatable({ best = copy(trial) }, Shrinker)
  s.wrong, s.at = check.run(s.best, check.counts())
  if not s.wrong or s.at.run == 0 then
    return trial, s.wrong, s.at
  end
  s:try(function(other)
    other.sessions = { other.sessions[s.at.session] }
  end)
  for _ = 1, 5 do
    s.better = false
    s:runs()
    for id = #s.best.graph.steps, 1, -1 do
      local step = s.best.graph.steps[id]
      for k = #step.controls, 1, -1 do
        s:set(step, "controls", without(step.controls, k))
      end
      s:cut(step)
      s:bypass(step)
      if step.op == "group" then
        for k = #step.inputs, 2, -1 do
          local inputs, text = without(step.inputs, k), step.text
          step.text = text:gsub(", %$%d}$", "}")
          s:set(step, "inputs", inputs)
          step.text = step.inputs == inputs and step.text or text
        end
      end
    end
    if not s.better then
      break
    end
  end
  s:forget_feeds()
  return s.best, s.wrong, s.at
end
