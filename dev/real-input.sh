#!/usr/bin/env bash
# Real input for the program `irmin`, beside Git: time, memory and disk of an import, of the same
# import again, and of an export; what is left after an import was killed; and whether what comes
# out is what went in (`diff -r`, and the executable bits).
#
# Usage: dev/real-input.sh [-n FILES] [WORK]
#
#   WORK      a directory for trees and repositories, about 15 GB; made if missing, and all that the
#             script made in it is removed at the end [default: a new one in $TMPDIR]
#   -n FILES  how many files in each of the 1000 directories of the generated tree [default: 1000]
#
# Needs cargo, git, awk, GNU time and diff. IRMIN=PROGRAM takes a program that is built already.
# Prints a Markdown table on stdout, and what it does on stderr. Exits with 1 if anything differs.
#
# TREES="checkout system" leaves the generated tree out.
#
# Both programs find the files in the page cache. Git is told not to collect garbage meanwhile.
set -euo pipefail
export LC_ALL=C

say() { echo "real-input: $*" >&2; }
die() { say "$*"; exit 1; }

files_per_dir=1000
while getopts n: flag; do
    case $flag in
    n) files_per_dir=$OPTARG ;;
    *) die "see the first lines of this script" ;;
    esac
done
shift $((OPTIND - 1))

checkout=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${IRMIN:-}" ]; then
    (cd "$checkout" && cargo build --quiet --release -p irmin-cli)
    IRMIN=${CARGO_TARGET_DIR:-$checkout/target}/release/irmin
fi
work=${1:-$(mktemp -d)}
mkdir -p "$work"
work=$(cd "$work" && pwd)/real-input.$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT

# --- the trees -------------------------------------------------------------------------------

# What neither program keeps: directories without files, and what belongs to Git or to irmin.
trim() {
    find "$1" -depth \( -name .git -o -name .irmin \) -exec rm -rf {} +
    find "$1" ! -type d ! -type f ! -type l -delete
    find "$1" -depth -type d -empty -delete
}

make_checkout() {
    (cd "$checkout" && git ls-files -z | xargs -0 cp -a --parents -t "$1")
}

# Whatever this machine has, until there are 50,000 files.
make_system() {
    for from in /usr/share /usr/lib/python3* "${CARGO_HOME:-$HOME/.cargo}/registry/src" /usr/lib; do
        [ "$(find "$1" -type f | wc -l)" -ge 50000 ] && break
        [ -d "$from" ] && mkdir -p "$1$from" && cp -a "$from/." "$1$from" 2>/dev/null
    done
    true
}

make_generated() {
    (cd "$1" && seq -f 'd%03.0f' 0 999 | xargs mkdir)
    awk -v root="$1" -v files="$files_per_dir" 'BEGIN {
        for (i = 0; i < 40; i++) tail = tail sprintf("%c", 97 + i % 26)
        for (d = 0; d < 1000; d++) for (f = 0; f < files; f++) {
            file = sprintf("%s/d%03d/f%04d", root, d, f)
            printf "entry %d of directory %d, %s\n%s%d", f, d, tail, \
                substr(tail, 1, (d * 7 + f * 13) % 40), d * f > file
            close(file)
        }
    }'
}

# --- measuring -------------------------------------------------------------------------------

# measure COMMAND...: seconds and peak KB into $seconds and $memory; adds to them if more=1.
measure() {
    local of
    # GNU time as the shell finds it, which is not the shell's own word.
    if ! command time -f '%e %M' -o "$work/time" "$@" >"$work/log" 2>&1; then
        cat "$work/log" >&2
        die "failed: $*"
    fi
    of=$(tail -1 "$work/time")
    if [ "${more:-0}" = 1 ]; then
        seconds=$(awk "BEGIN { print $seconds + ${of% *} }")
        [ "${of#* }" -le "$memory" ] || memory=${of#* }
    else
        seconds=${of% *}
        memory=${of#* }
    fi
}

row() { # TREE WHAT PROGRAM [BYTES ON DISK IN KB]
    awk -v tree="$1" -v what="$2" -v who="$3" -v s="$seconds" -v m="$memory" -v d="${4:-}" 'BEGIN {
        disk = d == "" ? "" : sprintf("%.1f MB", d / 1024)
        printf "| %s | %s | %s | %.2f s | %.0f MB | %s |\n", tree, what, who, s, m / 1024, disk
    }'
}

disk() { du -sk "$1" | cut -f1; }

# same A B: the same names, contents, links and executable bits.
same() {
    diff -rq --no-dereference "$1" "$2" >"$work/diff" || { head "$work/diff" >&2; die "$2 differs from $1"; }
    (cd "$1" && find . -type f -perm -u+x | sort) >"$work/x1"
    (cd "$2" && find . -type f -perm -u+x | sort) >"$work/x2"
    cmp "$work/x1" "$work/x2" || die "executable bits of $2 differ from $1"
}

irmin() { "$IRMIN" --repo "pack:$work/store" "$@"; }


# --- the runs --------------------------------------------------------------------------------

run_irmin() {
    rm -rf "$work/store"
    "$IRMIN" init "pack:$work/store" 2>/dev/null
    measure "$IRMIN" --repo "pack:$work/store" import "$tree"
    import_seconds=$seconds
    row "$name" "import, one commit" irmin "$(disk "$work/store")"
    measure "$IRMIN" --repo "pack:$work/store" import "$tree"
    grep -q 'nothing changed' "$work/log" || die "the second import of $name changed something"
    row "$name" "import again, nothing changed" irmin
    measure "$IRMIN" --repo "pack:$work/store" export "$work/out"
    row "$name" export irmin
    same "$tree" "$work/out"
    rm -rf "$work/out"
    measure "$IRMIN" --repo "pack:$work/store" verify
    row "$name" verify irmin
    irmin ls -l >"$work/ids"
}

run_git() {
    local git=(--git-dir="$work/git" --work-tree="$tree" -c gc.auto=0 -c core.excludesFile=
        -c user.name=a -c user.email=a@b)
    git init --quiet --bare "$work/git"
    measure git "${git[@]}" add -A -f
    more=1 measure git "${git[@]}" commit --quiet -m Import
    row "$name" "add and commit" git "$(disk "$work/git")"
    measure git "${git[@]}" add -A -f
    more=1 measure git "${git[@]}" commit --quiet --allow-empty -m Again
    row "$name" "add and commit again" git
    mkdir "$work/out"
    measure git "${git[@]}" checkout-index -a --prefix="$work/out/"
    row "$name" checkout-index git
    rm -rf "$work/out" "$work/git"
}

# Kills imports into one repository at five moments; after each, all that is there must be right.
run_kills() {
    local moment pid killed=0
    rm -rf "$work/store"
    "$IRMIN" init "pack:$work/store" 2>/dev/null
    for moment in 0.1 0.2 0.4 0.6 0.8; do
        "$IRMIN" --repo "pack:$work/store" import "$tree" >"$work/log" 2>&1 &
        pid=$!
        sleep "$(awk "BEGIN { print $import_seconds * $moment }")"
        kill -KILL "$pid" 2>/dev/null || true
        # 137: it did not end by itself.
        if wait "$pid" 2>/dev/null; then say "$name: done before it could be killed"
        else killed=$((killed + 1)); fi
        irmin verify >"$work/log" 2>&1 || { cat "$work/log" >&2; die "$name is damaged after a kill"; }
    done
    measure "$IRMIN" --repo "pack:$work/store" import "$tree"
    row "$name" "import after $killed kills" irmin "$(disk "$work/store")"
    irmin verify >"$work/log" 2>&1 || die "$name is damaged at the end"
    # Equal ids are equal trees, and this one was exported and compared above.
    irmin ls -l | cmp - "$work/ids" || die "$name came out differently after kills"
    rm -rf "$work/store"
}

[ -x "$IRMIN" ] || die "no program at '$IRMIN'"
echo "| tree | what | program | time | peak memory | disk |"
echo "|---|---|---|---:|---:|---:|"
for kind in ${TREES:-checkout system generated}; do
    tree=$work/$kind
    say "making the tree '$kind'"
    mkdir "$tree"
    "make_$kind" "$tree"
    trim "$tree"
    count=$(find "$tree" ! -type d | wc -l)
    name="$kind, $count files"
    [ "$kind" != system ] || [ "$count" -ge 50000 ] || say "only $count files in '$kind'"
    find "$tree" -type f -print0 | xargs -0 cat >/dev/null
    sync
    say "importing and exporting $name, with $(disk "$tree") KB"
    run_irmin
    say "the same with Git"
    run_git
    say "killing imports of $name"
    run_kills
    rm -rf "$tree"
done
say "all that came out is what went in"
