//! A proxy that breaks things on the way to a registry, and counts what it lets through. One request for each connection.

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

/// A request as it comes by.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    headers: Vec<(String, String)>,
    /// The body, of a form.
    pub(super) form: String,
    /// Which request it is, from 1.
    pub(super) number: usize,
    /// How many bytes of its body, or of the answer's, came through.
    pub(super) moved: u64,
}

impl Request {
    /// Gives a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Tells whether it asks for the bytes of a blob.
    pub(super) fn is_blob(&self) -> bool {
        self.method == "GET" && self.path.contains("/blobs/sha256:")
    }
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It goes through.
    Pass,
    /// The answer's body is cut off after so many bytes.
    Cut(u64),
    /// The request's body is cut off after so many bytes.
    CutUpload(u64),
    /// The answer says that it is this long, and is.
    Shorten(u64),
    /// The byte at this place of the answer's body is another one.
    Swap(u64),
    /// It is not passed on, but answered with a status, and headers.
    Answer(u16, String),
    /// As [`Fate::Answer`], with a body.
    Explain(u16, String, String),
    /// As [`Fate::Answer`] with 200, with a body.
    Say(Vec<u8>, String),
    /// The answer comes byte by byte until the end of the test.
    Stall,
}

/// A proxy that runs until it is dropped.
pub(super) struct Proxy {
    /// `host:port`.
    pub(super) address: String,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

type Decide = dyn Fn(&Request) -> Fate + Send + Sync;

struct Shared {
    upstream: String,
    decide: Box<Decide>,
    seen: Mutex<Vec<Request>>,
    is_over: AtomicBool,
}

impl Proxy {
    /// Starts a proxy; `decide` says what happens to each request.
    pub(super) fn start(
        upstream: &str,
        decide: impl Fn(&Request) -> Fate + Send + Sync + 'static,
    ) -> Self {
        Self::start_at(0, upstream, decide)
    }

    /// Starts a proxy on this port.
    pub(super) fn start_at(
        port: u16,
        upstream: &str,
        decide: impl Fn(&Request) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            decide: Box::new(decide),
            seen: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let all = Arc::clone(&shared);
        let listener = thread::spawn(move || {
            for client in listener.incoming() {
                if all.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let all = Arc::clone(&all);
                // A client that goes away is no failure here.
                thread::spawn(move || drop(client.and_then(|client| all.serve(client))));
            }
        });
        Self { address, shared, listener: Some(listener) }
    }

    /// Gives the requests so far.
    pub(super) fn seen(&self) -> Vec<Request> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Sums the bytes of blobs that came through.
    pub(super) fn blob_bytes(&self) -> u64 {
        self.seen().iter().filter(|request| request.is_blob()).map(|request| request.moved).sum()
    }

    /// Gives a name in the registry behind it.
    pub(super) fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
        drop(self.listener.take().map(JoinHandle::join));
    }
}

impl Shared {
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let (first, headers) = head(&mut reader)?;
        let mut words = first.split(' ');
        let mut request = Request {
            method: words.next().unwrap_or_default().to_owned(),
            path: words.next().unwrap_or_default().to_owned(),
            headers,
            ..Request::default()
        };
        // The hello of TLS is no request, and no answer to it is right.
        if !first.contains(" HTTP/1.") {
            return Ok(());
        }
        if request.header("content-type").is_some_and(|kind| kind.contains("form-urlencoded")) {
            reader.by_ref().take(length_of(&request)).read_to_string(&mut request.form)?;
        }
        request.number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(request.clone());
            let number = seen.len();
            seen[number - 1].number = number;
            number
        };
        let fate = (self.decide)(&request);
        let mut client = client;
        match &fate {
            Fate::Answer(status, headers) => {
                // What was on its way is read first: an answer can be lost behind a reset.
                skip_body(&request, &mut reader)?;
                return write!(
                    client,
                    "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n"
                );
            }
            Fate::Explain(status, body, headers) => {
                let length = body.len();
                skip_body(&request, &mut reader)?;
                return write!(
                    client,
                    "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
                );
            }
            Fate::Say(body, headers) => {
                let length = body.len();
                write!(
                    client,
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
                )?;
                return if request.method == "HEAD" { Ok(()) } else { client.write_all(body) };
            }
            _ => {}
        }
        self.pass(&request, &fate, (&mut reader, &mut client))
    }

    fn pass(
        &self,
        request: &Request,
        fate: &Fate,
        (reader, client): (&mut BufReader<TcpStream>, &mut TcpStream),
    ) -> io::Result<()> {
        let mut upstream = TcpStream::connect(&self.upstream)?;
        let mut head_out = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
        for (name, value) in &request.headers {
            if !name.eq_ignore_ascii_case("connection") {
                write!(head_out, "{name}: {value}\r\n").unwrap();
            }
        }
        upstream.write_all(format!("{head_out}Connection: close\r\n\r\n").as_bytes())?;
        let length = length_of(request);
        let limit = if let Fate::CutUpload(most) = fate { length.min(*most) } else { length };
        let mut body = reader.take(limit);
        self.copy(request, &mut body, &mut upstream, None)?;
        if limit < length {
            upstream.shutdown(std::net::Shutdown::Both)?;
            return client.shutdown(std::net::Shutdown::Both);
        }
        let mut answer = BufReader::new(upstream);
        let (first, headers) = head(&mut answer)?;
        let mut head_back = format!("{first}\r\n");
        for (name, value) in &headers {
            let value = match fate {
                Fate::Shorten(length) if name.eq_ignore_ascii_case("content-length") => {
                    length.to_string()
                }
                _ => value.clone(),
            };
            if !name.eq_ignore_ascii_case("connection") {
                write!(head_back, "{name}: {value}\r\n").unwrap();
            }
        }
        client.write_all(format!("{head_back}Connection: close\r\n\r\n").as_bytes())?;
        let most = match fate {
            Fate::Cut(most) | Fate::Shorten(most) => *most,
            Fate::Stall => 1000,
            _ => u64::MAX,
        };
        let swap = if let Fate::Swap(place) = fate { Some(*place) } else { None };
        self.copy(request, &mut answer.take(most), client, swap)?;
        if let Fate::Stall = fate {
            // Until the client has enough of it.
            let _gone = client.read(&mut [0]);
        }
        Ok(())
    }

    fn copy(
        &self,
        request: &Request,
        from: &mut dyn io::Read,
        to: &mut TcpStream,
        swap: Option<u64>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        let mut at = 0;
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            if let Some(place) = swap.and_then(|place| place.checked_sub(at))
                && place < count as u64
            {
                buffer[usize::try_from(place).unwrap()] ^= 0x55;
            }
            to.write_all(&buffer[..count])?;
            at += count as u64;
            self.seen.lock().unwrap()[request.number - 1].moved = at;
        }
    }
}

/// Reads the first line and the headers.
fn head(reader: &mut BufReader<TcpStream>) -> io::Result<(String, Vec<(String, String)>)> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    let first = String::from_utf8_lossy(&line).trim_end().to_owned();
    let mut headers = Vec::new();
    while first.contains("HTTP/1.") {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    Ok((first, headers))
}

/// Gives how long its body is.
fn length_of(request: &Request) -> u64 {
    request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn skip_body(request: &Request, reader: &mut BufReader<TcpStream>) -> io::Result<()> {
    io::copy(&mut reader.take(length_of(request)), &mut io::sink()).map(drop)
}
