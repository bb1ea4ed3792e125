-- A graph, and a session that runs it: z = A x + b.
--
--     lua5.4 examples/affine.lua

-- In a checkout, the module that `make` built; else the one that is installed.
package.cpath = (arg[0]:match("^.*/") or "") .. "../build/?.so;" .. package.cpath

local neap = require "neap"

neap.graph():as_default()

local A = neap.variable{{1, 0}, {0, -1}}
local b = neap.variable{1, 1}
local x = neap.placeholder()
local y = neap.matmul(A, x)
local z = neap.add(y, b)                    -- or: A:matmul(x) + b

local session = neap.session()
print(session:run(z, {[x] = {1, 2}}))       -- [ 2. -1.]
