#!/bin/sh
# The library as another program gets it: installed, found by pkg-config, linked, run.
#
#   installed.sh BUILD_DIR SOURCE_DIR        (KEEL_TEST_URL: a server)
set -eu

build=$1
source=$2
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

cmake --install "$build" --prefix "$prefix" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name libkeel.pc)")
export PKG_CONFIG_PATH
libdir=$(dirname "$PKG_CONFIG_PATH")
export LD_LIBRARY_PATH="$libdir"
flags=$(pkg-config --define-variable=prefix="$prefix" --cflags --libs libkeel)

# shellcheck disable=SC2086
cc -Wall -Wextra -Werror "$source/examples/query.c" $flags -o "$prefix/query"
answer=$("$prefix/query" "$KEEL_TEST_URL" "SELECT 6 * 7 AS answer")
case $answer in
  *42*) ;;
  *) echo "the example answered: $answer" >&2; exit 1 ;;
esac

if ! "$prefix/query" "host=127.0.0.1 port=1 user=nobody" "SELECT 1" >/dev/null 2>"$prefix/error"; then
  grep -q KEEL_CONNECT_FAILED "$prefix/error" || { cat "$prefix/error" >&2; exit 1; }
else
  echo "the example found a server where there is none" >&2
  exit 1
fi

strangers=$(nm -D --defined-only "$libdir/libkeel.so" | awk '$2 ~ /[TDBRW]/ {print $3}' | grep -v '^keel_[a-z]' || true)
if [ -n "$strangers" ]; then
  echo "libkeel.so shows symbols that are not its interface: $strangers" >&2
  exit 1
fi
