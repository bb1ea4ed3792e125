-- Turns the Lua files named on the command line into a C file that holds their text: an array of
-- {name, source, length}, ended by a NULL name. Bytes, because C compilers need not take long
-- string literals. Lines that are comments alone are left empty: the code is the same, at the same
-- lines, which is looked at.

io.write([[
/* Made from lua/neap by tools/modules.lua. */
#include <stddef.h>

struct neap__lua_module {
    const char *name;
    const char *source;
    size_t length;
};
extern const struct neap__lua_module neap__lua_modules[];
]])

local function without_comments(source)
  local bare = ("\n" .. source):gsub("\n[ \t]*%-%-[^\n]*", "\n"):sub(2)
  assert(string.dump(assert(load(source, "="))) == string.dump(assert(load(bare, "="))))
  return bare
end

local rows = {}
for index, path in ipairs(arg) do
  local file <close> = assert(io.open(path, "rb"))
  local source = without_comments(file:read("a"))
  io.write(("\n/* %s */\nstatic const char source_%d[] = {"):format(path, index))
  for position = 1, #source do
    if position % 20 == 1 then
      io.write("\n   ")
    end
    io.write((" %d,"):format(string.unpack("b", source, position)))
  end
  io.write(" 0,\n};\n")
  local name = path:match("([%w_]+)%.lua$")
  rows[index] = ('    {"neap.%s", source_%d, %d},\n'):format(name, index, #source)
end

io.write("\nconst struct neap__lua_module neap__lua_modules[] = {\n", table.concat(rows),
  "    {NULL, NULL, 0},\n};\n")
