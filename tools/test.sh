#!/usr/bin/env bash
# Runs what there is to check and adds it up; the last line is "N passed, N failed". `make test`
# calls it as `test.sh all`, `make asan` and `make tsan` as `test.sh asan` and `test.sh tsan`. A
# runner that crashes, hangs or prints no count is a failure.
#
# `all` runs hosts and specs under each instruction set that this machine can force, the best first;
# under the lower ones without those whose source says "Runs once".
set -u
export LC_ALL=C
BUILD=${BUILD:-build} CC=${CC:-cc} CXX=${CXX:-c++} LUA=${LUA:-lua5.4} MAKE=${MAKE:-make}
root=$PWD
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

told() { # name, passed, failed, log
    passed=$((passed + $2)) failed=$((failed + $3))
    if [ "$3" -eq 0 ]; then
        printf 'ok    %s (%d)\n' "$1" "$2"
    else
        printf 'FAIL  %s (%d passed, %d failed)\n' "$1" "$2" "$3"
        sed 's/^/      /' "$4"
    fi
}

# A command that is one check.
check() { # name, command...
    local name=$1 log=$scratch/log
    shift
    if "$@" >"$log" 2>&1; then told "$name" 1 0; else told "$name" 0 1 "$log"; fi
}

# A command that counts for itself: "N passed, N failed", or as busted does.
count() { # name, command...
    local name=$1 log=$scratch/log status counts failures
    shift
    timeout 900 "$@" >"$log" 2>&1
    status=$?
    counts=($(sed -nE -e 's/^.*\b([0-9]+) passed, ([0-9]+) failed.*$/\1 \2/p' \
        -e 's/^([0-9]+) success(es)? \/ ([0-9]+) failures? \/ ([0-9]+) errors? .*$/\1 \3 \4/p' \
        "$log" | tail -n 1))
    failures=$((${counts[1]:-0} + ${counts[2]:-0}))
    if [ "$failures" -eq 0 ] && { [ "$status" -ne 0 ] || [ ${#counts[@]} -eq 0 ]; }; then
        echo "$name: exit status $status, ${#counts[@]} counts" >>"$log"
        failures=1
    fi
    told "$name" "${counts[0]:-0}" "$failures" "$log"
}

# Under a lower instruction set: its name, for NEAP_ISA. Else nothing.
lower=
skipped() { [ -n "$lower" ] && grep -q 'Runs once' "$1"; } # a source

hosts() { # their sources, command before the host...
    local host
    for host in $1; do
        skipped "$host" || count "$BUILD/${host%.c}${lower:+ ($lower)}" "${@:2}" "./$BUILD/${host%.c}"
    done
}
all_hosts=$(echo spec/c/*.c)

specs() { # task, command before the interpreter...
    local task=$1 spec
    shift
    for spec in spec/*_spec.lua; do
        skipped "$spec" || count "$spec${lower:+ ($lower)}" "$@" "$LUA" tools/specs.lua \
            --run="$task" --output=plainTerminal "$spec"
    done
}

instruction_sets() { # those that can be forced, the best first
    LUA_CPATH="$BUILD/?.so" "$LUA" -e '
        local sets, best = "", require("neap").config().isa
        for _, name in ipairs { "generic", "avx2", "avx512" } do
            sets = name .. " " .. sets
            if name == best then break end
        end
        print(sets)'
}

# ---- What is committed, exported, called ----

generated() { # what `make generate` would write is what is there
    "$MAKE" BUILD="$BUILD" "$BUILD/tools/generate" &&
        "$BUILD/tools/generate" builders | diff src/ops/builders.c - &&
        "$BUILD/tools/generate" header |
        diff <(sed '1,/BEGIN generated/d; /END generated/,$d' src/neap.h) -
}

# Names in what nm prints for "$@" that are not like the pattern.
names_unlike() {
    local pattern=$1
    shift
    ! nm "$@" | awk 'NF > 1 { print $NF }' | sed 's/@.*//' | sort -u | grep -vE "$pattern"
}
names_like() {
    local pattern=$1
    shift
    ! nm "$@" | awk 'NF > 1 { print $NF }' | sed 's/@.*//' | sort -u | grep -E "$pattern"
}
binding_calls_the_header() {
    nm "$BUILD/libneap_lua.a" | awk '
        NF == 3 { mine[$3] = 1 }
        $1 == "U" && $2 ~ /^neap__/ { used[$2] = 1 }
        END { for (name in used) if (!(name in mine)) { print name; bad = 1 }; exit bad }'
}
memory_from_base() {
    ! for object in "$BUILD"/{tensor,cpu,graph,ops,grad,plan,session}/*.o; do
        nm -u "$object" | sed "s|^|$object|"
    done | grep -E ' (malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup)$'
}
symbols() {
    check "libneap.so exports neap_* alone" \
        names_unlike '^neap_[a-z]' -D --defined-only "$BUILD/libneap.so"
    check "libneap.a holds neap_* alone" names_unlike '^neap_' -g --defined-only "$BUILD/libneap.a"
    check "neap.so exports luaopen_neap alone" \
        names_unlike '^luaopen_neap$' -D --defined-only "$BUILD/neap.so"
    check "neap.so has the core inside" names_like '^neap_' -D --undefined-only "$BUILD/neap.so"
    check "neap.so links no liblua" bash -c "! readelf -d $BUILD/neap.so | grep -i 'NEEDED.*lua'"
    check "neap.so stays loaded" bash -c "readelf -d $BUILD/neap.so | grep NODELETE"
    check "libneap.so has its soname" bash -c "readelf -d $BUILD/libneap.so | grep 'libneap.so.0]'"
    check "libneap_lua.a calls neap.h alone" binding_calls_the_header
    check "the core does not end, print, jump or set the locale" names_like \
        '^(abort|_?exit|v?f?printf|puts|putchar|perror|signal|sigaction|_?longjmp|setlocale|v?sprintf|strcpy)$' \
        -u "$BUILD/libneap.a"
    check "the core's memory is base's" memory_from_base
}

# ---- Installed, and used from another folder ----

away() { # runs a command in a folder that knows nothing of the checkout
    (cd "$scratch/away" && env -u LUA_PATH -u LUA_CPATH -u LUA_PATH_5_4 -u LUA_CPATH_5_4 \
        -u LUA_INIT timeout 300 "$@")
}
prints() { # the last line that it has to print, command...
    local expected=$1 last
    shift
    last=$("$@" | tee "$scratch/out" | tail -n 1)
    [ "$last" = "$expected" ] || { cat "$scratch/out"; return 1; }
}
installed() {
    local prefix=$scratch/usr lib=$scratch/usr/lib lua_flags
    export PKG_CONFIG_PATH=$lib/pkgconfig
    mkdir -p "$scratch/away" && cp examples/affine.lua "$scratch/away"
    check "make install" "$MAKE" BUILD="$BUILD" LUA="$LUA" PREFIX="$prefix" install
    lua_flags=$(pkg-config --cflags --libs lua5.4 2>/dev/null || pkg-config --cflags --libs lua)

    check "the installed module" prints "[ 2. -1.]" away env LUA_CPATH="$lib/lua/5.4/?.so" \
        "$LUA" affine.lua

    local c="$CC -std=c11 -Wall -Wextra -Werror"
    check "host.c compiles, shared" away $c "$root/examples/host.c" -o host \
        $(pkg-config --cflags --libs neap)
    check "host.c runs, shared" prints "2 -1" away env LD_LIBRARY_PATH="$lib" ./host
    check "host.c compiles, static" away $c "$root/examples/host.c" -o host-static \
        $(pkg-config --cflags neap) -Wl,-Bstatic $(pkg-config --libs neap) -Wl,-Bdynamic \
        $(pkg-config --static --libs-only-l neap | sed 's/-lneap//')
    check "host.c runs, static" prints "2 -1" away ./host-static

    local embed=$root/examples/embed/embed.c train=$root/examples/embed/train.lua
    check "embed compiles, shared" away $c "$embed" -o embed \
        $(pkg-config --cflags --libs neap-lua neap) $lua_flags
    check "embed runs, shared" prints "ok" away env LD_LIBRARY_PATH="$lib" ./embed "$train"
    check "embed compiles, static" away $c "$embed" -o embed-static \
        $(pkg-config --cflags neap-lua) "$lib/libneap_lua.a" "$lib/libneap.a" $lua_flags \
        -lm -lpthread -ldl
    check "embed runs, static" prints "ok" away ./embed-static "$train"
    check "embed compiles as C++" away "$CXX" -x c++ -std=c++17 -Wall -Wextra -Werror "$embed" \
        -x none -o embed-cxx $(pkg-config --cflags neap-lua) "$lib/libneap_lua.a" \
        "$lib/libneap.a" $lua_flags -lm -lpthread -ldl
    check "embed runs as C++" prints "ok" away ./embed-cxx "$train"
    for standard in c11 c17 c++11 c++17 c++20; do
        check "neap.h is $standard" away "$CC" -x ${standard/%[0-9][0-9]/} -std=$standard -Wall \
            -Wextra -Wpedantic -Werror -fsyntax-only "$prefix/include/neap.h"
    done

    check "luarocks make" luarocks --lua-version=5.4 --tree "$scratch/rock" make
    check "the rock" prints "[ 2. -1.]" away env LUA_CPATH="$scratch/rock/lib/lua/5.4/?.so" \
        "$LUA" affine.lua

    check "make uninstall" "$MAKE" BUILD="$BUILD" PREFIX="$prefix" uninstall
    check "nothing is left of it" bash -c "! find $prefix -type f -o -type l | grep ."
}

case $1 in
all)
    check "make layers" "$MAKE" layers
    check "make generate is up to date" generated
    sets=$(instruction_sets)
    check "the machine's instruction sets" test -n "$sets"
    for lower in '' ${sets#* }; do
        [ -z "$lower" ] || export NEAP_ISA=$lower
        hosts "$all_hosts"
        specs default
    done
    unset NEAP_ISA
    lower=
    symbols
    installed
    # Under ThreadSanitizer only what starts threads of its own; `make tsan` runs more.
    threaded=$(grep -l pthread_create $all_hosts)
    check "built for ThreadSanitizer" "$MAKE" BUILD=build/tsan CFLAGS="$TSAN_CFLAGS" \
        SANITIZE=-fsanitize=thread $(printf 'build/tsan/%s ' ${threaded//.c/})
    BUILD=build/tsan hosts "$threaded" env TSAN_OPTIONS=halt_on_error=1
    echo "instruction sets covered: $sets"
    ;;
tsan)
    # Not the hosts of Lua: they have one thread, and the jumps of an interpreter that is not built
    # for ThreadSanitizer fill its shadow stack without end.
    hosts "$(printf '%s\n' $all_hosts | grep -v /lua_)" env TSAN_OPTIONS=halt_on_error=1
    ;;
asan)
    runtime=$($CC -print-file-name=libasan.so)
    case $($CC --version) in *clang*)
        runtime=$($CC -print-file-name="libclang_rt.asan-$(uname -m).so") ;;
    esac
    options=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1
    hosts "$all_hosts" env ASAN_OPTIONS="$options"
    specs asan env LD_PRELOAD="$runtime" ASAN_OPTIONS="$options" NEAP_SANITIZER=address
    ;;
esac

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
