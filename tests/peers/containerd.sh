# Checks of containerd, driven by its own client (sourced by `run`).
containerd_checks=(run exit_codes exec exec_tty tty kill restart metrics limits update pause ps network privileged readonly checkpoint_refused remove_all)

con() { ctr --address "$base/containerd.sock" "$@"; }
crn() { con run --runc-binary "$program" --cgroup "/$group/$RANDOM$RANDOM" "$@"; }

containerd_up() {
  cat > "$base/containerd.toml" <<T
version = 2
root = "$base/containerd"
state = "$base/containerd-run"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "$base/containerd.sock"
T
  containerd --config "$base/containerd.toml" >"$base/containerd.log" 2>&1 &
  echo $! > "$base/containerd.pid"
  disown
  eventually con version
  con images import "$work/small.tar" >/dev/null
}
containerd_clear() {
  local id
  for id in $(con tasks ls -q); do con tasks rm -f "$id" >/dev/null 2>&1 || true; done
  for id in $(con containers ls -q); do con containers rm "$id"; done
}
containerd_down() { kill "$(cat "$base/containerd.pid")"; }

containerd_run() { same "$(crn --rm $image one sh -c 'echo $((6 * 7))')" 42; }
containerd_exit_codes() {
  code 3 crn --rm $image codes sh -c 'exit 3'
  code 1 crn --rm $image nothing /does/not/exist
}
containerd_exec() {
  crn -d $image exec sleep 1000
  same "$(con tasks exec --exec-id a --user 65534:65534 --cwd /tmp exec sh -c 'echo $(id -u) $(id -g) $PWD')" '65534 65534 /tmp'
  code 7 con tasks exec --exec-id b exec sh -c 'exit 7'
}
containerd_exec_tty() {
  crn -d $image exectty sleep 1000
  has "$(typed 'echo =$(stty size)=; tty; exit 5' "ctr --address $base/containerd.sock tasks exec -t --exec-id t exectty sh; echo code \$?")" '=30 100='
}
containerd_tty() {
  local seen; seen=$(typed 'echo =$(stty size)=; tty; exit 5' "ctr --address $base/containerd.sock run --runc-binary $program --cgroup /$group/tty -t --rm $image tty sh; echo code \$?")
  has "$seen" '=30 100='; has "$seen" /dev/pts/0; has "$seen" 'code 5'
}
containerd_kill() {
  crn -d $image kill sleep 1000
  con tasks kill -s SIGKILL kill
  eventually sh -c "ctr --address $base/containerd.sock tasks ls | grep '^kill .*STOPPED'"
  con tasks rm kill || true
}
containerd_restart() {
  crn -d $image again sleep 1000
  con tasks kill -s SIGKILL again
  eventually sh -c "ctr --address $base/containerd.sock tasks ls | grep '^again .*STOPPED'"
  con tasks rm again || true
  con tasks start --detach again
  con tasks ls | grep '^again .*RUNNING'
}
containerd_metrics() {
  crn -d --memory-limit 67108864 $image metrics sleep 1000
  has "$(con tasks metrics --format json metrics | tr -d ' \n')" 67108864
}
containerd_limits() { same "$(crn --rm --memory-limit 67108864 --cpu-quota 50000 --cpu-period 100000 --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro $image limits sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu*/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max' | xargs)" '67108864 50000'; }
containerd_update() {
  con run --runc-binary "$program" --cgroup "/$group/update" -d --memory-limit 67108864 $image update sleep 1000
  "$program" --root /run/containerd/runc/default update --memory 100663296 --memory-swap -1 update
  has "$(con tasks metrics --format json update | tr -d ' \n')" 100663296
}
containerd_pause() {
  crn -d $image pause sleep 1000
  con tasks pause pause
  con tasks ls | grep '^pause .*PAUSED'
  con tasks resume pause
  con tasks ls | grep '^pause .*RUNNING'
}
containerd_ps() { crn -d $image ps sleep 1000; same "$(con tasks ps ps | wc -l)" 2; }
containerd_network() {
  mkdir -p "$base/cni"
  mountpoint -q /opt || mount -t tmpfs tmpfs /opt
  mkdir -p /opt/cni; ln -sfn /usr/lib/cni /opt/cni/bin
  mkdir -p /etc/cni/net.d; mount --bind "$base/cni" /etc/cni/net.d
  echo '{"cniVersion":"0.4.0","name":"peers","plugins":[{"type":"bridge","bridge":"peers0","isGateway":true,"ipam":{"type":"host-local","dataDir":"'"$base"'/ipam","ranges":[[{"subnet":"10.93.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}' > /etc/cni/net.d/10-peers.conflist
  crn -d --cni $image net sh -c "$serve"
  local address; address=$(con tasks exec --exec-id a net ip -4 -o address show eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')
  eventually page "$address" 80
  page "$address" 80
}
containerd_privileged() { crn --rm --privileged $image priv sh -c 'mount -t tmpfs none /tmp'; }
containerd_readonly() { same "$(crn --rm --read-only $image ro sh -c 'touch /x 2>/dev/null || echo ro')" ro; }
containerd_checkpoint_refused() {
  crn -d $image ckpt sleep 1000
  code 1 con tasks checkpoint ckpt
  con tasks ls | grep '^ckpt .*RUNNING'
}
containerd_remove_all() {
  containerd_clear
  same "$(con tasks ls -q)" ''
  same "$(groups_left)" ''
}
