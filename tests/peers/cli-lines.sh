# The command lines that `cli` gives to both (sourced by it), and before them those that are answered otherwise on purpose, each with the reason.
mode='modes of a container, no networks here: only what can be joined is listed'
client='which values the client refuses (125) and which the daemon (1) is not told apart here: there is no daemon'
gotype='a value of JSON here, a type of Go there, which prints itself otherwise'
expect 'control groups have their own namespace here; Docker has that on version 2 only' 'inspect -f {{.HostConfig.CgroupnsMode}} up' 'inspect -f {{json .HostConfig.CgroupnsMode}} gone'
expect 'Estiba is its own runtime' 'inspect -f {{.HostConfig.Runtime}} up' 'inspect -f {{json .HostConfig.Runtime}} gone'
expect 'this Docker says default where the default network was meant, newer ones bridge' 'inspect -f {{.HostConfig.NetworkMode}} up'
expect "$gotype" 'inspect -f {{.Mounts}} up' 'inspect -f {{.HostConfig.RestartPolicy}} up' 'inspect -f {{json .HostConfig.RestartPolicy}} gone' 'inspect -f {{.HostConfig.PidsLimit}} up' \
  'inspect -f {{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Retries}} sick' 'inspect -f {{.HostConfig.Init}} up' 'inspect -f {{.Config.ExposedPorts}} up' 'inspect -f {{.Config.Volumes}} up' 'inspect -f {{.HostConfig.VolumesFrom}} up' 'inspect -f {{.NetworkSettings.Ports}} up' \
  'inspect -f {{.HostConfig.CapAdd}} up' 'inspect -f {{.HostConfig.CapDrop}} up' 'inspect -f {{.HostConfig.ExtraHosts}} up' 'inspect -f {{.HostConfig.SecurityOpt}} up' 'inspect -f {{.HostConfig.GroupAdd}} up'
expect 'what is mounted in memory is listed, also when --tmpfs asked for it' 'inspect -f {{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}} up'
expect 'who was joined at the start is the business of the client, and not written down' 'inspect -f {{.Config.AttachStdout}} up' 'inspect -f {{json .Config.AttachStdout}} gone'
expect 'where nobody checks health there is no value; Docker fails' 'inspect -f {{.State.Health.Status}} {{.State.Health.FailingStreak}} up'
expect 'both fail; Docker prints an empty line before' 'inspect -f {{.Nothing}} up'
expect 'an address of a network that it is not in is no failure here' 'inspect -f {{json (index .NetworkSettings.Networks "bridge").IPPrefixLen}} gone'
expect 'newer Dockers say 127, as run does' 'exec up nosuch' 'exec -w /absent up true'
expect 'runc itself cannot on this machine' 'exec --privileged -u 0 up sh -c echo privileged'
expect 'ps runs nowhere: top lists what ps -ef does' 'top up -o pid,comm'
expect 'a container that was begun without this controller is not in it' 'update --cpuset-cpus 0 up' 'update --cpuset-mems 0 up'
expect "$client" 'update --restart sometimes up' 'update --cpus -1 up' 'kill -s NOPE up' 'kill -s 0 up' 'tag small:1 BAD'
expect 'no limit is -1 here, 0 there; the processors were refused above' 'inspect -f {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuShares}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpusetCpus}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.MemoryReservation}} {{.HostConfig.CpuQuota}} up'
expect 'the image has no history; its layer is shown all the same' 'history --format {{.CreatedBy}} {{.Comment}} small:1' 'history -q small:1' 'history --human=false --format {{.ID}} small:1'
expect "$mode" 'network ls --format {{.Name}} {{.Driver}} {{.Scope}}'
expect 'networks have no labels yet' 'network create --label x=y web' 'network create web' 'network inspect -f {{.Name}} {{.Driver}} {{.Internal}} {{.Labels}} {{.EnableIPv6}} web'
expect 'there is one program, not client and server' 'version --format {{.Client.Os}}'
expect 'a group that is the first one is not repeated among the further ones' 'run --rm -e A=b -u 7:8 -w /tmp --entrypoint /bin/sh small:1 -c id; pwd; echo $A $FROM'

both create --name made --label a=1 --label b= -e X=y --entrypoint /bin/echo $image said
both run -d --name up --label a=2 --entrypoint /bin/sleep -v /etc:/host-etc:ro --tmpfs /scratch --memory 64m --cpus 0.5 --restart on-failure:3 --init=false --hostname host --stop-timeout 1 $image 1000
both run --name gone --network none --entrypoint /bin/sh $image -c 'echo out; echo err >&2; printf open; exit 3' || true
both run --name fine --entrypoint /bin/true $image
both run -d --name sick --entrypoint /bin/sleep --health-cmd false --health-interval 1s --health-retries 1 --stop-timeout 0 $image 1000

# ps and its filters
for filter in name=up name=^up$ id=0000 label=a label=a=1 label=a label=of=image status=running status=exited status=created status=paused exited=3 exited=0 exited=137 \
  ancestor=small:1 ancestor=small ancestor=absent before=gone since=up since=gone health=none health=starting is-task=false network=bridge network=none volume=/host-etc volume=/etc volume=/absent publish=80 expose=80 expose=80/tcp expose=8000-8080; do
  ask ps -a --filter "$filter" --format '{{.Names}}'
done
ask ps -a --filter before=absent
ask ps -a --filter status=odd
ask ps -a --filter nosuch=x
ask ps -a --filter exited=x
ask ps --format '{{.Names}} {{.Image}} {{.Command}} {{.State}} {{.Networks}} {{.Mounts}} {{.Ports}} {{.LocalVolumes}}'
ask ps -a --filter name=made --format '{{.Labels}}'
ask ps -a --filter name=made --format '{{.Label "a"}}'
ask ps -aq --filter name=gone --no-trunc
ask ps -l --format '{{.Names}}'
ask ps -n 2 --format '{{.Names}}'
ask ps -a --filter name=fine

# inspect, as people read it
for field in .Config.Entrypoint .Config.Cmd .Config.Env .Config.Image .Config.Labels .Config.User .Config.WorkingDir .Config.Hostname .Config.Domainname .Config.Tty .Config.OpenStdin .Config.AttachStdout .Config.StopSignal .Config.StopTimeout .Config.ExposedPorts .Config.Volumes \
  .State.Status .State.Running .State.Paused .State.Restarting .State.OOMKilled .State.Dead .State.ExitCode .State.Error .RestartCount .Name .Path .Args .Platform .Driver .Mounts .HostConfig.Memory .HostConfig.MemorySwap .HostConfig.NanoCpus .HostConfig.CpuShares .HostConfig.PidsLimit .HostConfig.RestartPolicy .HostConfig.RestartPolicy.Name .HostConfig.NetworkMode .HostConfig.Binds .HostConfig.Tmpfs .HostConfig.AutoRemove .HostConfig.Privileged .HostConfig.ReadonlyRootfs .HostConfig.CapAdd .HostConfig.CapDrop .HostConfig.Dns .HostConfig.ExtraHosts .HostConfig.IpcMode .HostConfig.PidMode .HostConfig.UTSMode .HostConfig.UsernsMode .HostConfig.CgroupnsMode .HostConfig.ShmSize .HostConfig.LogConfig.Type .HostConfig.LogConfig.Config .HostConfig.SecurityOpt .HostConfig.Devices .HostConfig.Ulimits .HostConfig.OomKillDisable .HostConfig.OomScoreAdj .HostConfig.Init .HostConfig.GroupAdd .HostConfig.PortBindings .HostConfig.PublishAllPorts .HostConfig.VolumesFrom .HostConfig.Runtime .HostConfig.CpuQuota .HostConfig.CpuPeriod .HostConfig.CpusetCpus .HostConfig.BlkioWeight .HostConfig.Isolation .HostConfig.MaskedPaths .HostConfig.ReadonlyPaths \
  .NetworkSettings.Ports '(index .NetworkSettings.Networks "bridge").IPPrefixLen' '(len .NetworkSettings.Networks)' .Created .Image .Id .State.StartedAt .State.FinishedAt '(len .LogPath)' .ResolvConfPath; do
  case $field in *Path*) ;; *) ask inspect -f "{{$field}}" up; ask inspect -f "{{json $field}}" gone ;; esac
done
ask inspect -f '{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}}' up
ask inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' up
ask inspect -f '{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Retries}}' sick
ask inspect -f '{{.Nothing}}' up
ask inspect absent
ask inspect --type image up
ask inspect -f '{{.Config.Cmd}} {{.Config.Entrypoint}} {{.Architecture}} {{.Os}} {{.RepoTags}} {{.Config.User}} {{len .RootFS.Layers}}' small:1
ask container inspect -f '{{.Name}}' up small:1

# logs, wait, port, top, diff, rename
ask logs gone
ask logs --tail 1 gone
ask logs --tail 0 gone
ask logs --since 1h gone
ask logs --until 1h gone
ask logs absent
ask wait gone fine
ask wait absent
ask port up
ask port up 80
ask port absent
ask top up -o pid,comm
ask top gone
ask top absent
ask top up -o nosuch
ask exec up sh -c 'echo $X; exit 4'
ask exec gone true
ask exec absent true
ask exec up nosuch
ask exec -w /tmp -e A=b -u 0 up sh -c 'pwd; echo $A; id -u'
ask exec --privileged -u 0 up sh -c 'echo privileged'
ask exec -w /absent up true
both exec -u 0 up sh -c 'echo new > /data/new; echo more > /data/file; mkdir /dir; ln -s x /dir/link'
ask diff up
ask diff fine
ask diff absent
ask rename made up
ask rename made remade
ask rename remade made
ask rename absent x
ask attach gone
ask attach absent

# cp
mkdir -p "$work/from/sub"; echo one > "$work/from/one"; echo two > "$work/from/sub/two"
ask cp "$work/from" up:/scratch2
ask cp "$work/from/." up:/tmp
ask cp "$work/from/one" up:/tmp/renamed
ask cp "$work/from/one" up:/absent/dir/
ask cp "$work/absent" up:/tmp
ask cp up:/absent "$work/x"
ask cp absent:/x "$work/x"
ask cp "$work/from/one" up:/host-etc/x
ask exec up ls -l /tmp/sub /tmp/renamed
ask cp up:/etc/passwd "$work/out-passwd"
ask cp "$work/from/one" made:/data/stopped
ask cp made:/data/stopped "$work/out-stopped"
ask diff made

# update
for flags in '--memory 96m' '--memory 96m --memory-swap 128m' '--cpus 0.7' '--cpu-shares 200' '--pids-limit 77' '--pids-limit -1' '--restart always' '--restart no' '--cpuset-cpus 0' '--cpuset-mems 0' '--memory-reservation 32m' '--cpu-period 50000 --cpu-quota 10000' \
  '--memory 1m' '--memory x' '--restart sometimes' '--cpus -1' '--cpuset-cpus 999' '--memory-swap 1m'; do
  ask update $flags up
done
ask inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuShares}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpusetCpus}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.MemoryReservation}} {{.HostConfig.CpuQuota}}' up
ask update --restart always gone
ask update absent
ask update up
ask update --memory 64m absent

# pause, stats, kill, stop, restart, rm
ask pause up
ask pause up
ask ps --filter status=paused --format '{{.Names}} {{.State}}'
ask exec up true
ask unpause up
ask unpause up
ask stats --no-stream --format '{{.Name}} {{.PIDs}}' up
ask stats --no-stream absent
ask kill -s NOPE up
ask kill gone
ask kill -s 0 up
ask restart -t 0 up
ask restart --signal TERM -t 0 up
ask stop -t 0 up
ask stop up
ask stop --signal KILL sick
ask start up
ask start absent
ask inspect -f '{{.RestartCount}} {{.State.ExitCode}}' up
ask rm up
ask rm absent
ask rm -f absent
ask rm -f up
ask rm made gone
ask ps -a --format '{{.Names}}'

# the rest
ask images --format '{{.Repository}} {{.Tag}} {{.ID}}'
ask images -q
ask images absent
ask images --filter reference=small
ask history --format '{{.CreatedBy}} {{.Comment}}' small:1
ask history -q small:1
ask history --human=false --format '{{.ID}}' small:1
ask tag small:1 other:2
ask tag absent other:2
ask tag small:1 BAD
ask rmi other:2
ask rmi absent
ask rmi --no-prune absent
ask network ls --format '{{.Name}} {{.Driver}} {{.Scope}}'
ask network create --label x=y web
ask network create web
ask network inspect -f '{{.Name}} {{.Driver}} {{.Internal}} {{.Labels}} {{.EnableIPv6}}' web
ask network rm web
ask network rm absent
ask network inspect absent
ask version --format '{{.Client.Os}}'
ask run --rm small:1 echo hi
ask run --rm --entrypoint '' small:1 echo hi
ask run --rm small:1 nosuch
ask run --rm --entrypoint /etc/passwd small:1
ask run --rm -e A=b -u 7:8 -w /tmp --entrypoint /bin/sh small:1 -c 'id; pwd; echo $A $FROM'
ask run --rm --nosuch small:1
ask run --name fine small:1
ask run --rm -it small:1 true
