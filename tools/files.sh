#!/bin/sh
# Fails where the files of a folder of src/ use each other in a circle: of two files at most one may
# use what the other defines, be it directly or through further files. What they use is read in
# their objects, which lie in BUILD.
#
# A folder for which ORDER has an entry, "folder: file file...;", is read in that order: each file
# uses only those before it, and each is named. A folder in CIRCLES may have one; once it has none, it
# must be taken off.
BUILD=${BUILD:-build} ORDER=${ORDER:-} CIRCLES=${CIRCLES:-}
fail=0
for layer in $LAYERS; do
    set -- src/"$layer"/*.c
    [ -e "$1" ] || continue
    order=$(echo "$ORDER" | tr ';' '\n' | sed -n "s/^ *$layer: *//p")
    case " $CIRCLES " in *" $layer "*) circles=1 ;; *) circles=0 ;; esac
    told=$(for source in "$@"; do
        file=$(basename "$source" .c)
        [ -e "$BUILD/$layer/$file.o" ] || echo "$source: not built" >&2
        nm -g "$BUILD/$layer/$file.o" | sed "s/^/$file /"
    done 2>&1 | awk -v folder="src/$layer" -v order="$order" -v circles="$circles" '
        /: not built$/ { print; next }
        { files[$1] }
        NF < 3 { next }
        $(NF - 1) == "U" { wants[$1, $NF]; next }
        { definer[$NF] = $1 }

        function in_order(    count, names, i, file, pair, part) {
            count = split(order, names, " ")
            for (i = 1; i <= count; i++) place[names[i]] = i
            for (file in files)
                if (!(file in place))
                    printf "%s/%s.c: not in the order of its folder\n", folder, file
            for (pair in uses) {
                split(pair, part, SUBSEP)
                if (place[part[1]] < place[part[2]])
                    printf "%s/%s.c: uses %s of %s.c, which comes after it\n", folder, part[1],
                        uses[pair], part[2]
            }
        }

        # Leaves in `files` those that are on a circle, or between two: whoever uses nobody, or is
        # used by nobody, goes, until all have gone or none does.
        function unwind(    gone, file, pair, part, used, user) {
            do {
                gone = 0
                for (file in files) {
                    user = used = 0
                    for (pair in uses) {
                        split(pair, part, SUBSEP)
                        if (!(part[1] in files) || !(part[2] in files)) continue
                        user = user || part[1] == file
                        used = used || part[2] == file
                    }
                    if (!user || !used) {
                        delete files[file]
                        gone = 1
                    }
                }
            } while (gone)
        }

        function no_circle(    file, pair, part, count) {
            unwind()
            for (file in files) count++
            if (circles && !count)
                printf "%s: no circle any longer: take it off CIRCLES\n", folder
            if (circles) return
            for (pair in uses) {
                split(pair, part, SUBSEP)
                if (part[1] in files && part[2] in files)
                    printf "%s/%s.c: in a circle: uses %s of %s.c\n", folder, part[1],
                        uses[pair], part[2]
            }
        }

        END {
            for (pair in wants) {
                split(pair, part, SUBSEP)
                to = definer[part[2]]
                if (to && to != part[1]) uses[part[1], to] = part[2]
            }
            if (order) in_order()
            else no_circle()
        }' | sort)
    [ -z "$told" ] && continue
    echo "$told"
    fail=1
done
exit $fail
