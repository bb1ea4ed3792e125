--- Where errors say they come from, and objects that are not what they seem.
--
-- Runs once: no instruction set touches it.
local helper = require "helper"
local neap = require "neap"

local function here()
  return debug.getinfo(2, "l").currentline
end

describe("the position of an error", function()
  it("is that of the Lua function that called neap", function()
    local graph = neap.graph():as_default()
    local x = neap.placeholder("float32", { 2 })
    local line, message
    local function fails(f)
      local ok
      ok, message = pcall(f)
      assert.is_false(ok)
      assert.equal(("spec/lua_errors_spec.lua:%d"):format(line), message:match "^(.-:%d+): ")
    end
    fails(function()
      line = here(); local _ = x + { 1, 2, 3 }
    end)
    fails(function()
      line = here(); local _ = x:matmul { 1, 2, 3 }
    end)
    fails(function()
      line = here(); local _ = x.colour
    end)
    fails(function()
      line = here(); neap.session(graph):run "x"
    end)
    fails(function()
      line = here(); neap.tensor { "1" }
    end)
    fails(function() -- through a Lua module of neap
      line = here(); neap.train.adam { learning_rate = 0.1, beta = 1 }
    end)
    fails(function()
      line = here(); neap.train.adam({ learning_rate = 0.1 }):minimize(x)
    end)
    fails(function() -- through C functions
      line = here(); ("a"):gsub("a", neap.relu)
    end)
  end)

  it("is left out where there is no Lua function", function()
    local co = coroutine.create(neap.placeholder)
    local ok, message = coroutine.resume(co, "float31")
    assert.is_false(ok)
    assert.equal("placeholder: argument 'dtype': no dtype 'float31': did you mean 'float32'?",
      message)
  end)

  it("of a run comes with that of the node", function()
    neap.graph():as_default()
    local x = neap.placeholder()
    local line = here(); local y = neap.matmul(x, { { 1, 2 } })
    local session <close> = neap.session()
    helper.fails(('matmul "matmul": inner dimensions differ: (3,) x (1, 2) (made at '
      .. "spec/lua_errors_spec.lua:%d)"):format(line), function()
      return session:run(y, { [x] = { 1, 2, 3 } })
    end)
  end)
end)

describe("an object that is not what it seems", function()
  local graph, x, session, tensor

  before_each(function()
    graph = neap.graph():as_default()
    x = neap.placeholder("float32", {}, "x")
    session = neap.session(graph)
    tensor = neap.tensor { 1, 2 }
  end)

  after_each(function()
    session:close()
  end)

  it("has a metatable that scripts cannot reach", function()
    for _, object in ipairs { graph, x, session, tensor } do
      assert.equal(false, getmetatable(object))
      assert.is_false((pcall(setmetatable, object, {})))
    end
  end)

  it("is refused with our metatable on another userdata", function()
    local metatables = {}
    for name, object in pairs { graph = graph, node = x, session = session, tensor = tensor } do
      metatables[name] = debug.getmetatable(object)
    end
    for name, metatable in pairs(metatables) do
      local file = assert(io.tmpfile())
      local own = debug.getmetatable(file)
      debug.setmetatable(file, metatable)
      assert.is_false((pcall(neap.add, file, 1)), name)
      assert.is_false((pcall(neap.tensor, file)), name)
      assert.is_false((pcall(session.run, session, file)), name)
      assert.is_false((pcall(session.run, file, x)), name)
      assert.is_false((pcall(neap.session, file)), name)
      assert.is_false((pcall(tostring, file)), name)
      pcall(metatable.__gc, file)
      debug.setmetatable(file, own)
      file:close()
    end
    for name, metatable in pairs(metatables) do
      for other, object in pairs { graph = graph, node = x, session = session, tensor = tensor } do
        if name ~= other then
          local own = debug.getmetatable(object)
          debug.setmetatable(object, metatable)
          pcall(tostring, object)
          pcall(neap.add, object, 1)
          if metatable.__gc then
            pcall(metatable.__gc, object)
          end
          debug.setmetatable(object, own)
        end
      end
    end
    assert.equal(1, session:run(x, { [x] = 1 }))
    assert.equal(2, tensor[2])
  end)

  it("survives finalizers that are called by hand", function()
    for _, object in ipairs { session, tensor, graph } do
      local metatable = debug.getmetatable(object)
      metatable.__gc(object)
      metatable.__gc(object)
      pcall(tostring, object)
    end
    assert.is_false((pcall(session.run, session, x)))
    helper.fails("the tensor has been collected", function()
      return tensor:totable()
    end)
    assert.is_false((pcall(neap.session, graph)))
  end)
end)

describe("a method called with '.'", function()
  it("says so, for every method", function()
    local graph = neap.graph():as_default()
    local session <close> = neap.session(graph)
    local optimizer = neap.train.gradient_descent { learning_rate = 1 }
    local objects = {
      { session, "session", { "run", "callable", "get", "set", "initialize", "explain", "close" } },
      { neap.tensor { 1 }, "tensor", { "item", "totable", "tobytes", "reshape", "allclose" } },
      { graph, "graph", { "as_default", "node" } },
      { optimizer, "optimizer", { "minimize", "compute_gradients", "apply_gradients" } },
    }
    for _, entry in ipairs(objects) do
      local object, kind, methods = table.unpack(entry)
      for _, method in ipairs(methods) do
        local article = kind == "optimizer" and "an" or "a"
        helper.fails(("%s.%s: call it with ':' on %s %s, got nil"):format(kind, method, article,
          kind), function()
          object[method](nil)
        end)
      end
    end
  end)
end)

describe("a name that there is not", function()
  --- Asserts that an index raises with this text, where it stands.
  local function misses(text, object, name)
    local line, message
    local _, error_text = pcall(function()
      line = here(); local value = object[name]
      return value
    end)
    message = error_text
    assert.equal(("spec/lua_errors_spec.lua:%d: %s"):format(line, text), message)
  end

  it("is told with what is near, in each place", function()
    local graph = neap.graph():as_default()
    local x = neap.placeholder("float32", { 2 })
    local session <close> = neap.session(graph)
    local near = {
      { neap, "function or module", "neap", { reduce_men = "reduce_mean", sofmax = "softmax",
        placholder = "placeholder", trian = "train", sesion = "session", mean = "reduce_mean",
        ["gradient"] = "gradients" } },
      { neap.train, "function", "neap.train", { adma = "adam", momentun = "momentum" } },
      { neap.nn, "function", "neap.nn", { liner = "linear", sequental = "sequential" } },
      { neap.data, "function", "neap.data", { cvs = "csv", batch = "batches" } },
      { neap.plot, "function", "neap.plot", { figrue = "figure", image = "images" } },
      { neap.canvas, "function", "neap.canvas", { text_widht = "text_width" } },
      { neap.tensor, "function", "neap.tensor", { zeroes = "zeros", from_bytes = "frombytes" } },
      { x, "field", "node", { reduce_sums = "reduce_sum", shpae = "shape" } },
      { neap.tensor { 1 }, "field", "tensor", { to_table = "totable", sahpe = "shape" } },
      { session, "field", "session", { rnu = "run", initialise = "initialize", grpah = "graph" } },
      { graph, "field", "graph", { nod = "node", variabels = "variables" } },
      { neap.plot.figure(), "field", "figure", { lines = "line", safe = "save" } },
      { neap.canvas.new(1, 1), "field", "canvas", { disk = "disc", polyine = "polyline" } },
      { neap.train.adam { learning_rate = 1 }, "field", "optimizer", { minimise = "minimize" } },
    }
    for _, place in ipairs(near) do
      local object, what, name, slips = table.unpack(place)
      for slip, meant in pairs(slips) do
        misses(("no %s '%s' in %s: did you mean '%s'?"):format(what, slip, name, meant), object,
          slip)
      end
    end
  end)

  it("is told with where it lives", function()
    local graph = neap.graph():as_default()
    local x = neap.placeholder("float32", { 2 })
    local session <close> = neap.session(graph)
    local elsewhere = {
      { neap, "function or module", "neap", { adam = "neap.train.adam", linear = "neap.nn.linear",
        csv = "neap.data.csv", figure = "neap.plot.figure", run = "session:run",
        minimize = "optimizer:minimize", totable = "tensor:totable" } },
      { neap.nn, "function", "neap.nn", { relu = "neap.relu", adam = "neap.train.adam" } },
      { x, "field", "node", { run = "session:run", placeholder = "neap.placeholder" } },
      { session, "field", "session", { totable = "tensor:totable" } },
      { neap.tensor { 1 }, "field", "tensor", { matmul = "neap.matmul", inputs = "node.inputs" } },
    }
    for _, place in ipairs(elsewhere) do
      local object, what, name, names = table.unpack(place)
      for wanted, where in pairs(names) do
        misses(("no %s '%s' in %s: did you mean '%s'?"):format(what, wanted, name, where), object,
          wanted)
      end
    end
  end)

  it("is told with those that there are, where they are few", function()
    misses("no function 'no_such_name' in neap.nn, there are: linear, sequential", neap.nn,
      "no_such_name")
    misses("no function 'no_such_name' in neap.data, there are: batches, csv, idx, npy, npz, split",
      neap.data, "no_such_name")
    misses("no function 'no_such_name' in neap.train, there are: adam, gradient_descent, momentum",
      neap.train, "no_such_name")
    misses("no function or module 'no_such_name' in neap", neap, "no_such_name")
    misses("no function or module '' in neap", neap, "")
    misses(("no function or module '%s' in neap"):format(("x"):rep(1000)), neap, ("x"):rep(1000))
    misses("no function or module '_check' in neap", neap, "_check")
  end)

  it("may still be asked for by rawget, and set", function()
    assert.is_nil(rawget(neap.nn, "mine"))
    neap.nn.mine = 1
    assert.equal(1, neap.nn.mine)
    neap.nn.mine = nil
    assert.is_nil(neap.nn[1])
  end)

  it("is told in help with the operation that is near", function()
    helper.fails("help: unknown operation 'matmull': did you mean 'matmul'?", function()
      return (neap.help "matmull")
    end)
    helper.fails("help: unknown operation 'no_such_name'", function()
      return (neap.help "no_such_name")
    end)
  end)

  it("is told with a dtype that is near, wherever dtypes are named", function()
    local x = neap.placeholder("float32", { 2 })
    local calls = {
      placeholder = function() return (neap.placeholder "flaot32") end,
      tensor = function() return (neap.tensor({ 1 }, "flaot32")) end,
      ["tensor.zeros"] = function() return (neap.tensor.zeros({ 1 }, "flaot32")) end,
      ["tensor.frombytes"] = function() return (neap.tensor.frombytes("", "flaot32", { 0 })) end,
      constant = function() return (neap.constant(1, "flaot32")) end,
      variable = function() return (neap.variable(1, { dtype = "flaot32" })) end,
      cast = function() return (x:cast "flaot32") end,
      zeros = function() return (neap.zeros({ 1 }, "flaot32")) end,
      csv = function() return (neap.data.csv("no file", { dtype = "flaot32" })) end,
    }
    for name, call in pairs(calls) do
      helper.fails(("%s: argument 'dtype': no dtype 'flaot32': did you mean 'float32'?")
        :format(name), call)
    end
  end)
end)

describe("misuse", function()
  -- A value of every kind, each made anew: a function may keep or change it.
  local kinds = {
    function() return nil end, function() return true end, function() return -1 end,
    function() return 1.5 end, function() return 0 / 0 end, function() return math.huge end,
    function() return math.maxinteger end, function() return "" end, function() return "abc" end,
    function() return "a\0b" end, function() return ("x"):rep(2000) end, function() return {} end,
    function() return { 1, 2 } end, function() return { 1, nil, 3 } end,
    function() return { "a" } end, function() return { x = 1 } end, function() return { {} } end,
    function() return { 1, x = 1 } end, function() return function(...) return ... end end,
    function() return neap.tensor { 1, 2 } end, function() return neap.tensor(3) end,
    function() return { neap.tensor { 1, 2 } } end, function() return io.stdout end,
    function() return neap.placeholder("float32", { -1, 3 }) end,
    function() return { neap.placeholder() } end, function() return neap.default_graph() end,
    function() return coroutine.create(print) end,
    function() return setmetatable({}, { __len = function() return -1 end }) end,
    function() return setmetatable({}, { __len = function() return "x" end }) end,
    function()
      return setmetatable({}, { __index = function(_, key) return key end,
        __len = function() return 3 end })
    end,
  }

  local function looks_inside(message)
    return message:find "attempt to" or message:find "%[neap%]" or message:find "neap_[a-z]"
      or message:find "bad argument" or message:find "no integer representation"
  end

  --- Calls with each kind of value as each of the first three arguments.
  local function try(name, call)
    for _, first in ipairs(kinds) do
      for _, second in ipairs(kinds) do
        local arguments = table.pack(first(), second(), kinds[1 + #name % #kinds]())
        for count = 0, 3 do
          local ok, message = pcall(function()
            local result, other = call(table.unpack(arguments, 1, count))
            return result, other
          end)
          if not ok and (type(message) ~= "string" or looks_inside(message)
              or not message:find "^%S+/?lua_errors_spec.lua:%d+: ") then
            error(("%s: %s"):format(name, tostring(message)))
          end
        end
      end
    end
  end

  it("of any function raises where the caller stands, and shows nothing of the inside", function()
    -- Of the operations, which are all made the same way, those of one length of name.
    for name, call in pairs(neap) do
      if type(call) == "function" and name ~= "set_threads" and #name % 4 == 0 then
        neap.graph():as_default()
        try("neap." .. name, call)
      end
    end
    for _, module in ipairs { "nn", "train", "data", "plot", "canvas" } do
      for name, call in pairs(neap[module]) do
        if type(call) == "function" then
          neap.graph():as_default()
          try(module .. "." .. name, call)
        end
      end
    end
  end)

  it("of any method does, too", function()
    local makers = {
      session = function() return neap.session() end, graph = function() return neap.graph() end,
      tensor = function() return neap.tensor { 1, 2, 3 } end,
      optimizer = function() return neap.train.adam { learning_rate = 1 } end,
      figure = function() return neap.plot.figure { width = 40, height = 30 } end,
      canvas = function() return neap.canvas.new(3, 2) end,
    }
    local methods = {
      session = { "run", "callable", "get", "set", "explain" }, graph = { "as_default", "node" },
      tensor = { "reshape", "allclose", "item" },
      optimizer = { "minimize", "compute_gradients", "apply_gradients" },
      figure = { "line", "points", "regions" },
      canvas = { "blend", "rectangle", "stroke", "polyline", "disc", "text" },
    }
    for kind, make in pairs(makers) do
      neap.graph():as_default()
      for _, method in ipairs(methods[kind]) do
        local object = make()
        try(kind .. ":" .. method, function(...) return object[method](object, ...) end)
        try(kind .. "." .. method, function(...) return object[method](...) end)
      end
    end
  end)
end)

describe("an argument too many", function()
  it("is refused, by every function and method, but a nil", function()
    local graph = neap.graph():as_default()
    local x = neap.placeholder("float32", { 2 }, "x")
    local v = neap.variable { 1, 2 }
    local session <close> = neap.session(graph)
    local t, none = neap.tensor { 1, 2 }, function() end
    local optimizer = neap.train.gradient_descent { learning_rate = 1 }
    local figure, canvas = neap.plot.figure { width = 30, height = 20 }, neap.canvas.new(2, 2)
    local color, image = { 1, 2, 3 }, { { 1, 2 } }
    local calls = {
      { "graph", 0, neap.graph }, { "default_graph", 0, neap.default_graph },
      { "name_scope", 2, neap.name_scope, "a", none },
      { "control_dependencies", 2, neap.control_dependencies, { x }, none },
      { "help", 1, neap.help, "matmul" }, { "ops", 0, neap.ops }, { "config", 0, neap.config },
      { "graph.as_default", 1, graph.as_default, graph, none },
      { "graph.node", 1, graph.node, graph, "x" },
      { "session.run", 2, session.run, session, v, {} },
      { "session.explain", 2, session.explain, session, v, {} },
      { "session.callable", 2, session.callable, session, v, {} },
      { "session.get", 1, session.get, session, v },
      { "session.set", 2, session.set, session, v, { 1, 2 } },
      { "session.initialize", 0, session.initialize, session },
      { "tensor.item", 0, t.item, t[1] and neap.tensor(1) },
      { "tensor.totable", 0, t.totable, t }, { "tensor.tobytes", 0, t.tobytes, t },
      { "tensor.reshape", 1, t.reshape, t, { 2, 1 } },
      { "tensor.allclose", 3, t.allclose, t, t, 0, 0 },
      { "linear", 3, neap.nn.linear, 2, 3, {} },
      { "linear", 1, neap.nn.linear(2, 3), { { 1, 2 } } },
      { "sequential", 1, neap.nn.sequential, {} },
      { "sequential", 1, neap.nn.sequential { neap.relu }, x },
      { "adam", 1, neap.train.adam, { learning_rate = 1 } },
      { "optimizer.minimize", 2, optimizer.minimize, optimizer, v * v, v },
      { "optimizer.compute_gradients", 2, optimizer.compute_gradients, optimizer, v * v, v },
      { "optimizer.apply_gradients", 1, optimizer.apply_gradients, optimizer, { { v, v } } },
      { "csv", 2, neap.data.csv, "no file", {} }, { "idx", 1, neap.data.idx, "no file" },
      { "npy", 1, neap.data.npy, "no file" }, { "npz", 1, neap.data.npz, "no file" },
      { "batches", 1, neap.data.batches, { t, size = 1 } },
      { "split", 1, neap.data.split, { t, fraction = 1 } },
      { "figure", 1, neap.plot.figure, {} }, { "images", 2, neap.plot.images, { image }, {} },
      { "figure.line", 3, figure.line, figure, t, t, {} },
      { "figure.points", 3, figure.points, figure, t, t, {} },
      { "figure.draw", 0, figure.draw, figure },
      { "figure.save", 1, figure.save, figure, "/nowhere/a.png" },
      { "figure.regions", 2, figure.regions, figure, none, {} },
      { "canvas", 3, neap.canvas.new, 1, 1, color },
      { "text_width", 2, neap.plot.text_width, "a", 1 },
      { "canvas.blend", 4, canvas.blend, canvas, 0, 0, color, 1 },
      { "canvas.rectangle", 6, canvas.rectangle, canvas, 0, 0, 1, 1, color, 1 },
      { "canvas.stroke", 4, canvas.stroke, canvas, { { 0, 0, 1, 1 } }, 1, color, 1 },
      { "canvas.polyline", 4, canvas.polyline, canvas, { { 0, 0 } }, color, 1, 1 },
      { "canvas.disc", 5, canvas.disc, canvas, 1, 1, 1, color, 1 },
      { "canvas.text", 4, canvas.text, canvas, 1, 1, "a", {} },
      { "canvas.png", 0, canvas.png, canvas },
      { "canvas.save", 1, canvas.save, canvas, "/nowhere/a.png" },
    }
    for _, entry in ipairs(calls) do
      local name, most, call = table.unpack(entry, 1, 3)
      local arguments = table.move(entry, 4, #entry, 1, {})
      local count = #arguments
      call(table.unpack(arguments, 1, count + 2)) -- nils
      arguments[count + 1] = 5
      helper.fails(("%s: at most %d argument%s expected, got %d"):format(name, most,
        most == 1 and "" or "s", most + 1), function()
          local result = call(table.unpack(arguments, 1, count + 1))
          return result
        end)
    end
    helper.fails("config: call it with '.', not ':'", function() return (neap:config()) end)
  end)
end)
