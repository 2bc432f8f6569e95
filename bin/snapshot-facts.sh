# What must not have changed since a snapshot was made, on one line: the programs it was made of and by, its own file, V8's
# options, and what the processor can do, since V8 compiles for it.
# $1 node  $2 name of the program  $3 folder of this file  $4 name of the snapshot's file  $5 path of the pointer to it
# $6 options of V8
# The pointer comes first, up to the first semicolon: who may have written it. Its lines from the third on name files of
# packages that the snapshot was made of.
snapshot_facts() {
  pointer=$5 options=$6
  set -- "$5" "$1" "$3/../dist/$2.js" "$3/load.js" "$3/snapshot.js" "$3/../dist/.cache/$4"
  { read -r file && read -r file && while read -r file; do [ -z "$file" ] || set -- "$@" "$file"; done; } <"$pointer"
  stat -L --printf '%n %u %a %d %i %s %Y %Z;' -- "$@" &&
    printf '%s;' "$options" &&
    grep -m1 -E '^(flags|Features)' /proc/cpuinfo
}
