# Checks of dockerd (sourced by `run`).
docker_checks=(info run exit_codes exec exec_tty tty detach_and_logs stop kill restart restart_policy stats limits update ports pause top init healthcheck
  privileged namespaces_of_others volumes_and_tmpfs restricted sysctl_and_ulimit seccomp out_of_memory build archives live_restore remove_all)

dock() { docker -H "unix://$base/docker.sock" "$@"; }
drun() { dock run --runtime "$runtime" "$@"; }

docker_daemon() {
  dockerd --data-root "$base/docker" --exec-root "$base/docker-run" --pidfile "$base/docker.pid" -H "unix://$base/docker.sock" --storage-driver overlay2 \
    --cgroup-parent "/$group" --live-restore --bip 10.91.0.1/24 --add-runtime "estiba=$work/bin/estiba-oci" --default-runtime estiba >>"$base/dockerd.log" 2>&1 &
  disown
  eventually dock version
}
docker_up() { export DOCKER_CONFIG=$base; docker_daemon; dock load -q -i "$work/small.tar" >/dev/null; }
docker_clear() { dock ps -aq | xargs -r docker -H "unix://$base/docker.sock" rm -f >/dev/null; }
docker_down() {
  kill "$(cat "$base/docker.pid")"
  eventually test ! -e "$base/docker.pid"
}

docker_info() { same "$(dock info -f '{{.DefaultRuntime}}')" estiba; dock info -f '{{.RuncCommit.ID}}'; }
docker_run() { same "$(drun --rm $image sh -c 'echo $((6 * 7))')" 42; same "$(echo typed | drun -i --rm $image cat)" typed; }
docker_exit_codes() {
  code 3 drun --rm $image sh -c 'exit 3'
  code 127 drun --rm $image /does/not/exist
  code 126 drun --rm $image /etc/passwd
  drun -d --name codes $image sleep 1000
  code 7 dock exec codes sh -c 'exit 7'
  # This version says so of whatever cannot be executed.
  code 126 dock exec codes /does/not/exist
  code 126 dock exec codes /etc/passwd
}
docker_exec() {
  drun -d --name exec $image sleep 1000
  same "$(dock exec -u 65534:65534 -w /tmp -e A=b exec sh -c 'echo $(id -u) $(id -g) $PWD $A')" '65534 65534 /tmp b'
  same "$(echo in | dock exec -i exec cat)" in
  dock exec -d exec touch /tmp/detached
  eventually dock exec exec test -e /tmp/detached
}
docker_exec_tty() {
  drun -d --name exectty $image sleep 1000
  has "$(typed 'echo =$(stty size)=; tty; exit 5' "docker -H unix://$base/docker.sock exec -it exectty sh; echo code \$?")" '=30 100='
}
docker_tty() {
  local seen; seen=$(typed 'echo =$(stty size)=; tty; exit 5' "docker -H unix://$base/docker.sock run --runtime $runtime --rm -it $image sh; echo code \$?")
  has "$seen" '=30 100='; has "$seen" /dev/pts/0; has "$seen" 'code 5'
}
docker_detach_and_logs() {
  drun -d --name logs $image sh -c 'echo out; echo err >&2; exec sleep 1000'
  eventually sh -c "docker -H unix://$base/docker.sock logs logs 2>/dev/null | grep out"
  same "$(dock inspect -f '{{.State.Status}} {{.State.ExitCode}}' logs)" 'running 0'
}
docker_stop() {
  drun -d --name polite $image sh -c 'trap "exit 4" TERM; while :; do sleep 0.1; done'
  sleep 0.3; dock stop -t 10 polite
  same "$(dock inspect -f '{{.State.Status}} {{.State.ExitCode}}' polite)" 'exited 4'
  drun -d --name deaf $image sh -c 'trap "" TERM; while :; do sleep 0.1; done'
  dock stop -t 1 deaf
  same "$(dock inspect -f '{{.State.ExitCode}}' deaf)" 137
}
docker_kill() {
  drun -d --name kill $image sh -c 'trap "exit 9" USR1; while :; do sleep 0.1; done'
  sleep 0.3; dock kill -s USR1 kill
  same "$(dock wait kill)" 9
  drun -d --name killed $image sleep 1000
  dock kill killed
  same "$(dock wait killed)" 137
}
docker_restart() {
  drun -d --name again $image sleep 1000
  local first; first=$(dock inspect -f '{{.State.Pid}}' again)
  dock restart -t 0 again
  same "$(dock inspect -f '{{.State.Status}}' again)" running
  [ "$first" != "$(dock inspect -f '{{.State.Pid}}' again)" ]
}
docker_restart_policy() {
  drun -d --name policy --restart on-failure:2 $image sh -c 'exit 3'
  eventually sh -c "[ \"\$(docker -H unix://$base/docker.sock inspect -f '{{.RestartCount}} {{.State.Status}}' policy)\" = '2 exited' ]"
}
docker_stats() {
  drun -d --name stats --memory 64m $image sleep 1000
  has "$(dock stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' stats)" '64MiB 1'
}
docker_limits() {
  same "$(drun --rm --memory 64m --cpus 0.5 --pids-limit 30 $image sh -c "$read_limits" | xargs)" '67108864 30'
  same "$(drun --rm --cpuset-cpus 0 $image grep Cpus_allowed_list /proc/self/status | xargs)" 'Cpus_allowed_list: 0'
}
docker_update() {
  drun -d --name update --memory 64m --pids-limit 30 $image sleep 1000
  dock update --memory 96m --memory-swap 128m --pids-limit 40 --cpu-shares 512 update
  same "$(dock exec update sh -c "$read_limits" | xargs)" '100663296 40'
}
docker_ports() {
  drun -d --name ports -p 127.0.0.1:8083:80 $image sh -c "$serve"
  eventually page 127.0.0.1 8083
  page 127.0.0.1 8083
}
docker_pause() {
  drun -d --name pause $image sleep 1000
  dock pause pause
  same "$(dock inspect -f '{{.State.Status}}' pause)" paused
  dock unpause pause
  same "$(dock inspect -f '{{.State.Status}}' pause)" running
  dock exec pause true
}
docker_top() { drun -d --name top $image sleep 1000; has "$(dock top top)" 'sleep 1000'; }
docker_init() { has "$(drun --rm --init $image cat /proc/1/comm)" init; }
docker_healthcheck() {
  drun -d --name health --health-cmd 'test -e /tmp/well' --health-interval 500ms --health-retries 100 $image sh -c 'touch /tmp/well; exec sleep 1000'
  eventually sh -c "docker -H unix://$base/docker.sock inspect -f '{{.State.Health.Status}}' health | grep -x healthy"
}
docker_privileged() { drun --rm --privileged $image sh -c 'mount -t tmpfs none /tmp && test -e /dev/kmsg'; }
docker_namespaces_of_others() {
  drun -d --name first --hostname boat --ipc shareable $image sleep 1000
  same "$(drun --rm --network container:first --ipc container:first --pid container:first $image sh -c 'hostname; cat /proc/1/comm' | xargs)" 'boat sleep'
  same "$(drun --rm --pid host --network host --uts host $image readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
}
docker_volumes_and_tmpfs() {
  mkdir -p "$base/shared"; echo there > "$base/shared/file"
  same "$(drun --rm -v "$base/shared:/mnt:ro" --tmpfs /scratch:size=1m $image sh -c 'cat /mnt/file; touch /mnt/x 2>/dev/null || echo ro; df -k /scratch | tail -n 1 | tr -s " " | cut -d" " -f2' | xargs)" 'there ro 1024'
  same "$(drun --rm --mount type=volume,src=named,dst=/data $image sh -c 'echo kept > /data/a; cat /data/a')" kept
}
docker_restricted() {
  same "$(drun --rm --cap-drop all --read-only --security-opt no-new-privileges $image sh -c 'grep -c "CapEff:.*0000000000000000" /proc/self/status; grep NoNewPrivs /proc/self/status | cut -f2; touch /x 2>/dev/null || echo ro' | xargs)" '1 1 ro'
}
docker_sysctl_and_ulimit() {
  same "$(drun --rm --sysctl net.ipv4.ip_forward=1 --ulimit nofile=512:1024 $image sh -c 'cat /proc/sys/net/ipv4/ip_forward; ulimit -n' | xargs)" '1 512'
}
docker_seccomp() {
  same "$(drun --rm $image sh -c 'grep Seccomp: /proc/self/status' | cut -f2)" 2
  same "$(drun --rm --security-opt seccomp=unconfined $image grep Seccomp: /proc/self/status | cut -f2)" 0
  seccomp_profile
  has "$(drun --rm --security-opt "seccomp=$base/seccomp.json" $image mkdir /new 2>&1 || true)" 'No locks available'
}
docker_out_of_memory() {
  code 137 drun --name oom --memory 16m --memory-swap 16m $image sh -c 'exec tail -c 64m /dev/zero'
  same "$(dock inspect -f '{{.State.OOMKilled}}' oom)" true
}
docker_build() {
  mkdir -p "$base/build"; printf 'FROM %s\nRUN echo built > /made\n' $image > "$base/build/Dockerfile"
  DOCKER_BUILDKIT=0 dock build -q -t built "$base/build"
  same "$(drun --rm built cat /made)" built
}
docker_live_restore() {
  drun -d --name lives $image sleep 1000
  kill "$(cat "$base/docker.pid")"
  eventually test ! -e "$base/docker.pid"
  docker_daemon
  same "$(dock inspect -f '{{.State.Status}}' lives)" running
  dock exec lives true
}
docker_remove_all() {
  dock ps -aq | xargs -r docker -H "unix://$base/docker.sock" rm -f
  same "$(dock ps -aq)" ''
  same "$(groups_left)" ''
}
# What docker saves is loaded, what we save docker loads, several images at once: with the same ids and the same layers.
docker_archives() {
  own() { "$(readlink -f "$work/bin/estiba-oci")" --root "$base/own" --runroot "$base/own-run" "$@"; }
  local told='{{.Id}}{{range .RootFS.Layers}} {{.}}{{end}}' name
  drun --name second $image sh -c 'echo two > /two; rm /bin/ls'
  dock commit second second:1
  dock save -o "$base/theirs.tar" $image second:1
  own load -q -i "$base/theirs.tar"
  for name in $image second:1; do same "$(own inspect -f "$told" $name)" "$(dock inspect -f "$told" $name)"; done
  # A third one, whose upper layer is compressed, on the two that came.
  own run --network none --name third second:1 sh -c 'echo three > /three; rm /two'
  own commit third third:1
  own save -q -o "$base/ours.tar" $image second:1 third:1
  dock rm second
  dock rmi second:1
  dock load -q -i "$base/ours.tar"
  for name in $image second:1 third:1; do same "$(dock inspect -f "$told" $name)" "$(own inspect -f "$told" $name)"; done
  same "$(drun --rm third:1 sh -c 'cat /three; [ -e /two ] || [ -e /bin/ls ] || echo gone')" "three
gone"
  # And back, with the layer that docker has unpacked and packed itself: an id is that of the same config, so nothing new comes in.
  dock save third:1 | own load -q
  same "$(own images -q | sort -u | wc -l)" 3
  own rm third
  own rmi third:1 second:1 $image
  dock rmi third:1 second:1
}
