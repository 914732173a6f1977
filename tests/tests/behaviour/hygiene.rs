//! What a model cannot be made to read: no invisible text, no terminal escapes, wherever a string stands.

use std::collections::BTreeMap;

use mcp_runtime::testing::Client;
use mcp_runtime::{Content, Json, ToolError, Trusted, Untrusted, server};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::refused;

/// A text with something hidden, and what is left of it.
const TEXTS: &[(&str, &str)] = &[
    ("a\u{202e}b\u{2066}c", "abc"),
    ("a\u{e0041}\u{e0042}b", "ab"),
    ("\u{1b}[31mred\u{1b}[0m", "red"),
    ("\u{9b}31mred", "red"),
    ("\u{1b}]8;;https://evil.example\u{7}link\u{1b}]8;;\u{7}", "link"),
    ("a\u{200b}b\u{2060}c\u{feff}d", "abcd"),
    ("nul\0bell\u{7}back\u{8}", "nulbellback"),
    ("a\r\nb\rc\td", "a\nb\nc\td"),
    ("v\u{fe0f}\u{fe00}\u{e0100}v", "vv"),
];

/// Text that only looks suspicious.
const KEPT: &[&str] = &["👩‍👩‍👧‍👦 ❤️", "می‌خواهم", "क्‍ष", "e\u{301}", "שלום", "naïve – “quoted”", "日本語"];

#[derive(Debug, thiserror::Error, ToolError)]
enum Failed {
    #[error("{0}")]
    Said(String),
}

#[derive(Serialize, JsonSchema)]
struct Everywhere {
    text: String,
    trusted: Trusted<String>,
    untrusted: Untrusted<String>,
    keys: BTreeMap<String, u8>,
    letter: char,
    list: Vec<Option<String>>,
}

struct Echo;

#[server(name = "echo", rate = "1000/min")]
impl Echo {
    /// As text.
    #[tool(any_caller, rate = inherit)]
    async fn text(&self, text: String) -> String {
        text
    }

    /// As a block.
    #[tool(any_caller, rate = inherit)]
    async fn block(&self, text: String) -> Content {
        Content::text(text)
    }

    /// As structured content.
    #[tool(any_caller, rate = inherit)]
    async fn structured(&self, text: String) -> Json<Everywhere> {
        Json(Everywhere {
            trusted: Trusted(text.clone()),
            untrusted: Untrusted(text.clone()),
            keys: BTreeMap::from([(text.clone(), 1)]),
            letter: text.chars().find(|c| c.is_alphanumeric()).unwrap_or('x'),
            list: vec![Some(text.clone()), None],
            text,
        })
    }

    /// As an error.
    #[tool(any_caller, rate = inherit)]
    async fn error(&self, text: String) -> Result<(), Failed> {
        Err(Failed::Said(text))
    }
}

fn client() -> Client {
    Client::new(Echo).unwrap()
}

#[tokio::test]
async fn nothing_hidden_is_left_anywhere() {
    for (text, clean) in TEXTS {
        let arguments = json!({"text": text});
        for tool in ["text", "block"] {
            assert_eq!(client().call(tool, arguments.clone()).await.unwrap().text(), *clean, "{tool} {text:?}");
        }
        let structured = client().call("structured", arguments.clone()).await.unwrap().json();
        for member in ["text", "trusted", "untrusted"] {
            assert_eq!(structured[member], *clean, "{member} {text:?}");
        }
        assert_eq!(structured["keys"], json!({*clean: 1}), "{text:?}");
        assert_eq!(structured["list"], json!([clean, null]), "{text:?}");
        let error = refused(&client(), "error", arguments).await;
        assert_eq!((&error["code"], &error["message"]), (&json!("SAID"), &json!(clean)), "{text:?}");
    }
}

#[tokio::test]
async fn what_real_text_needs_stays() {
    for text in KEPT {
        let arguments = json!({"text": text});
        assert_eq!(client().call("text", arguments.clone()).await.unwrap().text(), *text);
        assert_eq!(client().call("structured", arguments).await.unwrap().json()["text"], *text);
    }
}
