--- The code that documents show is the source's: a block whose fence names a file stands in that
-- file, word for word.
--
-- Runs once: no instruction set touches it.

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

--- The blocks of a document: the file that each names, its text and its line.
local function blocks(text)
  local list, open, number = {}, nil, 0
  for line in text:gmatch("([^\n]*)\n") do
    number = number + 1
    local path = line:match("^```%a+ (%S+)$")
    if path then
      open = { path = path, line = number, lines = {} }
      list[#list + 1] = open
    elseif line:match("^```") then
      open = nil
    elseif open then
      open.lines[#open.lines + 1] = line
    end
  end
  return list
end

for _, document in ipairs { "docs/adding-an-operation.md" } do
  describe(document, function()
    local list = blocks(read(document))

    it("shows code", function()
      assert.is_true(#list >= 10)
    end)

    for _, block in ipairs(list) do
      it(("shows what is in %s (line %d)"):format(block.path, block.line), function()
        local code = table.concat(block.lines, "\n") .. "\n"
        assert.is_true(#block.lines > 0)
        local at = (("\n" .. read(block.path)):find("\n" .. code, 1, true))
        assert.is_truthy(at, "not in " .. block.path .. ":\n" .. code)
      end)
    end
  end)
end
