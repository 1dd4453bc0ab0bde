# Checks of podman (sourced by `run`).
podman_checks=(run exit_codes exec exec_tty tty detach_and_logs stop kill restart stats limits update ports pause top init pod userns
  healthcheck privileged namespaces_of_others volumes_and_tmpfs restricted sysctl_and_ulimit seccomp out_of_memory tells_out_of_memory preserved_fds remove_all)

pod() {
  podman --root "$base/pod" --runroot "$base/pod-run" --tmpdir "$base/pod-tmp" --cgroup-manager cgroupfs --runtime "$program" --storage-driver overlay \
    --events-backend file --network-backend netavark "$@"
}
prun() { pod run "${limits[@]}" --cgroup-parent "/$group" "$@"; }
pod_words() { printf '%q ' podman --root "$base/pod" --runroot "$base/pod-run" --tmpdir "$base/pod-tmp" --cgroup-manager cgroupfs --runtime "$program" --storage-driver overlay --events-backend file --network-backend netavark; }

podman_up() {
  printf '[containers]\ninit_path="/usr/bin/catatonit"\n[network]\nnetwork_config_dir="%s"\n' "$base/networks" > "$base/containers.conf"
  export CONTAINERS_CONF=$base/containers.conf
  printf 'containers:100000:65536\n' > "$base/ids"
  for file in /etc/subuid /etc/subgid; do mount --bind "$base/ids" $file; done
  pod load -q -i "$work/small.tar" >/dev/null
}
podman_clear() { pod pod rm -fa >/dev/null; pod rm -fa -t 0 >/dev/null; }
podman_down() { :; }

podman_run() { same "$(prun --rm $image sh -c 'echo $((6 * 7))')" 42; same "$(echo typed | prun -i --rm $image cat)" typed; }
podman_exit_codes() {
  code 3 prun --rm $image sh -c 'exit 3'
  code 127 prun --rm $image /does/not/exist
  code 126 prun --rm $image /etc/passwd
  prun -d --name codes $image sleep 1000
  code 7 pod exec codes sh -c 'exit 7'
  code 127 pod exec codes /does/not/exist
  code 126 pod exec codes /etc/passwd
}
podman_exec() {
  prun -d --name exec $image sleep 1000
  same "$(pod exec -u 65534:65534 -w /tmp -e A=b exec sh -c 'echo $(id -u) $(id -g) $PWD $A')" '65534 65534 /tmp b'
  same "$(echo in | pod exec -i exec cat)" in
  pod exec -d exec touch /tmp/detached
  eventually pod exec exec test -e /tmp/detached
}
podman_exec_tty() {
  prun -d --name exectty $image sleep 1000
  has "$(typed 'echo =$(stty size)=; tty; exit 5' "$(pod_words) exec -it exectty sh; echo code \$?")" =30\ 100=
}
podman_tty() {
  local seen; seen=$(typed 'echo =$(stty size)=; tty; exit 5' "$(pod_words) run ${limits[*]} --cgroup-parent /$group --rm -it $image sh; echo code \$?")
  has "$seen" '=30 100='; has "$seen" /dev/pts/0; has "$seen" 'code 5'
}
podman_detach_and_logs() {
  prun -d --name logs $image sh -c 'echo out; echo err >&2; exec sleep 1000'
  eventually pod logs logs
  same "$(pod logs logs 2>/dev/null)" out
  same "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' logs)" 'running 0'
}
podman_stop() {
  prun -d --name polite $image sh -c 'trap "exit 4" TERM; while :; do sleep 0.1; done'
  eventually pod exec polite true
  pod stop -t 10 polite
  same "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' polite)" 'exited 4'
  prun -d --name deaf $image sh -c 'trap "" TERM; while :; do sleep 0.1; done'
  pod stop -t 1 deaf
  same "$(pod inspect -f '{{.State.ExitCode}}' deaf)" 137
}
podman_kill() {
  prun -d --name kill $image sh -c 'trap "exit 9" USR1; while :; do sleep 0.1; done'
  sleep 0.3; pod kill -s USR1 kill
  same "$(pod wait kill)" 9
  prun -d --name killed $image sleep 1000
  pod kill killed
  same "$(pod wait killed)" 137
}
podman_restart() {
  prun -d --name again $image sleep 1000
  local first; first=$(pod inspect -f '{{.State.Pid}}' again)
  pod restart -t 0 again
  same "$(pod inspect -f '{{.State.Status}}' again)" running
  [ "$first" != "$(pod inspect -f '{{.State.Pid}}' again)" ]
}
podman_stats() {
  prun -d --name stats --memory 64m $image sleep 1000
  has "$(pod stats --no-stream --format '{{.MemUsage}} {{.PIDS}}' stats)" '67.11MB 1'
}
podman_limits() {
  same "$(prun --rm --memory 64m --cpus 0.5 --pids-limit 30 $image sh -c "$read_limits" | xargs)" '67108864 30'
  same "$(prun --rm --cpuset-cpus 0 $image grep Cpus_allowed_list /proc/self/status | xargs)" 'Cpus_allowed_list: 0'
}
podman_update() {
  prun -d --name update --memory 64m --pids-limit 30 $image sleep 1000
  pod update --memory 96m --memory-swap -1 update
  same "$(pod exec update sh -c "$read_limits" | head -n 1)" 100663296
}
podman_ports() {
  prun -d --name ports -p 127.0.0.1:8081:80 $image sh -c "$serve"
  eventually page 127.0.0.1 8081
  page 127.0.0.1 8081
}
podman_pause() {
  prun -d --name pause $image sh -c 'while :; do date +%s%N > /tmp/now; sleep 0.05; done'
  pod pause pause
  same "$(pod inspect -f '{{.State.Status}}' pause)" paused
  pod unpause pause
  same "$(pod inspect -f '{{.State.Status}}' pause)" running
  local then; then=$(pod exec pause cat /tmp/now)
  until [ "$then" != "$(pod exec pause cat /tmp/now)" ]; do sleep 0.05; done
}
podman_top() { prun -d --name top $image sleep 1000; has "$(pod top top)" 'sleep 1000'; has "$(pod top top pid,comm)" sleep; }
podman_init() { same "$(prun --rm --init $image cat /proc/1/comm)" podman-init; }
podman_pod() {
  # Its own group is podman's to remove.
  pod pod create --name pod --cgroup-parent "/$group" --share net,ipc,uts -p 127.0.0.1:8082:80 >> "$work/pods"
  prun -d --pod pod --name served $image sh -c "$serve"
  prun -d --pod pod --name beside $image sleep 1000
  eventually page 127.0.0.1 8082
  pod exec beside wget -qO- http://127.0.0.1/ | grep 'hello from small'
  same "$(pod exec served readlink /proc/self/ns/net)" "$(pod exec beside readlink /proc/self/ns/net)"
  pod pod stop -t 0 pod
  pod pod rm -f pod
}
podman_userns() {
  has "$(prun --rm --userns auto:size=1000 $image cat /proc/self/uid_map | xargs)" '0 100000 1000'
  has "$(prun --rm --uidmap 0:200000:70000 --gidmap 0:200000:70000 $image sh -c 'id -u; cat /proc/self/uid_map' | xargs)" '0 0 200000 70000'
}
podman_healthcheck() {
  prun -d --name health --health-cmd 'test -e /tmp/well' --health-interval disable $image sleep 1000
  code 1 pod healthcheck run health
  pod exec health touch /tmp/well
  pod healthcheck run health
}
podman_privileged() { prun --rm --privileged $image sh -c 'mount -t tmpfs none /tmp && test -e /dev/fuse -o -e /dev/loop-control -o -e /dev/kmsg'; }
podman_namespaces_of_others() {
  prun -d --name first --hostname boat $image sleep 1000
  same "$(prun --rm --uts container:first --network container:first --ipc container:first --pid container:first $image sh -c 'hostname; cat /proc/1/comm' | xargs)" 'boat sleep'
  same "$(prun --rm --pid host --network host --uts host $image readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
}
podman_volumes_and_tmpfs() {
  mkdir -p "$base/shared"; echo there > "$base/shared/file"
  same "$(prun --rm -v "$base/shared:/mnt:ro" --tmpfs /scratch:size=1m $image sh -c 'cat /mnt/file; touch /mnt/x 2>/dev/null || echo ro; df -k /scratch | tail -n 1 | tr -s " " | cut -d" " -f2' | xargs)" 'there ro 1024'
  same "$(prun --rm --mount type=volume,src=named,dst=/data $image sh -c 'echo kept > /data/a; cat /data/a')" kept
}
podman_restricted() {
  same "$(prun --rm --cap-drop all --read-only --security-opt no-new-privileges $image sh -c 'grep -c "CapEff:.*0000000000000000" /proc/self/status; grep NoNewPrivs /proc/self/status | cut -f2; touch /x 2>/dev/null || echo ro' | xargs)" '1 1 ro'
}
podman_sysctl_and_ulimit() {
  same "$(pod run --cgroup-parent "/$group" --rm --sysctl net.ipv4.ip_forward=1 --ulimit nproc=900:900 --ulimit nofile=512:1024 $image sh -c 'cat /proc/sys/net/ipv4/ip_forward; ulimit -n' | xargs)" '1 512'
}
podman_seccomp() {
  same "$(prun --rm $image sh -c 'grep Seccomp: /proc/self/status' | cut -f2)" 2
  same "$(prun --rm --security-opt seccomp=unconfined $image grep Seccomp: /proc/self/status | cut -f2)" 0
  seccomp_profile
  has "$(prun --rm --security-opt "seccomp=$base/seccomp.json" $image mkdir /new 2>&1 || true)" 'No locks available'
}
podman_out_of_memory() {
  code 137 prun --name oom --memory 16m --memory-swap 16m $image sh -c 'exec tail -c 64m /dev/zero'
}
podman_tells_out_of_memory() {
  code 137 prun --name oomtold --memory 16m --memory-swap 16m $image sh -c 'exec tail -c 64m /dev/zero'
  same "$(pod inspect -f '{{.State.OOMKilled}}' oomtold)" true
}
podman_preserved_fds() { same "$(prun --rm --preserve-fds 1 $image sh -c 'cat <&3' 3<<<handed)" handed; }
podman_remove_all() {
  pod rm -fa -t 0
  same "$(pod ps -aq)" ''
  same "$(groups_left)" ''
  same "$(grep -c "$base/pod/overlay/.*/merged" /proc/self/mountinfo || true)" 0
}
