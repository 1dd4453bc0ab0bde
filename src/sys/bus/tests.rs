//! A bus of ours at the other end of a socket pair.

use std::thread::{self, JoinHandle};

use super::{
    message::other_side::{Heard, sent},
    *,
};

/// What the other side does about a call: it may send anything.
type Answer<'a> = &'a mut dyn FnMut(&Heard) -> Vec<Vec<u8>>;

/// Serves one connection until its end; gives the names of the methods that were called.
pub(crate) fn serve(mut stream: UnixStream, answer: Answer<'_>) -> Vec<String> {
    let mut zero = [1];
    stream.read_exact(&mut zero).unwrap();
    assert_eq!(zero, [0]);
    let mut bus = Bus { stream, serial: 0, signals: VecDeque::new() };
    for (expected, said) in [("AUTH EXTERNAL", "DATA\r\n"), ("DATA", "OK 0123\r\n"), ("BEGIN", "")]
    {
        assert_eq!(bus.line().unwrap(), expected);
        bus.stream.write_all(said.as_bytes()).unwrap();
    }
    let mut called = Vec::new();
    loop {
        let mut bytes = vec![0; FIXED];
        if bus.stream.read_exact(&mut bytes).is_err() {
            return called;
        }
        bytes.resize(beginning(&bytes).unwrap(), 0);
        bus.stream.read_exact(&mut bytes[FIXED..]).unwrap();
        let heard = Heard::of(bytes);
        for message in answer(&heard) {
            bus.stream.write_all(&message).unwrap();
        }
        called.push(heard.member);
    }
}

/// Answers a call.
pub(crate) fn reply(heard: &Heard, body: &(impl Serialize + DynamicType)) -> Vec<u8> {
    sent(2, heard.serial, "", body)
}

/// Sends a signal.
pub(crate) fn signal(name: &str, body: &(impl Serialize + DynamicType)) -> Vec<u8> {
    sent(4, 0, name, body)
}

/// Refuses a call.
pub(crate) fn refusal(heard: &Heard, name: &str) -> Vec<u8> {
    sent(3, heard.serial, name, &("it cannot be",))
}

/// Begins a bus; what it gives at its end are the names of the methods that were called.
pub(crate) fn bus(
    mut answer: impl FnMut(&Heard) -> Vec<Vec<u8>> + Send + 'static,
) -> (UnixStream, JoinHandle<Vec<String>>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (ours, thread::spawn(move || serve(theirs, &mut answer)))
}

const METHOD: Call<'static> =
    Call { destination: "org.example", path: "/a", interface: "org.example.A", member: "Ask" };

#[test]
fn a_call_is_answered_and_signals_are_not_lost() {
    let (stream, other) = bus(|heard| match heard.member.as_str() {
        "Ask" => {
            assert_eq!(heard.signature, "sa(sv)");
            let (text, list): (String, Vec<(String, zvariant::OwnedValue)>) = heard.read();
            assert_eq!((text.as_str(), list.len()), ("question", 1));
            vec![
                signal("Other", &(7_u32,)),
                signal("Done", &(8_u32, "no")),
                sent(2, heard.serial + 100, "", &("of another",)),
                reply(heard, &("answer", 42_u32)),
                signal("Done", &(9_u32, "yes")),
            ]
        }
        _ => vec![reply(heard, &(":1.7",))],
    });
    let mut bus = Bus::over(stream).unwrap();
    let properties = vec![("Delegate", zvariant::Value::from(true))];
    let answer = bus.call(&METHOD, &("question", properties)).unwrap();
    assert_eq!(answer.read::<(String, u32)>().unwrap(), ("answer".to_owned(), 42));
    assert!(answer.read::<(Vec<String>,)>().is_err());
    let found =
        bus.await_signal("Done", |(number, text): (u32, String)| (text == "yes").then_some(number));
    assert_eq!(found.unwrap(), 9);
    drop(bus);
    assert_eq!(other.join().unwrap(), ["Hello", "Ask"]);
}

#[test]
fn a_refusal_has_its_name_and_its_words() {
    let (stream, other) = bus(|heard| match heard.member.as_str() {
        "Ask" => vec![refusal(heard, "org.example.No")],
        _ => vec![reply(heard, &(":1.7",))],
    });
    let mut bus = Bus::over(stream).unwrap();
    let error = bus.call(&METHOD, &()).unwrap_err();
    assert!(error.is("org.example.No") && !error.is("org.example.Yes"));
    assert_eq!(error.to_string(), "it cannot be (org.example.No)");
    drop(bus);
    other.join().unwrap();
}

#[test]
fn a_bus_that_talks_nonsense_or_goes_is_an_error() {
    for words in [&b"REJECTED EXTERNAL\r\n"[..], b"DATA\r\nOK 0\r\nB234567890123456789012345", b""]
    {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(words).unwrap();
        let reader = thread::spawn(move || {
            // It is read until it ends, so that writing does not fail first.
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            let mut heard = Vec::new();
            drop(theirs.read_to_end(&mut heard));
        });
        assert!(Bus::over(ours).is_err(), "{words:?}");
        reader.join().unwrap();
    }
}
