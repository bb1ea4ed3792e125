# neap: build, test, install. GNU make.
#
#   make          the libraries and the Lua module, in build/
#   make digits   installs what is missing, builds, and trains on handwritten digits
#   make test     installs what is missing, builds, and runs everything there is to check
#   make install PREFIX=/usr/local DESTDIR=     and make uninstall
#
# Further: deps asan tsan lint bench docs layers generate clean. Settable: CC CFLAGS LUA LUA_INCDIR
# BUILD (the folder of what is built; each keeps the flags that it was first built with).

VERSION := $(shell sed -n 's/^\#define NEAP_VERSION "\(.*\)"/\1/p' src/neap.h)
SONAME  := libneap.so.$(firstword $(subst ., ,$(VERSION)))

# A folder of src/ includes only itself and those before it: `make layers`. The core is all but lua.
LAYERS  = base tensor cpu graph ops grad plan session lua
CORE    = $(filter-out lua,$(LAYERS))
# Within a folder the files do not use each other in a circle, but for those in CIRCLES, which
# still do. ORDER_folder, where there is one, is its files in reading order: each uses those before.
CIRCLES   = graph ops plan session
ORDER_lua = state errors boxes names arguments value tensor graph attributes node ops operators \
            schema call host special gradients control fetch callable session train core help module embed

BUILD  ?= build
PREFIX ?= /usr/local
LIBDIR  = $(PREFIX)/lib
LUA_CMOD = $(LIBDIR)/lua/5.4
INCLUDEDIR = $(PREFIX)/include

LUA    ?= $(firstword $(shell command -v lua5.4 lua54 lua-5.4 lua) lua5.4)
LUA_INCDIR ?= $(firstword $(wildcard $(patsubst %,/usr/%,include/lua5.4 include/lua54 \
              local/include/lua5.4 local/include/lua54 local/include include)))

CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wwrite-strings -Wconversion \
           -Wvla -Wformat=2
# What the sources rely on, whatever CFLAGS says: no contraction to fused multiply-adds and never
# -ffast-math (the same bits on every machine of one instruction set), hidden symbols.
NEEDED  = -std=c11 -D_GNU_SOURCE -Isrc -fPIC -fvisibility=hidden -pthread -ffp-contract=off \
          -fno-math-errno $(SANITIZE)
COMPILE = $(CC) $(CFLAGS) $(TUNE) $(NEEDED) $(WARNINGS) -MMD -MP
LINK    = $(CC) $(CFLAGS) $(SANITIZE) $(SHARED_ASAN) -shared
LIBS    = -lm -lpthread -ldl

objects  = $(patsubst src/%.c,$(BUILD)/%.o,$(wildcard src/$(1)/*.c))
CORE_OBJECTS := $(foreach layer,$(CORE),$(call objects,$(layer)))
LUA_OBJECTS  := $(call objects,lua) $(BUILD)/lua_modules.o
HOSTS        := $(patsubst %.c,$(BUILD)/%,$(wildcard spec/c/*.c))
BENCHES      := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/*.c))

SHARED  = $(BUILD)/libneap.so.$(VERSION)
MODULE  = $(BUILD)/neap.so

.PHONY: all hosts test deps digits install install-module uninstall clean asan tsan lint bench \
        docs layers generate run-test run-digits run-bench run-asan run-tsan
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

all: $(BUILD)/libneap.a $(SHARED) $(BUILD)/libneap_lua.a $(MODULE)
hosts: $(HOSTS)

# ---- Building ----

$(BUILD)/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(COMPILE) -c -o $@ $<

# Kernels are worth more of the compiler's time. Each chooses its instruction set in its source.
$(BUILD)/cpu/%.o: TUNE = -O3
# Those for any machine and the narrow dtypes are many: as fast so, in two thirds of the bytes.
$(BUILD)/cpu/vector_generic.o $(BUILD)/cpu/element.o: TUNE = -O2 -ftree-vectorize
$(BUILD)/lua/%.o: TUNE = -isystem $(LUA_INCDIR)

# The Lua modules travel inside the library, as bytes. The folder changes when a file comes or goes.
$(BUILD)/lua_modules.c: $(wildcard lua/neap/*.lua) lua/neap tools/modules.lua
	@mkdir -p $(@D)
	@echo "  LUA  $@"
	@$(LUA) tools/modules.lua $(filter lua/%.lua,$^) > $@
$(BUILD)/lua_modules.o: $(BUILD)/lua_modules.c
	@$(COMPILE) -c -o $@ $<

$(BUILD)/libneap.a: $(CORE_OBJECTS)
$(BUILD)/libneap_lua.a: $(LUA_OBJECTS)
$(BUILD)/%.a:
	@echo "  AR   $@"
	@rm -f $@ && ar rcs $@ $^

$(SHARED): $(CORE_OBJECTS)
	@echo "  LINK $@"
	@$(LINK) -Wl,-soname,$(SONAME) -Wl,--no-undefined $(LDFLAGS) -o $@ $^ $(LIBS)
	@ln -sf $(@F) $(BUILD)/$(SONAME) && ln -sf $(SONAME) $(BUILD)/libneap.so

# Core and binding in one. It shows luaopen_neap alone, so that a host may have a libneap of its
# own; it takes Lua from the interpreter; and it stays loaded, for its threads outlive a state.
$(MODULE): $(CORE_OBJECTS) $(LUA_OBJECTS) tools/module.map
	@echo "  LINK $@"
	@$(LINK) -Wl,--version-script=tools/module.map -Wl,-z,nodelete $(LDFLAGS) -o $@ \
	    $(filter %.o,$^) $(LIBS)

# Hosts, measurements and the generator: one C file each, with the static library.
$(HOSTS) $(BENCHES) $(BUILD)/tools/generate: $(BUILD)/%: %.c $(BUILD)/libneap.a
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(COMPILE) $(LDFLAGS) -o $@ $< $(BINDING) $(BUILD)/libneap.a $(LIBS)

# A host named lua_* opens Lua and has the binding too.
LUA_HOSTS = $(filter $(BUILD)/spec/c/lua_%,$(HOSTS))
$(LUA_HOSTS): $(BUILD)/libneap_lua.a
$(LUA_HOSTS): private BINDING = $(BUILD)/libneap_lua.a
$(LUA_HOSTS): private TUNE = -isystem $(LUA_INCDIR)
$(LUA_HOSTS): private LIBS += $(or $(LUA_LIBS),$(shell pkg-config --libs lua5.4 2>/dev/null || \
                          pkg-config --libs lua))

# These two compare with OpenBLAS; neap itself opens it at the first need.
$(BUILD)/bench/gemm $(BUILD)/bench/train: LIBS += -lopenblas

-include $(CORE_OBJECTS:.o=.d) $(LUA_OBJECTS:.o=.d) $(HOSTS:=.d) $(BENCHES:=.d)

# The C builders come from the descriptors. Both files are committed; `make test`
# checks that they are current.
generate: $(BUILD)/tools/generate
	@$< header > $(BUILD)/builders.h
	@sed -e '/BEGIN generated/r $(BUILD)/builders.h' \
	     -e '/BEGIN generated/,/END generated/{/BEGIN generated/b' -e '/END generated/b' -e 'd}' \
	     src/neap.h > $(BUILD)/neap.h.new
	@$< builders > $(BUILD)/builders.c.new
	@cmp -s $(BUILD)/neap.h.new src/neap.h || cp $(BUILD)/neap.h.new src/neap.h
	@cmp -s $(BUILD)/builders.c.new src/ops/builders.c || \
	    cp $(BUILD)/builders.c.new src/ops/builders.c

# ---- Using: these install what is missing first ----

# All processors, unless the caller said how many.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))

deps:
	@LUA='$(LUA)' LUA_INCDIR='$(LUA_INCDIR)' CC='$(CC)' tools/deps.sh $(PURPOSE)
bench: PURPOSE = bench

# A second make, because LUA and the like may have been installed by the first.
test digits bench: deps
	@$(MAKE) $(JOBS) run-$@

run-test: all hosts
	@BUILD='$(BUILD)' CC='$(CC)' LUA='$(LUA)' MAKE='$(MAKE)' TSAN_CFLAGS='$(TSAN_CFLAGS)' \
	    tools/test.sh all
run-digits: $(MODULE)
	@$(LUA) examples/digits.lua $(BUILD)
run-bench: all $(BENCHES)
	@export LUA='$(LUA)' LUA_CPATH='$(BUILD)/?.so;;'; \
	    for b in $(BENCHES); do $$b || exit; done; \
	    for b in $(wildcard bench/*.lua); do $(LUA) $$b || exit; done

# ---- Checking ----

layers: $(CORE_OBJECTS) $(LUA_OBJECTS)
	@LAYERS='$(LAYERS)' tools/layers.sh
	@BUILD='$(BUILD)' LAYERS='$(LAYERS)' CIRCLES='$(CIRCLES)' \
	    ORDER='$(foreach layer,$(LAYERS),$(if $(ORDER_$(layer)),$(layer): $(ORDER_$(layer));))' \
	    tools/files.sh

# The whole suite under AddressSanitizer and UBSan. The interpreter is not instrumented, so that
# the sanitizer's runtime has to be loaded before it.
asan: deps
	@$(MAKE) $(JOBS) BUILD=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE='-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all' \
	    SHARED_ASAN=$(if $(findstring clang,$(CC)),-shared-libasan) run-asan
run-asan: $(MODULE) hosts
	@BUILD='$(BUILD)' CC='$(CC)' LUA='$(LUA)' MAKE='$(MAKE)' tools/test.sh asan

# The C hosts, which use many threads, under ThreadSanitizer.
TSAN_CFLAGS = -O2 -g
tsan:
	@$(MAKE) $(JOBS) BUILD=build/tsan CFLAGS='$(TSAN_CFLAGS)' SANITIZE=-fsanitize=thread run-tsan
run-tsan: hosts
	@BUILD='$(BUILD)' tools/test.sh tsan

FORMATTED = $(wildcard src/*.h src/*/*.[ch] spec/c/*.[ch] bench/*.[ch] tools/*.c \
            examples/*/*.c)
lint: layers
	clang-format --dry-run -Werror $(FORMATTED)
	luacheck --quiet lua spec examples bench tools
	@for cc in gcc clang; do \
	    $(MAKE) $(JOBS) BUILD=build/lint-$$cc CC=$$cc CFLAGS='-O2 -Werror' all hosts || exit; done

docs: $(MODULE)
	@mkdir -p docs
	@LUA_CPATH='$(BUILD)/?.so;;' $(LUA) tools/docs.lua > $(BUILD)/operations.md
	@mv $(BUILD)/operations.md docs/operations.md

# ---- Installing ----

# Shared objects go out without what only a debugger reads; `make install STRIP=` leaves it in.
STRIP ?= -s

install: all install-module
	install -d $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 src/neap.h src/neap_lua.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(BUILD)/libneap.a $(BUILD)/libneap_lua.a $(DESTDIR)$(LIBDIR)
	install -m 755 $(STRIP) $(SHARED) $(DESTDIR)$(LIBDIR)
	ln -sf $(notdir $(SHARED)) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libneap.so
	for pc in neap neap-lua; do \
	    sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	        -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' $$pc.pc.in \
	        > $(DESTDIR)$(LIBDIR)/pkgconfig/$$pc.pc; done

install-module: $(MODULE)
	install -d $(DESTDIR)$(LUA_CMOD)
	install -m 755 $(STRIP) $(MODULE) $(DESTDIR)$(LUA_CMOD)

uninstall:
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,neap.h neap_lua.h) \
	    $(addprefix $(DESTDIR)$(LIBDIR)/,libneap.a libneap_lua.a libneap.so $(SONAME) \
	    $(notdir $(SHARED)) pkgconfig/neap.pc pkgconfig/neap-lua.pc) \
	    $(DESTDIR)$(LUA_CMOD)/neap.so

clean:
	rm -rf build
