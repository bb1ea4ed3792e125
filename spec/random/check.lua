--- Runs a drawn graph in neap, under every pass, and compares it with the plain evaluator.
local evaluate = require "random.evaluate"
local graph = require "random.graph"
local helper = require "helper"
local host = require "random.host"
local neap = require "neap"
local plain = require "random.plain"
local script = require "random.script"

local check = {}

local SESSIONS <const> = {
  { passes = "none", threads = 1 }, { threads = 1 }, { threads = 3 },
  { passes = "fold", threads = 1 }, { passes = "simplify", threads = 1 },
  { passes = "merge", threads = 1 }, { passes = "fuse", threads = 2 },
  { passes = "place", threads = 1 },
}

--- ## A trial: a drawn graph, its runs, the sessions that run them

--- Some of the last steps, some of all, and of what has effects or is a gradient one in three.
local function draw_fetches(g, roll)
  local fetches, seen = {}, {}
  local function fetch(step)
    if not step.parts and step.op ~= "placeholder" and not seen[step.id] then
      seen[step.id], fetches[#fetches + 1] = true, step
    end
  end
  for i = 1, 2 + roll(6) do
    local span = i <= 2 and math.min(9, #g.steps) or #g.steps
    fetch(g.steps[#g.steps - roll(span)])
  end
  for _, step in ipairs(g.steps) do
    if (step.writes or step.op == "gradient" or step.op == "host") and roll(3) == 0 then
      fetch(step)
    end
  end
  return fetches
end

--- What the placeholders are fed with, by id.
local function draw_feeds(g, roll)
  local fed = {}
  for id, step in ipairs(g.steps) do
    if step.op == "placeholder" then
      local shape = {}
      for d, dimension in ipairs(step.dims) do
        shape[d] = type(dimension) == "table"
          and dimension.low + roll(dimension.high - dimension.low + 1) or dimension
      end
      fed[id] = step.value(roll, shape)
    end
  end
  if roll(5) == 0 then -- what can fail does
    fed[g.flag.id] = plain.full("int64", {}, 1)
  end
  return fed
end

--- The steps of a run that may be fed: not what a gradient is taken of, nor a variable that is
-- written. `natural` is what the run gives without.
function check.cuttable(g, run, natural)
  local needed, barred, found = natural.needed, {}, {}
  for _, step in pairs(needed) do
    for _, v in ipairs(step.writes or {}) do
      barred[v.id] = true
    end
    for id in pairs(step.op == "gradient" and evaluate.needed({ step }, {}) or {}) do
      barred[id] = true
    end
  end
  for id, step in ipairs(g.steps) do
    if needed[id] and step.cut and natural.values[id] and step.op ~= "placeholder"
      and not run.fed[id] and not barred[id] then
      found[#found + 1] = step
    end
  end
  return found
end

--- Feeds a few needed steps with other values, of the shapes that they would have had: one that
-- has a computed size comes last, for what is fed later could change that size.
local function cut(g, state, run, roll)
  for _ = 1, roll(3) == 0 and 1 + roll(2) or 0 do
    local natural = evaluate.run(g, state, run.fetches, run.fed)
    local found = check.cuttable(g, run, natural)
    local step = found[roll(math.max(#found, 1)) + 1]
    if not step then
      return
    elseif not step.drawn then -- else its shape may be another in neap
      run.fed[step.id], run.callable = step.cut(roll, natural.values[step.id].shape), false
    end
    if not graph.is_whole(step.dims) then
      return
    end
  end
end

--- The trial of a seed: two sets of fetches, and five runs of one or the other.
function check.trial(seed, features)
  local g = graph.draw(seed, features)
  local roll = graph.dice(seed ~ 0x5EED)
  local sets, state = { draw_fetches(g, roll), draw_fetches(g, roll) }, evaluate.initial(g)
  local trial = { graph = g, seed = seed, runs = {}, sessions = SESSIONS }
  for i = 1, 5 do
    local run = { fetches = sets[i == 1 and 1 or roll(2) + 1], fed = draw_feeds(g, roll),
                  callable = roll(4) == 0 }
    cut(g, state, run, roll)
    trial.runs[i], state = run, evaluate.run(g, state, run.fetches, run.fed).state
  end
  return trial
end

--- ## One run in one session

--- The random numbers that a run needs: the evaluator takes them from the first session, and all
-- others must draw the same.
local function draws_of(run)
  local draws = {}
  for id, step in pairs(evaluate.needed(run.fetches, run.fed)) do
    draws[#draws + 1] = step.op == "random" and not run.fed[id] and step or nil
  end
  table.sort(draws, function(a, b)
    return a.id < b.id
  end)
  return draws
end

--- What neap gives, or nil and the error.
local function run_in_neap(trial, run, draws, session, nodes)
  local fetches, placeholders, values, feeds = {}, {}, {}, {}
  for k, step in ipairs(run.fetches) do
    fetches[k] = nodes[step.id]
  end
  for k, step in ipairs(draws) do
    fetches[#run.fetches + k] = nodes[step.id]
  end
  for id in ipairs(trial.graph.steps) do
    if run.fed[id] and nodes[id] then
      local value = host.to_neap(run.fed[id])
      placeholders[#placeholders + 1], values[#values + 1] = nodes[id], value
      feeds[nodes[id]] = value
    end
  end
  local fine, results = pcall(function()
    if run.callable then
      return session:callable(fetches, placeholders)(table.unpack(values))
    end
    return session:run(fetches, feeds)
  end)
  return fine and results or nil, results
end

--- How a value differs from a plain tensor; nil if it does not.
local function difference(step, want, got)
  if got == nil or got == false and want.dtype ~= "bool" then
    return "it has no value"
  end
  local tolerance = step.inexact and (want.dtype == "float32" and 1e-4 or 1e-9) or 0
  local flat, shape = helper.flat(got)
  if not plain.same(shape, want.shape) then
    return ("its shape is (%s), not (%s)"):format(table.concat(shape, ", "),
      table.concat(want.shape, ", "))
  end
  return helper.difference(want, flat, tolerance)
end

--- A gradient is compared along a direction of its placeholder.
local function gradient_difference(g, run, step, got)
  local y, x = step.inputs[1], step.inputs[2]
  local roll, fed = graph.dice(step.id), run.fed[x.id]
  local direction = plain.make(x.dtype, fed.shape, function()
    return roll(5) - 2
  end)
  local moved = evaluate.run(g, run.before, run.fetches, run.fed, run.oracle,
    { [x.id] = direction })
  local flat, shape = helper.flat(got)
  if not plain.same(shape, fed.shape) then
    return ("the gradient's shape is (%s)"):format(table.concat(shape, ", "))
  end
  local along, most = 0.0, 1
  for i, slope in ipairs(flat) do
    along, most = along + slope * direction[i], most + math.abs(slope * direction[i])
  end
  local want = moved.tangents[y.id] and moved.tangents[y.id][1] or 0
  if math.abs(want - along) > (x.dtype == "float32" and 1e-5 or 1e-12) * most then
    return ("the gradient along a direction is %g, not %g"):format(along, want)
  end
end

--- What the host's operations did: each as often as the run needs it (at most, where it failed),
-- with the right values in the right order.
local function calls_difference(expected, log, failed)
  local seen = {}
  for _, entry in ipairs(log) do
    local called = entry:match "^[^;]*"
    local wanted = expected[called] or {}
    seen[called] = (seen[called] or 0) + 1
    if failed then
      if seen[called] > math.max(#wanted, 1) then
        return ("the host's operation %s ran too often"):format(called)
      end
    elseif #wanted == 0 then
      return ("the host's operation %s ran, which nothing needs"):format(called)
    elseif seen[called] > #wanted then
      return ("the host's operation %s ran %d times, not %d"):format(called, seen[called], #wanted)
    elseif wanted[seen[called]] ~= entry then
      return ("the host's operation got %s, not %s"):format(entry, wanted[seen[called]])
    end
  end
  for called, wanted in pairs(failed and {} or expected) do
    if (seen[called] or 0) < #wanted then
      return ("the host's operation %s ran %d times, not %d"):format(called, seen[called] or 0,
        #wanted)
    end
  end
end

--- One that depends on another ran behind it.
local function order_difference(g, run, log)
  local place = {}
  for i, entry in ipairs(log) do
    place[entry:match "^[^;]*"] = i
  end
  for _, step in ipairs(g.steps) do
    local ran = step.op == "host" and not run.fed[step.id] and place[step.p.name]
    for id in pairs(ran and evaluate.needed({ step }, run.fed) or {}) do
      local above = g.steps[id]
      if above.op == "host" and not run.fed[id] and (place[above.p.name] or math.huge) > ran then
        return ("the host's operation %s ran before %s"):format(step.p.name, above.p.name)
      end
    end
  end
end

local function draw_difference(step, got, first)
  local t = host.from_neap(got, step.dtype)
  if host.text(t) ~= host.text(first) then
    return ("draws %s, in the first session %s"):format(host.text(t), host.text(first))
  end
  for i = 1, #t do
    if t[i] < step.p.low or t[i] >= step.p.high then
      return ("draws %d"):format(t[i])
    end
  end
end

local function results_difference(g, run, draws, results)
  local function told(step, wrong)
    return wrong and ("%s = %s: %s"):format(script.name(step), step.op, wrong)
  end
  for k, step in ipairs(run.fetches) do
    local want, got, wrong = run.expected.values[step.id], results[k], nil
    if step.op == "gradient" then
      wrong = gradient_difference(g, run, step, got)
    elseif want then
      wrong = difference(step, want, got)
    elseif got then
      wrong = "it has a value"
    end
    if wrong then
      return told(step, wrong)
    end
  end
  for k, step in ipairs(draws) do
    local wrong = draw_difference(step, results[#run.fetches + k], run.oracle[step.id])
    if wrong then
      return told(step, wrong)
    end
  end
end

local function state_difference(trial, run, session, nodes)
  for id, step in ipairs(trial.graph.steps) do
    if step.op == "variable" and nodes[id] then
      local wrong = difference(step, run.expected.state[id], session:get(nodes[id]))
      if wrong then
        return ("variable %s, after %s run: %s"):format(step.name,
          run.expected.failed and "a failed" or "the", wrong)
      end
    end
  end
end

--- What is wrong with a run in a session; or "unsure", where the evaluator does not know.
local function compare(trial, run, session, nodes, log)
  local g, draws = trial.graph, draws_of(run)
  for i = #log, 1, -1 do
    log[i] = nil
  end
  local results, cause = run_in_neap(trial, run, draws, session, nodes)
  if not run.expected then -- the first session
    run.oracle = {}
    for k, step in ipairs(results and draws or {}) do
      run.oracle[step.id] = host.from_neap(results[#run.fetches + k], step.dtype)
    end
    run.expected = evaluate.run(g, run.before, run.fetches, run.fed, run.oracle)
  end
  local expected = run.expected
  if expected.unsure and not expected.failed then
    return "unsure"
  elseif results and expected.failed then
    return "the run should have failed"
  elseif not results and not expected.failed then
    return "the run failed: " .. tostring(cause)
  end
  return results and results_difference(g, run, draws, results)
    or calls_difference(expected.log, log, not results) or order_difference(g, run, log)
    or state_difference(trial, run, session, nodes)
end

--- ## All runs in all sessions

local function build(trial, log)
  local nodes = {}
  local fine, cause = pcall(function()
    neap.graph():as_default(function()
      local text = "local neap, host, n = ...\n" .. script.graph(trial)
      assert(load(text, "=graph"))(neap, host.operations(log), nodes)
      nodes.graph = neap.default_graph()
    end)
  end)
  return fine and nodes or nil, cause
end

--- What is wrong, and where: { session=, run= }, by number; nil if nothing is. Adds to `counts`
-- how many runs ran, failed as they should, and were not followed to their end.
function check.run(trial, counts)
  local log = {}
  local nodes, cause = build(trial, log)
  if not nodes then
    return "it cannot be built: " .. tostring(cause), { run = 0 }
  end
  for _, run in ipairs(trial.runs) do
    run.expected = nil
  end
  for s, options in ipairs(trial.sessions) do
    local session <close> = neap.session(nodes.graph, options)
    local state = evaluate.initial(trial.graph)
    for r, run in ipairs(trial.runs) do
      run.before = state
      local wrong = compare(trial, run, session, nodes, log)
      local kind = wrong or run.expected.failed and "failed" or "ran"
      if wrong == "unsure" then
        counts.unsure = counts.unsure + 1
        break
      elseif wrong then
        return wrong, { session = s, run = r }
      end
      counts[kind] = counts[kind] + 1
      state = run.expected.state
    end
  end
end

--- For check.run.
function check.counts()
  return { ran = 0, failed = 0, unsure = 0 }
end

return check
