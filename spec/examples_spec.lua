-- Every example runs, from a folder of its own, with the module that this suite tests.
--
-- Runs once: it goes through the instruction sets itself.

local helper = require "helper"

local function capture(command)
  local pipe <close> = assert(io.popen(command))
  return (pipe:read("a"):gsub("%s+$", ""))
end

describe("the example", function()
  local folder, environment

  setup(function()
    local root = capture("pwd")
    folder = capture("mktemp -d")
    assert(os.execute(("cp -R examples %s/copy"):format(folder)))
    local module = assert(package.searchpath("neap", package.cpath)):gsub("[^/]*$", "?.so")
    if module:sub(1, 1) ~= "/" then
      module = root .. "/" .. module
    end
    environment = ("cd %s && env -u LUA_PATH -u LUA_PATH_5_4 -u LUA_CPATH_5_4 LUA_CPATH='%s' ")
      :format(folder, module)
  end)

  teardown(function()
    assert(os.execute("rm -r " .. folder))
  end)

  -- What an example prints; under an instruction set, where one is given.
  local function run(arguments, isa)
    local index = 0
    while arg[index - 1] do
      index = index - 1
    end
    local pipe = assert(io.popen(("%s %s %s copy/%s 2>&1"):format(
      environment, isa and "NEAP_ISA=" .. isa or "", arg[index], arguments)))
    local output = pipe:read("a")
    assert(pipe:close(), output)
    return output
  end

  local function is_picture(name)
    local file <close> = assert(io.open(folder .. "/" .. name, "rb"))
    assert.equal("\x89PNG\r\n\x1a\n", file:read(8))
    assert.is_true(file:seek("end") > 5000)
  end

  it("affine.lua prints what the graph computes", function()
    assert.equal("[ 2. -1.]\n", run "affine.lua")
  end)

  it("perceptron.lua finds the line and draws it", function()
    local output = run "perceptron.lua"
    local first, last = output:match("step  0   loss +([%d.]+).*step 90   loss +([%d.]+)")
    assert.is_true(tonumber(last) < tonumber(first))
    is_picture "perceptron.png"
  end)

  it("xor.lua tells the clusters apart and draws the boundary", function()
    assert.is_true(tonumber(run("xor.lua"):match("accuracy: ([%d.]+) %%")) >= 95)
    is_picture "xor.png"
  end)

  it("digits.lua learns, with the same numbers on every run and any number of threads", function()
    local output = run "digits.lua"
    assert.is_true(tonumber(output:match("\naccuracy: ([%d.]+) %%\n$")) >= 97)
    is_picture "digits-loss.png"
    is_picture "digits-wrong.png"
    assert.equal(output, run "digits.lua")
    for _, threads in ipairs { 1, 2, 5 } do
      assert.equal(output, run("digits.lua . " .. threads))
    end
  end)

  it("digits.lua learns the same under AVX2 and AVX-512, as well with neither", function()
    local printed = {}
    for _, isa in ipairs(helper.instruction_sets()) do
      printed[isa] = run("digits.lua", isa)
      assert.is_true(tonumber(printed[isa]:match("\naccuracy: ([%d.]+) %%\n$")) >= 97)
    end
    assert.equal(printed.avx2, printed.avx512 or printed.avx2)
  end)

  it("digits.lua says which file is missing", function()
    assert(os.rename(folder .. "/copy/data/digits.csv", folder .. "/digits.csv"))
    local ok, message = pcall(run, "digits.lua")
    assert(os.rename(folder .. "/digits.csv", folder .. "/copy/data/digits.csv"))
    assert.is_false(ok)
    assert.matches("digits.csv: No such file or directory", message, 1, true)
  end)
end)
