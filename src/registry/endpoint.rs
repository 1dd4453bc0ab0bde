//! One host that speaks the distribution protocol: connections, scheme, authorization, and trying again.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Read},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use ureq::{
    Agent, Body, SendBody,
    config::AutoHeaderValue,
    http::{
        HeaderName, Method, Request, Response, StatusCode,
        header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};

use super::{
    Cancel, Login, RegistryError, Settings,
    address::{beside, is_below, whole},
    answer::words,
    challenge::{self, Challenge},
    error::printable,
    retry, tls, token,
};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(15);

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// How often a request is sent somewhere else.
const MOST_REDIRECTS: u32 = 6;

/// How often a request is sent with a new authorization.
const AUTHORIZATIONS: u32 = 3;

/// Gives the payload's bytes from a place on.
pub type OpenAt<'a> = dyn Fn(u64) -> io::Result<Box<dyn Read + 'a>> + 'a;

/// What is sent with a request; can be sent again.
#[derive(Clone, Copy)]
pub(super) enum Payload<'a> {
    /// Nothing, of a method that never has anything.
    None,
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many bytes of something that can be read anew.
    Part { open: &'a OpenAt<'a>, from: u64, length: u64 },
}

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// A path below `/v2/`, or a whole address that the registry gave.
    pub(super) target: &'a str,
    pub(super) headers: &'a [(HeaderName, &'a str)],
    pub(super) payload: Payload<'a>,
    /// What a token has to allow, several divided by a space.
    pub(super) scope: &'a str,
}

/// One host that speaks the distribution protocol.
pub struct Endpoint {
    host: String,
    may_be_plain: bool,
    login: Option<Login>,
    agent: Agent,
    /// Scheme and host, once it is known.
    base: OnceLock<String>,
    /// How strangers are reached: as this one, without its login.
    settings: Settings,
    /// What to send as `Authorization`, by scope.
    authorizations: Mutex<HashMap<String, String>>,
    has_answered: AtomicBool,
    cancel: Cancel,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Prepares to talk to a host; nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::Untrusted`] when a certificate of the settings cannot be read, [`RegistryError::Unreachable`] for a proxy that is none.
    pub fn new(settings: Settings, cancel: &Cancel) -> Result<Arc<Self>, RegistryError> {
        let anonymous = Settings { login: None, ..settings.clone() };
        let Settings { host, may_be_plain, trust, login, proxy } = settings;
        let untrusted = |error: ureq::Error| RegistryError::Untrusted {
            host: host.clone(),
            reason: error.to_string(),
        };
        let tls = tls::config(&trust, may_be_plain).map_err(untrusted)?;
        let proxy = match proxy {
            Some(proxy) => Some(proxy.build().map_err(|error| RegistryError::Unreachable {
                host: host.clone(),
                reason: format!("proxy {}: {error}", printable(&proxy.address)),
            })?),
            None => None,
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(!may_be_plain)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("estiba/", env!("CARGO_PKG_VERSION")))
            // What is compressed on the way would have another digest.
            .accept_encoding(AutoHeaderValue::None)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .tls_config(tls)
            .proxy(proxy)
            .build()
            .new_agent();
        cancel.watch(&agent);
        let base = OnceLock::new();
        if !may_be_plain {
            let _first = base.set(format!("https://{host}"));
        }
        Ok(Arc::new(Self {
            host,
            may_be_plain,
            login,
            agent,
            base,
            settings: anonymous,
            authorizations: Mutex::default(),
            has_answered: AtomicBool::new(false),
            cancel: cancel.clone(),
        }))
    }

    /// Gives the host of an address that this one refers to; it is told no login.
    pub(super) fn stranger(&self, address: &str) -> Result<Arc<Self>, RegistryError> {
        let host = address
            .split_once("://")
            .map(|(_, rest)| rest.split('/').next().unwrap_or_default())
            .filter(|host| !host.is_empty() && !host.contains('@'))
            .ok_or_else(|| RegistryError::Protocol {
                host: self.host.clone(),
                object: "a layer that lies elsewhere".to_owned(),
                reason: format!("the address '{}'", printable(address)),
            })?;
        let may_be_plain = super::is_loopback(host);
        let settings = Settings { host: host.to_owned(), may_be_plain, ..self.settings.clone() };
        Self::new(settings, &self.cancel)
    }

    /// Gives its host, with port where one was named.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Asks whether it speaks the protocol and accepts the login.
    ///
    /// # Errors
    /// [`RegistryError::Unauthorized`] when it does not accept the login, and every other.
    pub fn check(&self) -> Result<(), RegistryError> {
        let response = self.send(&Call {
            method: Method::GET,
            target: "",
            headers: &[],
            payload: Payload::None,
            scope: "",
        })?;
        self.expect(response, &[StatusCode::OK], "/v2/").map(drop)
    }

    pub(super) const fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    pub(super) const fn agent(&self) -> &Agent {
        &self.agent
    }

    pub(super) const fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Sends a request with what authorization it needs, as often as is sensible.
    pub(super) fn send(&self, call: &Call<'_>) -> Result<Response<Body>, RegistryError> {
        self.retrying(|| self.authorized(call))
    }

    /// Tries something until it is answered with a status that will not change.
    pub(super) fn retrying(
        &self,
        mut attempt: impl FnMut() -> Result<Response<Body>, RegistryError>,
    ) -> Result<Response<Body>, RegistryError> {
        let mut failures = 0;
        loop {
            self.cancel.check()?;
            let outcome = attempt();
            failures += 1;
            let pause = match &outcome {
                Ok(response) if retry::is_transient(response.status().as_u16()) => {
                    asked_pause(response)
                }
                Err(RegistryError::Unreachable { .. })
                    if self.has_answered.load(Ordering::Relaxed) =>
                {
                    None
                }
                _ => return outcome,
            };
            if failures == retry::TRIES {
                return outcome;
            }
            match (pause, outcome) {
                (Some(pause), Ok(response)) if pause > retry::LONGEST_ASKED => {
                    let (host, seconds) = (self.host.clone(), pause.as_secs());
                    return Err(RegistryError::TooMany { host, seconds, reason: words(response) });
                }
                (_, outcome) => drop(outcome),
            }
            self.cancel.wait(pause.unwrap_or_else(|| retry::pause(failures)))?;
        }
    }

    /// Sends a request once, with what authorization it needs.
    pub(super) fn authorized(&self, call: &Call<'_>) -> Result<Response<Body>, RegistryError> {
        let base = self.base()?;
        let known = |scope: &str| {
            let known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(scope).cloned()
        };
        let mut authorization = known(call.scope);
        let mut number = 0;
        loop {
            number += 1;
            let response = self.once(call, base, authorization.as_deref())?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            let headers = response.headers().get_all(WWW_AUTHENTICATE).iter();
            let challenges: Vec<_> = headers.filter_map(|value| value.to_str().ok()).collect();
            let challenge = challenge::parse(&challenges.join(", "));
            let repeated = challenge == Some(Challenge::Basic) && authorization.is_some();
            let Some(challenge) = challenge.filter(|_| !repeated && number < AUTHORIZATIONS) else {
                return Err(self.unauthorized(response));
            };
            authorization = Some(self.meet(&challenge, call.scope, authorization.as_ref())?);
        }
    }

    /// Meets a challenge, unless another thread has met it meanwhile.
    fn meet(
        &self,
        challenge: &Challenge,
        scope: &str,
        stale: Option<&String>,
    ) -> Result<String, RegistryError> {
        // Held while a token is fetched: the other layers wait for the same one.
        let mut known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(scope) {
            Some(fresh) if Some(fresh) != stale => return Ok(fresh.clone()),
            _ => {}
        }
        let authorization = match challenge {
            Challenge::Basic => match &self.login {
                Some(Login::Password { name, secret }) => token::basic(name, secret),
                _ => {
                    return Err(RegistryError::Unauthorized {
                        host: self.host.clone(),
                        has_login: self.login.is_some(),
                        reason: "it wants a name and a password".to_owned(),
                    });
                }
            },
            Challenge::Bearer { realm, service, scope: named } => {
                let scopes = token::joined(scope, named.as_deref().unwrap_or_default());
                let token = token::fetch(self, realm, service.as_deref(), &scopes)?;
                format!("Bearer {token}")
            }
        };
        known.insert(scope.to_owned(), authorization.clone());
        Ok(authorization)
    }

    /// Sends a request and follows where it is sent to. Who is told the authorization is decided here and not by the client, for which one host
    /// is the same on every port.
    fn once(
        &self,
        call: &Call<'_>,
        base: &str,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, RegistryError> {
        let mut address = whole(base, call.target);
        let may_follow = call.method == Method::GET || call.method == Method::HEAD;
        for _ in 0..MOST_REDIRECTS {
            let authorization = authorization.filter(|_| is_below(&address, base));
            let response = self.exchange(call, &address, authorization)?;
            let is_elsewhere = may_follow && response.status().is_redirection();
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            match location.filter(|_| is_elsewhere) {
                Some(location) => address = beside(&address, location),
                None => return Ok(response),
            }
        }
        Err(self.failed(ureq::Error::TooManyRedirects))
    }

    fn exchange(
        &self,
        call: &Call<'_>,
        address: &str,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, RegistryError> {
        let mut request = Request::builder().method(&call.method).uri(address);
        for (name, value) in call.headers {
            request = request.header(name, *value);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let outcome = match call.payload {
            Payload::None => run(&self.agent, request.body(SendBody::none())),
            Payload::Bytes(bytes) => run(&self.agent, request.body(bytes)),
            Payload::Part { open, from, length } => {
                let stream = open(from).map_err(|error| self.failed(ureq::Error::Io(error)))?;
                let mut stream = stream.take(length);
                let request = request.header(CONTENT_LENGTH, length);
                run(&self.agent, request.body(SendBody::from_reader(&mut stream)))
            }
        };
        let response = outcome.map_err(|error| self.failed(error))?;
        self.has_answered.store(true, Ordering::Relaxed);
        Ok(response)
    }

    /// Gives scheme and host. One that may be plain is asked with TLS first.
    fn base(&self) -> Result<&str, RegistryError> {
        if let Some(base) = self.base.get() {
            return Ok(base);
        }
        let ask = |scheme: &str| {
            let base = format!("{scheme}://{}", self.host);
            match self.agent.get(format!("{base}/v2/")).call() {
                Ok(_any_answer) => Ok(base),
                Err(error) => Err(error),
            }
        };
        let refused = |error: &ureq::Error| matches!(error, ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused);
        let found = match ask("https") {
            Err(error) if self.may_be_plain && !refused(&error) => ask("http"),
            other => other,
        };
        let found = found.map_err(|error| self.failed(error))?;
        self.has_answered.store(true, Ordering::Relaxed);
        Ok(self.base.get_or_init(|| found))
    }

    /// Takes it for known how the host is spoken to.
    pub(super) fn assume(&self, scheme: &str) {
        let _known_already = self.base.set(format!("{scheme}://{}", self.host));
    }

    /// Gives scheme and host if they are known.
    pub(super) fn known_base(&self) -> Option<&str> {
        self.base.get().map(String::as_str)
    }
}

/// Reads how long a host wants to be left alone.
fn asked_pause(response: &Response<Body>) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    retry::asked(header, Timestamp::now())
}

fn run(
    agent: &Agent,
    request: ureq::http::Result<Request<impl ureq::AsSendBody>>,
) -> Result<Response<Body>, ureq::Error> {
    agent.run(request?)
}
