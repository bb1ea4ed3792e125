#!/bin/sh
# Fails on an #include that points upward: a folder of src/ includes only itself and those before
# it in LAYERS, by its path from src/. A folder that LAYERS does not name fails too.
fail=0
for folder in src/*/; do
    folder=$(basename "$folder")
    case " $LAYERS " in *" $folder "*) ;; *)
        echo "src/$folder: not among the layers: $LAYERS"
        fail=1 ;;
    esac
done
allowed=neap.h
for layer in $LAYERS; do
    allowed="$allowed $layer/"
    [ "$layer" = lua ] && allowed="$allowed neap_lua.h"
    set -- src/"$layer"/*.[ch]
    [ -e "$1" ] || continue
    awk -v allowed="$allowed" -v layers="$LAYERS" '
        BEGIN { n = split(allowed, names, " "); for (i = 1; i <= n; i++) may[names[i]] = 1 }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            split($0, part, "\"")
            name = part[2]
            key = match(name, "/") ? substr(name, 1, RSTART) : name
            if (!(key in may)) {
                printf "%s:%d: includes \"%s\", which is not below it in: %s\n", \
                    FILENAME, FNR, name, layers
                bad = 1
            }
        }
        END { exit bad }' "$@" || fail=1
done
exit $fail
