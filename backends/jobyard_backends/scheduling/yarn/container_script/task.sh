#!/usr/bin/env bash
# Run a task's command with its environment: in the container, or beside the start script where
# there is none. $1 is the folder that holds both.
set -u
folder=$1

# Let the job's owner in where the image has a daemon. Only in a container: it is root's there.
start_ssh() {
  local daemon port
  daemon=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v sshd) || return 0
  port=$(cat "$folder/ssh-port")
  mkdir -p /run/sshd /root/.ssh
  chmod 700 /root/.ssh
  cat "$folder/ssh-key" >>/root/.ssh/authorized_keys
  chmod 600 /root/.ssh/authorized_keys
  ssh-keygen -A >/dev/null
  "$daemon" -p "$port" -o PasswordAuthentication=no -o PermitRootLogin=yes && touch /jobyard/run/ssh
}

environment=()
while IFS= read -r -d '' pair; do
  environment+=("$pair")
done <"$folder/environment"
if [ -e "$folder/ssh-key" ]; then
  start_ssh
fi
# By its whole path, since PATH may be the command's own.
exec env "${environment[@]}" "$BASH" "$folder/command"
