rockspec_format = "3.0"
package = "neap"
version = "scm-1"
source = {
  url = "file://.", -- `luarocks make` builds the checkout that it is typed in
}
description = {
  summary = "A deep-learning runtime that fits inside another program",
  detailed = "Graphs, sessions and gradients in TensorFlow's terms, in C and OpenBLAS, scripted in Lua.",
  license = "MIT",
}
dependencies = { "lua ~> 5.4" }
build = {
  type = "make",
  build_target = "build/neap.so",
  build_variables = { CFLAGS = "$(CFLAGS)", LUA_INCDIR = "$(LUA_INCDIR)", LUA = "$(LUA)" },
  install_target = "install-module",
  install_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    LUA = "$(LUA)",
    LUA_CMOD = "$(LIBDIR)",
  },
}
