#!/bin/sh
# A private PostgreSQL for the engine's tests.
#
#   server.sh start DIR | server.sh stop DIR | server.sh run DIR PROGRAM [ARGUMENT ...]
#
# `run` gives the program KEEL_TEST_URL, KEEL_TEST_DIR (certificates) and KEEL_TEST_PORT.
set -eu

command=$1
dir=$2
shift 2

# Servers refuse to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
  else
    "$@"
  fi
}

bin=$(pg_config --bindir)

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

certificates() {
  openssl req -new -x509 -days 2 -nodes -subj /CN=keel-test-ca -keyout "$1/ca.key" -out "$1/ca.crt" 2>/dev/null
  for name in localhost:server certuser:client; do
    openssl req -new -nodes -subj "/CN=${name%%:*}" -keyout "$1/${name#*:}.key" -out "$1/request" 2>/dev/null
    openssl x509 -req -in "$1/request" -days 2 -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial \
      -out "$1/${name#*:}.crt" 2>/dev/null
  done
  chmod 600 "$1"/*.key
}

configure() {
  cat >>"$1/postgresql.conf" <<CONF
port = $2
listen_addresses = '127.0.0.1'
unix_socket_directories = '$3'
fsync = off
max_connections = 120
ssl = on
ssl_ca_file = '$3/ca.crt'
ssl_cert_file = '$3/server.crt'
ssl_key_file = '$3/server.key'
CONF
  cat >"$1/pg_hba.conf" <<HBA
local all all trust
host all locked 127.0.0.1/32 scram-sha-256
hostssl all certuser 127.0.0.1/32 cert
host all postgres 127.0.0.1/32 trust
HBA
}

start() {
  # Kept short, and out of the build: a socket's path has a hundred characters at most.
  home=$(mktemp -d /tmp/keel-test-XXXXXX)
  mkdir -p "$dir"
  certificates "$home"
  [ "$(id -u)" != 0 ] || chown -R postgres "$home"
  chmod 755 "$home"
  as_owner "$bin/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --no-locale -N >"$dir/initdb.log"
  port=$(free_port)
  configure "$home/data" "$port" "$home"
  as_owner "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w start >/dev/null
  [ "$(id -u)" != 0 ] || chmod 644 "$home/client.key" "$home/client.crt" "$home/ca.crt"
  psql -qX -h "$home" -p "$port" -U postgres \
    -c "CREATE ROLE locked LOGIN PASSWORD 'secret'" -c "CREATE ROLE certuser LOGIN"
  echo "$home $port" >"$dir/where"
}

stop() {
  read -r home port <"$dir/where"
  as_owner "$bin/pg_ctl" -D "$home/data" -m immediate stop >/dev/null
  rm -rf "$home" "$dir/where"
}

run() {
  if [ -f "$dir/where" ]; then
    read -r home port <"$dir/where"
    export KEEL_TEST_DIR="$home" KEEL_TEST_PORT="$port"
    export KEEL_TEST_URL="host=127.0.0.1 port=$port user=postgres dbname=postgres sslmode=disable"
  fi
  exec "$@"
}

$command "$@"
