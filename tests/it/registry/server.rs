//! Debian's `docker-registry`, for one test, on addresses of its own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::support::{Host, eventually, is_root, skip};

/// `user:secret`, hashed as htpasswd(1) does with -B.
const HTPASSWD: &str = "user:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// An address that is not loopback, so that what goes there needs TLS; of the tests' own network only (RFC 5737).
const FOREIGN: &str = "192.0.2.1";

/// A registry that runs, until it is dropped.
pub(crate) struct Server {
    child: Child,
    /// `host:port`.
    pub(crate) address: String,
    data: PathBuf,
}

/// What a registry asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Open,
    /// Name and password.
    Password,
    /// TLS and name and password, at an address that is not loopback.
    Private,
    /// TLS and a certificate of whoever asks, at an address that is not loopback.
    Acquainted,
}

/// Gives a port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Makes a host whose loopback works.
pub(crate) fn host() -> Host {
    let host = Host::new();
    if is_root() {
        let mut route = estiba::sys::netlink::Socket::route().unwrap();
        route.bring_up_loopback().unwrap();
        let loopback = route.require_link("lo").unwrap();
        route
            .add_address(&loopback, format!("{FOREIGN}/32").parse::<ipnet::Ipv4Net>().unwrap())
            .unwrap();
    }
    host
}

impl Server {
    /// Starts a registry; `None`, said aloud, where it is not installed.
    pub(crate) fn start(host: &Host, kind: Kind) -> Option<Self> {
        if Command::new("docker-registry").arg("--version").output().is_err() {
            skip("there is no docker-registry: apt-get install docker-registry");
            return None;
        }
        let port = free_port();
        let (ip, directory) = match kind {
            Kind::Private => (FOREIGN, host.path("private")),
            Kind::Acquainted => (FOREIGN, host.path("acquainted")),
            Kind::Password => ("127.0.0.1", host.path("password")),
            Kind::Open => ("127.0.0.1", host.path(&format!("open-{port}"))),
        };
        fs::create_dir_all(&directory).unwrap();
        let at = |name: &str| directory.join(name).display().to_string();
        let mut http = format!("addr: \"{ip}:{port}\"");
        let mut auth = String::new();
        if matches!(kind, Kind::Password | Kind::Private) {
            fs::write(directory.join("htpasswd"), HTPASSWD).unwrap();
            auth = format!("auth: {{htpasswd: {{realm: r, path: {}}}}}\n", at("htpasswd"));
        }
        if matches!(kind, Kind::Private | Kind::Acquainted) {
            certificate(&directory, ip, "");
            let (own, key) = (at("cert.pem"), at("key.pem"));
            let mut known = String::new();
            if kind == Kind::Acquainted {
                certificate(&directory, ip, "client-");
                known = format!(", clientcas: [{}]", at("client-cert.pem"));
            }
            http = format!("{http}, tls: {{certificate: {own}, key: {key}{known}}}");
        }
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n{auth}http: {{{http}}}\n",
            at("data")
        );
        fs::write(directory.join("config.yml"), config).unwrap();
        let log = fs::File::create(directory.join("log")).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", &at("config.yml")])
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let address = format!("{ip}:{port}");
        let server = Self { child, address, data: directory };
        eventually("the registry answers", || TcpStream::connect(&server.address).is_ok());
        Some(server)
    }

    /// Gives a file of its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// Gives a name in it.
    pub(crate) fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Makes a certificate that vouches for itself: `cert.pem` and `key.pem`, with something before their names.
fn certificate(directory: &std::path::Path, ip: &str, before: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=registry", "-addext"])
        // Also the host of Docker Hub, for tests that have a proxy lead there.
        .arg(format!("subjectAltName=IP:{ip},DNS:registry-1.docker.io"))
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &format!("{before}key.pem"), "-out", &format!("{before}cert.pem")])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}
