--- A drawn graph and its runs as Lua source: what neap is given, and what is told of a failure.
local evaluate = require "random.evaluate"

local script = {}

--- ## The graph

--- The steps that the runs need, by id, and those that must be there to make these.
function script.wanted(trial)
  local all, stack = {}, {}
  for _, run in ipairs(trial.runs) do
    for _, step in pairs(evaluate.needed(run.fetches, run.fed)) do
      stack[#stack + 1] = step
    end
  end
  while #stack > 0 do
    local step = table.remove(stack)
    if step.op and not all[step.id] then
      all[step.id] = true
      for _, others in ipairs { step.inputs, step.controls, step.writes or {}, step.parts or {},
                                { step.made_by or step.of } } do
        table.move(others, 1, #others, #stack + 1, stack)
      end
    end
  end
  return all
end

local function name(step)
  return ("n[%d]"):format(step.id)
end
script.name = name

local function names(steps)
  local words = {}
  for i, step in ipairs(steps) do
    words[i] = name(step)
  end
  return table.concat(words, ", ")
end

--- The line that makes a step; nil for a part, which its operation's line makes.
local function line(step)
  if step.op == "part" then
    return nil
  end
  local text = step.text:gsub("%$(%d)", function(k)
    return name(step.inputs[tonumber(k)])
  end)
  if #step.controls > 0 then
    text = ("neap.control_dependencies({%s}, function() return %s end)")
      :format(names(step.controls), text)
  end
  return ("%s = %s"):format(names(step.parts or { step }), text)
end

--- The lines that make the graph, of `neap`, `host` and `n`, the nodes by id.
function script.graph(trial)
  local all, lines = script.wanted(trial), {}
  for id, step in ipairs(trial.graph.steps) do
    lines[#lines + 1] = all[id] and line(step) or nil
  end
  return table.concat(lines, "\n")
end

--- ## The whole

local function value(t)
  local words = {}
  for i = 1, #t do
    words[i] = type(t[i]) == "boolean" and tostring(t[i]) or ("%.9g"):format(t[i])
  end
  local elements = table.concat(words, ", ")
  return ("neap.tensor(%s, %q, {%s})"):format(#t.shape > 0 and "{" .. elements .. "}" or elements,
    t.dtype, table.concat(t.shape, ", "))
end

local HEAD <const> = [[
package.path = "spec/?.lua;" .. package.path
local neap = require "neap"
neap.graph():as_default()
local log, n = {}, {}
local host = require "random.host".operations(log)
local function show(run)
  local values = {}
  for i, value in ipairs(run()) do values[i] = tostring(value) end
  print(table.concat(values, "; "))
end
]]

local function run_text(trial, run, all)
  local nodes, values, feeds = {}, {}, {}
  for id, step in ipairs(trial.graph.steps) do
    if all[id] and run.fed[id] then
      nodes[#nodes + 1], values[#values + 1] = step, value(run.fed[id])
      feeds[#feeds + 1] = ("  [%s] = %s,\n"):format(name(step), values[#values])
    end
  end
  if run.callable then
    return ("session:callable({%s}, {%s})(\n  %s)"):format(names(run.fetches), names(nodes),
      table.concat(values, ",\n  "))
  end
  return ("session:run({%s}, {\n%s})"):format(names(run.fetches), table.concat(feeds))
end

--- A script that runs from the root of the project, up to the run where something is wrong; `at`
-- as check.run gives it.
function script.whole(trial, at)
  local all, options = script.wanted(trial), {}
  for key, option in pairs(trial.sessions[at.session or 1]) do
    options[#options + 1] = ("%s = %q"):format(key, option)
  end
  table.sort(options)
  local lines = { HEAD .. script.graph(trial),
                  ("local session <close> = neap.session(nil, {%s})")
                    :format(table.concat(options, ", ")) }
  for i = 1, at.run do
    lines[#lines + 1] = ("print(pcall(show, function() return %s end))")
      :format(run_text(trial, trial.runs[i], all))
  end
  for id, step in ipairs(trial.graph.steps) do
    if step.op == "variable" and all[id] then
      lines[#lines + 1] = ("print(%q, session:get(%s))"):format(step.name, name(step))
    end
  end
  lines[#lines + 1] = 'print(table.concat(log, "\\n"))\n'
  return table.concat(lines, "\n")
end

return script
