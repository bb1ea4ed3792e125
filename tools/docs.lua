-- Prints docs/operations.md: one entry for each operation, from its descriptor.
local neap = require "neap"

io.write([[
# neap: the operations

Made from the descriptors by `make docs`; `neap.help(name)` tells the same.
]])
for _, name in ipairs(neap.ops()) do
  io.write(("\n## %s\n\n```\n%s\n```\n"):format(name, (neap.help(name):gsub("%s+$", ""))))
end
