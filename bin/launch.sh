# Starts a program of this folder from its snapshot where there is one that fits, and from its bundle where there is none.
# Read by the program's own file, whose path is in $p; $0 and "$@" are those of the caller.
#
# A snapshot is code, so one is taken only where root or the user wrote the pointer to it and nobody else could, and where
# nothing it was made of has changed. Options of Node's may change what V8 makes of it: none is taken where there are any.
# SHIPLOG_SNAPSHOT: `off` takes none and makes none.

bin=$(cd -P -- "${p%/*}" && pwd -P)
name=${p##*/}
node=$(command -v node) || node=node
# Options of V8 that the program always has, one line. What is made of it, code caches and snapshots, is made with them.
options=
[ -f "$bin/$name.options" ] && read -r options <"$bin/$name.options"
if [ -z "$NODE_OPTIONS" ] && [ "$SHIPLOG_SNAPSHOT" != off ]; then
  pointer=$bin/../dist/.cache/$name.snapshot
  # The first line names the snapshot, the second one tells what it was made of.
  if [ -f "$pointer" ] && { read -r blob && read -r made; } <"$pointer"; then
    . "$bin/snapshot-facts.sh"
    found=$(snapshot_facts "$node" "$name" "$bin" "$blob" "$pointer" "$options" 2>/dev/null)
    owner=${found%%;*}
    if [ "${found#*;}" = "$made" ]; then
      case "${owner#"$pointer" }" in
        "0 644 "*) trusted=yes ;;
        *" 644 "*) [ -O "$pointer" ] && trusted=yes ;;
      esac
      [ "$trusted" = yes ] && exec "$node" $options --snapshot-blob "$bin/../dist/.cache/$blob" "$0" "$@"
    fi
  fi
  export SHIPLOG_SNAPSHOT=missing
fi
exec "$node" $options "$0" "$@"
