-- How neap's Lua modules look at what they are given, so that misuse is told at once, with the
-- caller's position and the words of the rest of neap. For these modules alone.

local core = ...

local check = {}

--- Raises, with the position of the nearest Lua function outside neap.
function check.fail(format, ...)
  core.raise(format:format(...))
end
local fail = check.fail

--- A value as messages show it: numbers and strings themselves, of all else the type.
function check.shown(value)
  local kind = type(value)
  if kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(value)
  elseif kind == "string" then
    local short = #value > 24 and value:sub(1, 24) .. "..." or value
    return (("%q"):format(short):gsub("\\\n", "\\n"))
  end
  return core.type(value)
end

-- ---- What a value may be: each is what is expected, in words, and a test ----

local function kind(expected, test)
  return { expected = expected, test = test }
end

local function finite(value)
  return type(value) == "number" and value - value == 0
end

check.string = kind("a string", function(value) return type(value) == "string" end)
check.boolean = kind("a boolean", function(value) return type(value) == "boolean" end)
check.table = kind("a table", function(value) return type(value) == "table" end)
check.number = kind("a finite number", finite)
check.integer = kind("an integer", function(value) return math.type(value) == "integer" end)
check.positive = kind("a positive number", function(value) return finite(value) and value > 0 end)
check.share = kind("a number from 0 to 1",
  function(value) return finite(value) and value >= 0 and value <= 1 end)
check.count = kind("a positive integer",
  function(value) return math.type(value) == "integer" and value > 0 end)
check.callable = kind("a function", core.callable)
check.node = kind("a node", function(value) return core.type(value) == "node" end)
check.color = kind("a colour, {red, green, blue} of 0 to 255", function(value)
  if type(value) ~= "table" then
    return false
  end
  for part = 1, 3 do
    local share = value[part]
    if not (finite(share) and share >= 0 and share <= 255) then
      return false
    end
  end
  return true
end)
check.path = kind("a path", function(value)
  return type(value) == "string" and not value:find("\0", 1, true)
end)
-- The name of a dtype: the core says which there are.
check.dtype = {}

--- The length of a sequence by `#`; nil where that is none.
function check.length(sequence)
  local length = #sequence
  return math.type(length) == "integer" and length >= 0 and length or nil
end

--- A sequence, not empty unless `empty` says so, of what is of a kind.
function check.sequence_of(expected, element, empty)
  return kind(expected, function(value)
    local length = type(value) == "table" and check.length(value)
    if not length or length == 0 and not empty then
      return false
    end
    for index = 1, length do
      if not element.test(value[index]) then
        return false
      end
    end
    return true
  end)
end

--- One of some strings.
function check.one_of(...)
  local choices = { ... }
  local quoted = {}
  for index, choice in ipairs(choices) do
    quoted[index] = ("%q"):format(choice)
    choices[choice] = true
  end
  return kind(table.concat(quoted, " or "), function(value)
    return type(value) == "string" and choices[value] == true
  end)
end
check.kind = kind

--- Raises unless a value is of a kind.
function check.argument(where, name, value, wanted)
  if wanted == check.dtype then
    core.check_dtype(where, name, value)
  elseif not wanted.test(value) then
    fail("%s: argument '%s': %s expected, got %s", where, name, wanted.expected, check.shown(value))
  end
  return value
end

--- Raises if anything is given beyond the arguments that a function takes; trailing nils are
-- absent.
function check.most(where, count, ...)
  local more = select("#", ...)
  while more > 0 and (select(more, ...)) == nil do
    more = more - 1
  end
  if more > 0 then
    fail("%s: at most %d argument%s expected, got %d", where, count, count == 1 and "" or "s",
      count + more)
  end
end

local function sorted_names(known)
  local names = {}
  for name in pairs(known) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, ", ")
end

--- The options of a function: each key is known, each value of its kind. With `first`, the keys
-- from 1 to that are not options.
-- @return the options, `{}` where none were given
function check.options(where, options, known, first)
  if options == nil then
    return {}
  elseif type(options) ~= "table" then
    fail("%s: a table of options expected, got %s", where, check.shown(options))
  end
  for name, value in pairs(options) do
    local index = math.type(name) == "integer" and first and name >= 1 and name <= first
    if not index then
      if type(name) ~= "string" then
        fail("%s: options by name expected, got a %s as key", where, core.type(name))
      elseif not known[name] then
        fail("%s: unknown argument '%s', known are: %s", where, name, sorted_names(known))
      end
      check.argument(where, name, value, known[name])
    end
  end
  return options
end

--- The length of a sequence, which has no hole, and no other keys but, with `named`, strings.
function check.sequence(where, sequence, what, named)
  if type(sequence) ~= "table" then
    fail("%s: %s expected, got %s", where, what, check.shown(sequence))
  end
  local last = 0
  if getmetatable(sequence) then
    last = check.length(sequence)
      or fail("%s: %s expected, got one whose __len gives no length", where, what)
  end
  for key in pairs(sequence) do
    if math.type(key) == "integer" and key > 0 then
      last = math.max(last, key)
    elseif not (named and type(key) == "string") then
      fail("%s: %s expected, got one with the key %s", where, what, check.shown(key))
    end
  end
  for index = 1, last do
    if sequence[index] == nil then
      fail("%s: [%d] is nil: a hole in a sequence of %d", where, index, last)
    end
  end
  return last
end

--- A class: objects of it raise for a name that they have not, but for `absent` ones, which may
-- be nil. The names of its methods are told where one of them is missed.
function check.class(place, name, absent)
  local class = { __name = name }
  local maybe = {}
  for _, field in ipairs(absent or {}) do
    maybe[field] = true
  end
  class.__index = class
  setmetatable(class, {
    __index = function(_, key)
      if type(key) == "string" and not maybe[key] and key:sub(1, 2) ~= "__" then
        core.no_name("field", place, key)
      end
    end,
  })
  core.place(place, class)
  return class
end

--- Raises unless a method was called on an object of its class.
function check.self(self, class, place, method)
  if getmetatable(self) ~= class then
    fail("%s.%s: call it with ':' on a%s %s, got %s", place, method,
      place:find "^[aeiou]" and "n" or "", place, core.type(self))
  end
end

return check
