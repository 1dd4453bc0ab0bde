//! `inspect`: everything about one thing, in the shape that Docker gives it.

mod health;
mod privileges;
mod resources;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{arguments::InspectOptions, containers::for_all, output, template::Format};
use crate::{
    engine::{self, Engine, EngineError, ErrorKind, Result},
    model::{
        Container, Endpoint, HealthHistory, Image, Mount, MountKind, Network, NetworkMode,
        Signature, State,
    },
};

pub(super) fn run(engine: &Engine, options: &InspectOptions) -> Result<u8> {
    let format = match options.format.as_deref() {
        None => None,
        Some("json") => Some(Format::parse("{{json .}}")?),
        Some(template) => Some(Format::parse(template)?),
    };
    let mut found = Vec::new();
    let code = for_all(&options.names, |name| {
        let value = look_up(engine, name, options.kind.as_deref())?;
        match &format {
            Some(format) => output::line(format.fill(&value)?),
            None => found.push(value),
        }
        Ok(())
    });
    if format.is_none() {
        output::line(format!("{:#}", Value::Array(found)));
    }
    Ok(code)
}

/// Looks among containers, then images, then networks, or only where it was told to.
fn look_up(engine: &Engine, name: &str, kind: Option<&str>) -> Result<Value> {
    let kinds = ["container", "image", "network"];
    for candidate in
        kinds.into_iter().filter(|candidate| kind.is_none_or(|only| only == *candidate))
    {
        let found = match candidate {
            "container" => engine.container(name).and_then(|container| {
                of_container(engine, &container, &engine.health(container.id)?)
            }),
            "image" => engine
                .image(name)
                .and_then(|image| Ok(of_image(&image, &engine.signatures(image.id)?))),
            _ => engine.network(name).map(|network| of_network(&network)),
        };
        match found {
            Err(error) if error.kind() == &ErrorKind::NotFound => {}
            other => return other,
        }
    }
    let what = kind.unwrap_or("container, image or network");
    Err(EngineError::new(ErrorKind::NotFound, format!("no such {what}: {name}")))
}

fn of_container(engine: &Engine, container: &Container, health: &HealthHistory) -> Result<Value> {
    let config = &container.config;
    let (entrypoint, command) = config.args.split_at(config.entrypoint.min(config.args.len()));
    let networks = networks_of(engine, container)?;
    let (path, args) = match config.args.split_first() {
        Some((path, args)) => (path.as_str(), args),
        None => ("", &[][..]),
    };
    Ok(json!({
        "Id": container.id.hex(),
        "Created": container.created.to_string(),
        "Path": path,
        "Args": args,
        "State": health::with_health(of_state(&container.state), container, health),
        "Image": container.image.to_string(),
        "LogPath": engine.log_path(container).unwrap_or_default(),
        "Name": format!("/{}", container.name),
        "Platform": "linux",
        "Driver": "overlay2",
        "RestartCount": container.state.restarts(),
        "HostConfig": of_host_config(container, &networks),
        "Mounts": config.mounts.iter().map(of_mount).collect::<Vec<_>>(),
        "Config": {
            "Hostname": config.hostname,
            "Domainname": config.isolation.domainname,
            "User": config.user,
            "Tty": config.tty,
            "OpenStdin": config.open_stdin,
            "Env": config.env,
            "Cmd": some(command),
            "Entrypoint": some(entrypoint),
            "Volumes": null,
            "Image": container.image_name,
            "WorkingDir": config.workdir,
            "Labels": config.labels,
            "StopSignal": engine::signal_name(config.stop_signal),
            // -1 is never, as Docker writes it.
            "StopTimeout": config.isolation.stop_timeout
                .map(|seconds| if seconds == u32::MAX { -1 } else { i64::from(seconds) }),
            "Healthcheck": health::of_check(&config.health),
            "ExposedPorts": config.isolation.exposed_ports.iter()
                .map(|port| (port.clone(), json!({}))).collect::<Map<String, Value>>(),
        },
        "NetworkSettings": of_network_settings(container, &networks),
    }))
}

/// Gives a list, or null where there is nothing in it, as Docker does.
fn some(list: &[impl Serialize]) -> Value {
    if list.is_empty() { Value::Null } else { json!(list) }
}

/// Lists the networks of a container by name, also when it does not run.
fn networks_of(engine: &Engine, container: &Container) -> Result<Vec<String>> {
    Ok(match &container.config.network {
        NetworkMode::None => vec!["none".to_owned()],
        NetworkMode::Host => vec!["host".to_owned()],
        NetworkMode::Container(_) => Vec::new(),
        NetworkMode::Bridges(ids) => {
            let all = engine.overview()?.networks;
            // In the order in which it joins them.
            let found = ids.iter().filter_map(|id| all.iter().find(|network| network.id == *id));
            found.map(|network| network.name.to_string()).collect()
        }
    })
}

fn of_host_config(container: &Container, networks: &[String]) -> Value {
    let config = &container.config;
    let mode = match &config.network {
        NetworkMode::Container(id) => format!("container:{}", id.hex()),
        _ => networks.first().cloned().unwrap_or_else(|| "none".to_owned()),
    };
    let binds: Vec<String> = config
        .mounts
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Bind { source, .. } => {
                let access = if mount.read_only { ":ro" } else { "" };
                Some(format!("{}:{}{access}", source.display(), mount.target))
            }
            MountKind::Tmpfs { .. } => None,
        })
        .collect();
    let memory: Map<String, Value> = config.mounts.iter().filter_map(tmpfs).collect();
    let mut host = json!({
        "NetworkMode": mode,
        "AutoRemove": config.auto_remove,
        "ReadonlyRootfs": config.read_only,
        "Binds": some(&binds),
        "Tmpfs": if memory.is_empty() { Value::Null } else { memory.into() },
        "PortBindings": {},
        "PublishAllPorts": false,
        "VolumesFrom": null,
        "Runtime": "estiba",
        "Isolation": "",
    });
    if let Some(host) = host.as_object_mut() {
        for part in [resources::of(&config.resources), privileges::of(config)] {
            host.extend(part.as_object().cloned().unwrap_or_default());
        }
    }
    host
}

/// Gives where memory is mounted, with its options.
fn tmpfs(mount: &Mount) -> Option<(String, Value)> {
    let MountKind::Tmpfs { size, options } = &mount.kind else { return None };
    let size = size.map(|bytes| format!("size={bytes}"));
    let access = mount.read_only.then(|| "ro".to_owned());
    let words: Vec<String> = options.iter().cloned().chain(size).chain(access).collect();
    Some((mount.target.clone(), words.join(",").into()))
}

fn of_state(state: &State) -> Value {
    let (started, finished, exit) = match state {
        State::Created | State::Starting => (None, None, None),
        State::Running { started, .. } => (Some(started), None, None),
        State::Restarting { started, finished, exit, .. }
        | State::Exited { started, finished, exit, .. } => {
            (started.as_ref(), Some(finished), Some(exit))
        }
    };
    // What never happened has Go's zero time, which clients compare with.
    let time = |time: Option<&crate::model::Timestamp>| {
        time.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), ToString::to_string)
    };
    json!({
        "Status": state.word(),
        // As Docker: what will run again counts as running.
        "Running": matches!(state, State::Running { .. } | State::Restarting { .. }),
        "Paused": matches!(state, State::Running { paused: true, .. }),
        "Restarting": matches!(state, State::Restarting { .. }),
        "OOMKilled": exit.is_some_and(|exit| exit.oom),
        "Dead": false,
        "ExitCode": exit.map_or(0, |exit| exit.code),
        "Error": exit.and_then(|exit| exit.error.as_deref()).unwrap_or_default(),
        "StartedAt": time(started),
        "FinishedAt": time(finished),
    })
}

fn of_mount(mount: &Mount) -> Value {
    let (kind, source, propagation) = match &mount.kind {
        MountKind::Bind { source, propagation, .. } => {
            let usual = if propagation.is_empty() { "rprivate" } else { propagation };
            ("bind", source.display().to_string(), usual)
        }
        MountKind::Tmpfs { .. } => ("tmpfs", String::new(), ""),
    };
    json!({
        "Type": kind,
        "Source": source,
        "Destination": mount.target,
        "Mode": if mount.read_only { "ro" } else { "" },
        "RW": !mount.read_only,
        "Propagation": propagation,
    })
}

/// What `NetworkSettings` says of a network; what is not joined now has no address.
fn of_endpoint(endpoint: Option<&Endpoint>) -> Value {
    let text = |of: fn(&Endpoint) -> String| endpoint.map(of).unwrap_or_default();
    json!({
        "NetworkID": text(|endpoint| endpoint.network.hex()),
        "IPAddress": text(|endpoint| endpoint.address.to_string()),
        "IPPrefixLen": endpoint.map_or(0, |endpoint| endpoint.prefix),
        "Gateway": text(|endpoint| endpoint.gateway.to_string()),
        "MacAddress": text(Endpoint::mac_text),
    })
}

fn of_network_settings(container: &Container, names: &[String]) -> Value {
    let endpoints = &container.endpoints;
    let joined = |name: &str| {
        of_endpoint(endpoints.iter().find(|endpoint| endpoint.network_name.as_str() == name))
    };
    let networks: Map<String, Value> =
        names.iter().map(|name| (name.clone(), joined(name))).collect();
    let is_joined = container.state.is_live() && !endpoints.is_empty();
    let ports = container.config.isolation.exposed_ports.iter().filter(|_| is_joined);
    let first = endpoints.first();
    json!({
        "Ports": ports.map(|port| (port.clone(), Value::Null)).collect::<Map<String, Value>>(),
        "IPPrefixLen": first.map_or(0, |endpoint| endpoint.prefix),
        "MacAddress": first.map(Endpoint::mac_text).unwrap_or_default(),
        "IPAddress": first.map(|endpoint| endpoint.address.to_string()).unwrap_or_default(),
        "Gateway": first.map(|endpoint| endpoint.gateway.to_string()).unwrap_or_default(),
        "Networks": networks,
    })
}

fn of_image(image: &Image, signatures: &[Signature]) -> Value {
    let config = &image.config;
    let as_set = |names: &[String]| -> Map<String, Value> {
        names.iter().map(|name| (name.clone(), json!({}))).collect()
    };
    json!({
        "Id": image.id.to_string(),
        "RepoTags": image.references.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "RepoDigests": image.references.iter()
            .map(|reference| format!("{}@{}", reference.familiar_name(), image.manifest)).collect::<Vec<_>>(),
        "Created": image.created.map(|created| created.to_string()).unwrap_or_default(),
        "Architecture": config.architecture,
        "Os": config.os,
        "Author": config.author.as_deref().unwrap_or_default(),
        "Comment": config.history.last().map(|step| step.comment.as_str()).unwrap_or_default(),
        "Size": image.size(),
        "Signatures": signatures.iter().map(of_signature).collect::<Vec<_>>(),
        "RootFS": {
            "Type": "layers",
            "Layers": image.layers.iter().map(|layer| layer.diff.to_string()).collect::<Vec<_>>(),
        },
        "Config": {
            "User": config.user,
            "Env": config.env,
            "Cmd": config.command,
            "Entrypoint": config.entrypoint,
            "WorkingDir": config.workdir,
            "Labels": config.labels,
            "ExposedPorts": as_set(&config.exposed_ports),
            "Volumes": as_set(&config.volumes),
            "StopSignal": config.stop_signal.as_deref().unwrap_or_default(),
            "Healthcheck": health::of_check(&config.health),
        },
    })
}

/// Tells by what an image was accepted; Docker has nothing like it.
fn of_signature(signature: &Signature) -> Value {
    json!({
        "SignedBy": signature.key_name,
        "KeyDigest": signature.key.to_string(),
        "Identity": signature.identity,
        "Digest": signature.digest.to_string(),
    })
}

fn of_network(network: &Network) -> Value {
    let containers: Map<String, Value> = network
        .endpoints
        .iter()
        .map(|endpoint| {
            let value = json!({
                "Name": endpoint.container_name.to_string(),
                "MacAddress": endpoint.mac_text(),
                "IPv4Address": format!("{}/{}", endpoint.address, endpoint.prefix),
            });
            (endpoint.container.hex(), value)
        })
        .collect();
    json!({
        "Name": network.name.to_string(),
        "Id": network.id.hex(),
        "Created": network.created.to_string(),
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv6": false,
        "Internal": false,
        "Attachable": false,
        "Ingress": false,
        "Labels": {},
        "IPAM": {
            "Driver": "default",
            "Config": [{ "Subnet": network.subnet.to_string(), "Gateway": network.gateway.to_string() }],
        },
        "Containers": containers,
        "Options": { "com.docker.network.bridge.name": network.bridge },
    })
}
