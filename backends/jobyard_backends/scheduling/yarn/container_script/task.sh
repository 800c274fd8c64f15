#!/usr/bin/env bash
# Run a task's command with its environment: in the container, or beside the start script where
# there is none. $1 is the folder that holds both; $2, in a container, one for what is to be told.
set -u
inside=$1
run=${2:-}

# Let the job's owner in where the image has a daemon. Only in a container: it is root's there.
start_ssh() {
  local daemon
  daemon=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v sshd) || return 0
  mkdir -p /run/sshd /root/.ssh
  chmod 700 /root/.ssh
  cat "$inside/ssh-key" >>/root/.ssh/authorized_keys
  chmod 600 /root/.ssh/authorized_keys
  ssh-keygen -A >/dev/null
  "$daemon" -p "$(<"$inside/ssh-port")" -o PasswordAuthentication=no -o PermitRootLogin=yes &&
    : >"$run/ssh"
}

# Tell whether the kernel ended something here for want of memory.
out_of_memory() {
  local file key value
  for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$file" ] || continue
    while read -r key value; do
      [ "$key" != oom_kill ] || [ "$value" = 0 ] || return 0
    done <"$file"
  done
  return 1
}

environment=()
while IFS= read -r -d '' pair; do
  environment+=("$pair")
done <"$inside/environment"
# By its whole path, since PATH may be the command's own.
command=(env "${environment[@]}" "$BASH" "$inside/command")
[ -n "$run" ] || exec "${command[@]}"

: >"$run/begun"
if [ -e "$inside/ssh-key" ]; then
  start_ssh
fi
set -m # or the command would find SIGINT ignored
"${command[@]}" &
child=$!
trap 'interrupted=1; kill -TERM "$child"' TERM
while :; do
  interrupted=
  code=0
  wait "$child" || code=$?
  [ -n "$interrupted" ] || break
done
if [ "$code" != 0 ] && out_of_memory; then
  : >"$run/out-of-memory"
fi
exit "$code"
