//! HTTP/2: streams, windows and floods. After each a normal call works.

use std::time::{Duration, Instant};

use mcp_tests::http2::{Frame, Http2, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, fields, flag, kind};
use mcp_tests::process::eventually;
use serde_json::json;

use crate::Fixture;

/// RFC 9113, section 7.
const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

fn is_pong(answer: &Result<String, u32>) -> bool {
    answer.as_ref().is_ok_and(|body| body.contains("pong"))
}

#[test]
fn one_connection_carries_many_calls_and_large_answers_are_whole() {
    let fixture = Fixture::start("[tools.bulk]\nmax_output = \"1MiB\"");
    let mut connection = Http2::open(fixture.serving.address, &[(INITIAL_WINDOW_SIZE, 1 << 24)]);
    connection.send(&[Frame::window(0, 1 << 24)]).unwrap();
    let ping = fixture.request_for("ping", json!({}));
    for stream in [1, 3, 5] {
        assert!(is_pong(&connection.call(stream, &ping)));
    }
    let bulk = fixture.request_for("bulk", json!({"bytes": 300_000}));
    assert!(connection.call(7, &bulk).unwrap().contains(&"x".repeat(300_000)));
}

#[test]
fn streams_are_bounded() {
    let fixture = Fixture::start("[http]\nhttp2_streams = 2");
    let mut connection = Http2::open(fixture.serving.address, &[]);
    let settings = connection.receive_kind(kind::SETTINGS).unwrap();
    assert_eq!(settings.setting(MAX_CONCURRENT_STREAMS), Some(2));
    let wait = fixture.request_for("wait", json!({"milliseconds": 1000}));
    // The server may refuse once the client has said that it knows the bound.
    connection.send(&Frame::request(1, &wait)).unwrap();
    eventually("the tool runs", || fixture.site.trace().len() == 1);
    for stream in [3, 5] {
        connection.send(&Frame::request(stream, &wait)).unwrap();
    }
    assert_eq!(connection.answer(5), Err(REFUSED_STREAM));
    assert!(connection.answer(3).unwrap().contains("waited"), "the others go on");
    assert!(is_pong(&connection.call(7, &fixture.request_for("ping", json!({})))));
}

#[test]
fn heads_have_a_size() {
    let fixture = Fixture::start("[http]\nhead_size = \"8KiB\"");
    let mut connection = Http2::open(fixture.serving.address, &[]);
    let ping = fixture.request_for("ping", json!({}));
    assert!(is_pong(&connection.call(1, &ping)));
    // An answer with the status 431, or a reset: in any case no call.
    let refused = connection.call(3, &ping.clone().with("x-padding", &"x".repeat(9000)));
    assert!(!is_pong(&refused), "{refused:?}");
    assert_eq!(fixture.audit().wait_for(1)["outcome"], "OK");
    fixture.assert_alive();
    assert_eq!(fixture.audit().wait_for(2)["outcome"], "OK");
}

#[test]
fn rapid_reset_ends_the_connection() {
    let fixture = Fixture::start("");
    let ping = fixture.request_for("ping", json!({}));
    let mut other = Http2::open(fixture.serving.address, &[]);
    assert!(is_pong(&other.call(1, &ping)));
    let mut rude = Http2::open(fixture.serving.address, &[]);
    for burst in 0..100 {
        let streams = (0..50).map(|n| 1 + 2 * (burst * 50 + n));
        let frames: Vec<_> = streams
            .flat_map(|stream| {
                let head = Frame::new(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, fields(&ping));
                [head, Frame::reset(stream)]
            })
            .collect();
        if rude.send(&frames).is_err() {
            break;
        }
    }
    // Where it is closed with frames unread, what was said before may be lost.
    assert!(matches!(rude.end(), Some(ENHANCE_YOUR_CALM | NO_ERROR) | None));
    assert!(is_pong(&other.call(3, &ping)), "others go on");
    fixture.assert_alive();
}

#[test]
fn who_gives_up_too_many_calls_is_sent_away() {
    let fixture = Fixture::start("[http]\nhttp2_resets = 3");
    let mut rude = Http2::open(fixture.serving.address, &[]);
    let wait = fixture.request_for("wait", json!({"milliseconds": 15_000}));
    let mut given_up = 0;
    let gone = |given_up: u32, rude: &mut Http2| {
        rude.send(&Frame::request(1 + 2 * given_up, &wait)).unwrap();
        eventually("it runs", || fixture.site.trace().len() == 2 * given_up as usize + 1);
        rude.send(&[Frame::reset(1 + 2 * given_up)]).unwrap();
        eventually("it is dropped", || fixture.site.trace().len() == 2 * given_up as usize + 2);
    };
    while given_up < 4 {
        gone(given_up, &mut rude);
        given_up += 1;
    }
    assert_eq!(rude.end(), Some(NO_ERROR));

    // Who is answered in between may give up as many again.
    let ping = fixture.request_for("ping", json!({}));
    let mut fair = Http2::open(fixture.serving.address, &[]);
    for round in 0..6 {
        let stream = 1 + 4 * round;
        let before = fixture.site.trace().len();
        fair.send(&Frame::request(stream, &wait)).unwrap();
        eventually("it runs", || fixture.site.trace().len() == before + 1);
        fair.send(&[Frame::reset(stream)]).unwrap();
        eventually("it is dropped", || fixture.site.trace().len() == before + 2);
        assert!(is_pong(&fair.call(stream + 2, &ping)));
    }
}

#[test]
fn a_head_without_an_end_ends_the_connection() {
    let fixture = Fixture::start("");
    let mut rude = Http2::open(fixture.serving.address, &[]);
    let head = fields(&fixture.request_for("ping", json!({})));
    rude.send(&[Frame::new(kind::HEADERS, flag::NONE, 1, head)]).unwrap();
    // A literal field, again and again.
    let more = [&[0, 1, b'a', 127, 129, 126][..], &[b'x'; 16_256]].concat();
    let mut sent = 0;
    while sent < 10_000 && rude.send(&[Frame::new(kind::CONTINUATION, flag::NONE, 1, more.clone())]).is_ok() {
        sent += 1;
    }
    assert!(sent < 10_000, "a head of 160 MB is taken");
    assert!(matches!(rude.end(), Some(ENHANCE_YOUR_CALM) | None));
    fixture.assert_alive();
}

#[test]
fn pings_and_settings_are_no_requests() {
    let fixture = Fixture::start("[http]\nidle_timeout = \"1s\"");
    let ping = fixture.request_for("ping", json!({}));
    for (is_polite, noise) in [
        (true, Frame::new(kind::PING, flag::NONE, 0, [7; 8])),
        (false, Frame::new(kind::PING, flag::NONE, 0, [7; 8])),
        (false, Frame::settings(&[(INITIAL_WINDOW_SIZE, 70_000)])),
    ] {
        let mut connection = Http2::open(fixture.serving.address, &[]);
        connection.is_polite = is_polite;
        assert!(is_pong(&connection.call(1, &ping)));
        let began = Instant::now();
        // It says something all the time, and reads.
        let mut said_goodbye = false;
        while connection.send(std::slice::from_ref(&noise)).is_ok() {
            let Some(frame) = connection.receive() else { break };
            said_goodbye |= frame.kind == kind::GOAWAY;
            assert!(began.elapsed() < Duration::from_secs(10), "it stays open");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(said_goodbye, "a client is told: {noise:?}");
        assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
    }
    fixture.assert_alive();
}

#[test]
fn a_flood_of_settings_harms_nobody() {
    let fixture = Fixture::start("[http]\nwrite_timeout = \"1s\"\nidle_timeout = \"2s\"");
    let mut rude = Http2::open(fixture.serving.address, &[]);
    let flood = vec![Frame::settings(&[(INITIAL_WINDOW_SIZE, 70_000)]); 1000];
    let began = Instant::now();
    // It reads nothing of what is acknowledged.
    while rude.send(&flood).is_ok() && began.elapsed() < Duration::from_secs(10) {
        fixture.assert_alive();
    }
    assert!(began.elapsed() < Duration::from_secs(10), "it is not ended");
    fixture.assert_alive();
}

#[test]
fn a_stream_without_a_window_is_reset_and_the_others_go_on() {
    let fixture = Fixture::start("[http]\nwrite_timeout = \"700ms\"");
    for window in [0, 100, 1000, 20_000] {
        let mut connection = Http2::open(fixture.serving.address, &[(INITIAL_WINDOW_SIZE, window)]);
        let bulk = fixture.request_for("bulk", json!({"bytes": 60_000}));
        let began = Instant::now();
        connection.send(&Frame::request(1, &bulk)).unwrap();
        assert_eq!(connection.answer(1), Err(CANCEL), "a window of {window}");
        assert!(began.elapsed() > Duration::from_millis(600), "{:?}", began.elapsed());
        // Another stream of the same connection has one.
        connection.send(&Frame::request(3, &fixture.request_for("ping", json!({})))).unwrap();
        connection.send(&[Frame::window(3, 10_000)]).unwrap();
        assert!(is_pong(&connection.answer(3)), "a window of {window}");
    }
    // A client that opens its window now and then is slow, and served.
    let fixture = Fixture::start("[http]\nwrite_timeout = \"3s\"");
    let mut slow = Http2::open(fixture.serving.address, &[(INITIAL_WINDOW_SIZE, 0)]);
    slow.send(&Frame::request(1, &fixture.request_for("bulk", json!({"bytes": 60_000})))).unwrap();
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(900));
        slow.send(&[Frame::window(1, 15_000)]).unwrap();
    }
    assert!(slow.answer(1).unwrap().contains(&"x".repeat(60_000)));
}
