#!/usr/bin/env bash
# Finds what neap is built and tested with, and installs what is missing: by apt-get where there
# is one, else it names the packages. Nearly instant when there is nothing to do. `deps.sh bench`
# looks for what `make bench` needs too.
set -u
LUA=${LUA:-lua5.4}
packages=()
missing=()

need() { # Debian's package, what it is for, then a command that succeeds when it is there
    local package=$1 purpose=$2
    shift 2
    "$@" >/dev/null 2>&1 && return
    packages+=("$package")
    missing+=("$package ($purpose)")
}
# neap opens OpenBLAS as this does.
openblas() {
    if command -v "$LUA"; then
        "$LUA" -e 'assert(package.loadlib("libopenblas.so.0", "*") or package.loadlib("libopenblas.so", "*"))'
    else
        PATH=$PATH:/sbin ldconfig -p | grep -q 'libopenblas\.so'
    fi
}
# Lua's search path names this interpreter's version, which the command `busted` may not be for.
busted() {
    "$LUA" -e 'package.path = package.path .. ";build/rocks/share/lua/5.4/?.lua"
               assert(package.searchpath("busted.runner", package.path))'
}

need gcc "a C compiler" command -v "${CC:-cc}"
need g++ "a C++ compiler, for the test that a C++ host may embed neap" command -v c++
need lua5.4 "the interpreter" "$LUA" -v
need liblua5.4-dev "Lua's headers" test -f "${LUA_INCDIR:-/usr/include/lua5.4}/lauxlib.h"
need libopenblas0 "matrix products" openblas
need lua-busted "specs" busted
need luarocks "the rock" command -v luarocks
need pkg-config "the test of the installed library" command -v pkg-config
if [ "${1:-}" = bench ]; then
    need libopenblas-dev "measuring it beside neap" \
        sh -c "echo '#include <cblas.h>' | ${CC:-cc} -E -x c -"
fi
[ ${#packages[@]} -eq 0 ] && exit 0

printf 'missing: %s\n' "${missing[@]}"
if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get here. Please install, with this system's tools, what Debian calls:"
    echo "    ${packages[*]}"
    exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Neither root nor sudo here. Please run as root:"
        echo "    apt-get install ${packages[*]}"
        exit 1
    fi
    sudo=(sudo)
fi
had_luarocks=$(command -v luarocks)
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }
apt update && apt install -y --no-install-recommends "${packages[@]}" >/dev/null || exit 1

# Debian's luarocks takes Lua 5.1 unless it is told otherwise; one that was here before keeps the
# choice that its owner made.
if [ -z "$had_luarocks" ] && command -v luarocks >/dev/null; then
    luarocks config lua_version 5.4 >/dev/null || true
fi
# Some releases package busted for other versions of Lua only.
LUA=$(command -v "$LUA" lua5.4 | head -n 1)
if ! busted >/dev/null 2>&1; then
    luarocks --lua-version=5.4 --tree build/rocks install busted || exit 1
fi
