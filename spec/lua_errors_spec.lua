--- Where errors say they come from, and objects that are not what they seem.
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
    assert.equal("placeholder: argument 'dtype': no dtype 'float31'", message)
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
