# Run one task: note where it is, wait until it is told what to do, do it, and note how it ended.
# Arguments: the task's name in its service, and the container's id.
# JOBYARD_FOLDER is the address of the attempt's folder, JOBYARD_TOKEN what opens it.
set -u
umask 077
task=$1
container=$2
base=$PWD
header=$base/.jobyard-header
printf 'Authorization: Bearer %s\n' "$JOBYARD_TOKEN" >"$header"
unset JOBYARD_TOKEN JOBYARD_START

ask() { # ask CURL-ARGUMENTS...: print the status
  curl --silent --location --noproxy '*' --max-time 300 --header "@$header" --write-out '%{http_code}' "$@" ||
    printf 000
}

fetch() { # fetch ADDRESS FILE: as often as it takes; fail where it is not there
  local pause=1 status
  while :; do
    status=$(ask --output "$2.part" "$1?op=OPEN")
    case ${status: -3} in
      200) mv "$2.part" "$2"; return 0 ;;
      404) return 1 ;;
      401 | 403) exit 1 ;;
    esac
    sleep "$pause"
    pause=$((pause < 16 ? pause * 2 : 16))
  done
}

note() { # note NAME TEXT: as often as it takes
  local pause=1 status
  printf '%s\n' "$2" >"$base/.jobyard-note"
  while :; do
    status=$(ask --output /dev/null --request PUT --header 'Content-Type: application/octet-stream' \
      --header 'Expect:' --data-binary "@$base/.jobyard-note" "$JOBYARD_FOLDER/$1?op=CREATE&overwrite=true")
    case ${status: -3} in
      201) return 0 ;;
      401 | 403) exit 1 ;;
    esac
    sleep "$pause"
    pause=$((pause < 16 ? pause * 2 : 16))
  done
}

finish() { # finish CODE REASON
  note "ended.$task" "$1 $2"
  [ "$1" -ge 0 ] && exit "$1"
  exit 1
}

listens() { # listens PORT: whether somebody does on this machine
  local hex
  printf -v hex ':%04X' "$1"
  awk -v port="$hex" 'substr($2, length($2) - 4) == port && $4 == "0A" { found = 1 } END { exit !found }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

name=${NM_HOST:-$(hostname)}
address=$(getent ahostsv4 "$name" | awk '{ print $1; exit }')
note "started.$task" "${address:-$name} $container $name:${NM_HTTP_PORT:-0}"

looks=0
until fetch "$JOBYARD_FOLDER/go.$task" "$base/.jobyard-go"; do
  looks=$((looks + 1))
  if [ "$looks" -lt 20 ]; then sleep 0.2; else sleep 2; fi
done
{
  IFS= read -r -d '' ports
  IFS= read -r -d '' files
  IFS= read -r -d '' command
  mapfile -d '' -t environment
} <"$base/.jobyard-go"
rm "$base/.jobyard-go"

for port in $ports; do
  listens "$port" && finish -7103 "port $port is taken on ${address:-$name}"
done
mkdir "$base/work" || finish -7150 "there is no room for the task"
cd "$base/work" || finish -7150 "there is no room for the task"
while IFS=$'\t' read -r mode address path; do
  [ -n "$path" ] || continue
  mkdir -p "$(dirname "$path")"
  fetch "$address" "$path" || finish -7251 "$path of the job's code is gone"
  chmod "$mode" "$path"
done <<<"$files"

printf '%s\n' "$command" >"$base/.jobyard-command"
env -u JOBYARD_FOLDER "${environment[@]}" bash "$base/.jobyard-command" </dev/null
finish $? ""
