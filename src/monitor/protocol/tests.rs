//! Round trips, wrong orders, garbage and torn frames.

use proptest::prelude::*;

use super::*;

fn frame(message: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes).unwrap();
    bytes
}

fn decoded<M: Message>(bytes: &[u8]) -> Result<Option<M>, ProtocolError> {
    let mut decoder = Decoder::default();
    decoder.feed(bytes);
    decoder.next()
}

fn requests() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Attach),
        Just(Request::Wait),
        Just(Request::CloseStdin),
        any::<i32>().prop_map(Request::Signal),
        any::<(u16, u16)>()
            .prop_map(|(columns, rows)| Request::Resize(WindowSize { columns, rows })),
        proptest::collection::vec(any::<u8>(), 1..300).prop_map(Request::Stdin),
        (any::<Vec<String>>(), any::<Option<String>>(), any::<bool>()).prop_map(
            |(args, user, tty)| {
                Request::Exec(ExecRequest { args, user, tty, ..ExecRequest::default() })
            }
        ),
    ]
}

fn replies() -> impl Strategy<Value = Reply> {
    prop_oneof![
        Just(Reply::Done),
        any::<bool>().prop_map(|terminal| Reply::Joined { terminal }),
        proptest::collection::vec(any::<u8>(), 1..300).prop_map(Reply::Stdout),
        proptest::collection::vec(any::<u8>(), 1..300).prop_map(Reply::Stderr),
        any::<(i32, Option<i32>, bool, Option<String>)>().prop_map(|(code, signal, oom, error)| {
            Reply::Exited(Exit { code, signal, oom, error })
        }),
        any::<(String, i32)>()
            .prop_map(|(message, exit_code)| Reply::Failed(StartFailure { message, exit_code })),
    ]
}

/// Feeds `bytes` in pieces of `step` and collects what comes out.
fn in_pieces<M: Message>(bytes: &[u8], step: usize) -> Result<Vec<M>, ProtocolError> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for piece in bytes.chunks(step) {
        decoder.feed(piece);
        while let Some(message) = decoder.next()? {
            found.push(message);
        }
    }
    decoder.finish()?;
    Ok(found)
}

proptest! {
    #[test]
    fn requests_come_out_as_they_went_in(
        sent in proptest::collection::vec(requests(), 0..8), step in 1_usize..200,
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(frame).collect();
        prop_assert_eq!(in_pieces::<Request>(&bytes, step).unwrap(), sent);
    }

    #[test]
    fn replies_come_out_as_they_went_in(
        sent in proptest::collection::vec(replies(), 0..8), step in 1_usize..200,
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(frame).collect();
        prop_assert_eq!(in_pieces::<Reply>(&bytes, step).unwrap(), sent);
    }

    #[test]
    fn garbage_is_an_error_or_nothing_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), step in 1_usize..50,
    ) {
        drop(in_pieces::<Request>(&bytes, step));
        drop(in_pieces::<Reply>(&bytes, step));
        drop(in_pieces::<Report>(&bytes, step));
    }
}

#[test]
fn a_frame_that_is_too_long_or_unknown_is_refused_by_its_header() {
    let header = |kind: u8, length: u32| {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes
    };
    assert_eq!(
        decoded::<Request>(&header(0, 1 + (1 << 20))),
        Err(ProtocolError::Oversized(1 + (1 << 20)))
    );
    assert_eq!(
        decoded::<Request>(&header(1, u32::MAX)),
        Err(ProtocolError::Oversized(usize::try_from(u32::MAX).unwrap()))
    );
    assert_eq!(decoded::<Request>(&header(2, 0)), Err(ProtocolError::Kind(2)));
    assert_eq!(decoded::<Report>(&header(1, 0)), Err(ProtocolError::Kind(1)));
    assert_eq!(decoded::<Reply>(&header(2, 9)), Ok(None));
}

#[test]
fn a_message_that_cannot_be_read_is_named() {
    let mut bytes = vec![0, 4, 0, 0, 0];
    bytes.extend_from_slice(b"nope");
    assert!(matches!(decoded::<Reply>(&bytes), Err(ProtocolError::Garbled(_))));
    // The name of a stream is no message.
    let mut bytes = vec![0, 7, 0, 0, 0];
    bytes.extend_from_slice(b"\"Stdin\"");
    assert!(matches!(decoded::<Request>(&bytes), Err(ProtocolError::Garbled(_))));
}

#[test]
fn a_torn_frame_is_seen_at_the_end() {
    let bytes = frame(&Reply::Done);
    for length in 0..bytes.len() {
        let mut decoder = Decoder::default();
        decoder.feed(&bytes[..length]);
        assert_eq!(decoder.next::<Reply>(), Ok(None));
        let whole = length == 0;
        assert_eq!(decoder.finish().is_ok(), whole, "{length}");
    }
}

#[test]
fn long_output_becomes_several_frames() {
    let bytes = vec![7; LARGEST_CHUNK * 2 + 1];
    let mut out = Vec::new();
    encode_output(true, &bytes, &mut out);
    let frames: Vec<Reply> = in_pieces(&out, 1000).unwrap();
    let lengths: Vec<usize> = frames
        .iter()
        .map(|frame| match frame {
            Reply::Stderr(bytes) => bytes.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lengths, [LARGEST_CHUNK, LARGEST_CHUNK, 1]);
}

#[test]
fn each_wrong_order_is_refused() {
    let exec = || Request::Exec(ExecRequest::default());
    let size = || Request::Resize(WindowSize { columns: 1, rows: 1 });
    let stdin = || Request::Stdin(vec![1]);
    for (stage, request, next) in [
        (Stage::Idle, Request::Attach, Some(Stage::Streaming)),
        (Stage::Idle, exec(), Some(Stage::Streaming)),
        (Stage::Idle, Request::Wait, Some(Stage::Waiting)),
        (Stage::Idle, Request::Signal(15), Some(Stage::Idle)),
        (Stage::Idle, stdin(), None),
        (Stage::Idle, Request::CloseStdin, None),
        (Stage::Idle, size(), None),
        (Stage::Waiting, Request::Signal(9), Some(Stage::Waiting)),
        (Stage::Waiting, Request::Wait, None),
        (Stage::Waiting, Request::Attach, None),
        (Stage::Waiting, exec(), None),
        (Stage::Waiting, stdin(), None),
        (Stage::Streaming, stdin(), Some(Stage::Streaming)),
        (Stage::Streaming, size(), Some(Stage::Streaming)),
        (Stage::Streaming, Request::CloseStdin, Some(Stage::Streaming)),
        (Stage::Streaming, Request::Attach, None),
        (Stage::Streaming, Request::Signal(1), None),
        (Stage::Streaming, exec(), None),
        (Stage::Streaming, Request::Wait, None),
    ] {
        assert_eq!(stage.after(&request).ok(), next, "{stage:?} {}", request.name());
    }
}
