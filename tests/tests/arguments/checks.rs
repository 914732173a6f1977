//! Checks of a tool's own, in the same list as everything else that is wrong.

#![allow(clippy::trivially_copy_pass_by_ref, clippy::unused_async)] // what checks and guards are

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_runtime::error::Denied;
use mcp_runtime::testing::Client;
use mcp_runtime::{Caller, CheckError, Json, server};
use mcp_tests::log::Log;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::violations;

#[derive(Deserialize, schemars::JsonSchema)]
struct Line {
    item: u32,
    count: u32,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Page {
    offset: u32,
}

struct Shop(Arc<AtomicUsize>);

mod rules {
    pub(crate) fn even(number: &u32) -> Result<(), String> {
        match number {
            13 => panic!("row 13 of prices"),
            number if number % 2 == 0 => Ok(()),
            _ => Err("must be even".to_owned()),
        }
    }
}

/// Takes what a reference to the argument becomes.
fn known(country: &str) -> Result<(), &'static str> {
    if country == "Atlantis" { Err("is no country\u{202e} any more") } else { Ok(()) }
}

fn sold(lines: &[Line]) -> Result<(), CheckError> {
    match lines.iter().position(|line| line.item > 900) {
        Some(index) => Err(CheckError::new("is no longer sold").at(format!("/{index}/item"))),
        None => Ok(()),
    }
}

fn not_far(page: &Page) -> Result<(), CheckError> {
    if page.offset > 1000 { Err(CheckError::new("is too far").at("/offset")) } else { Ok(()) }
}

async fn may(_: &Caller, _: &u32, from: &u32, _: &u32) -> Result<(), Denied> {
    if *from == 666 { Err(Denied::because("not for you")) } else { Ok(()) }
}

#[server(name = "shop", unlimited)]
impl Shop {
    fn in_order(_: &u32, from: &u32, until: &u32) -> Result<(), CheckError> {
        if from <= until { Ok(()) } else { Err(CheckError::new("must not be below `from`").at("/until")) }
    }

    /// Prices of a range.
    #[tool(any_caller, rate = inherit, check = Self::in_order, guard = may, cost = 100 / until)]
    async fn prices(
        &self,
        #[arg(check = rules::even)] step: u32,
        #[arg(check = rules::even, range(..=1000))] from: u32,
        until: u32,
    ) -> Json<u32> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Json(step + from + until)
    }

    /// Orders.
    #[tool(any_caller, rate = inherit)]
    fn order(
        &self,
        #[arg(check = known)] country: String,
        #[arg(check = sold)] lines: Vec<Line>,
        note: Option<String>,
    ) -> Json<Value> {
        Json(json!([country, lines.iter().map(|line| line.count).sum::<u32>(), note]))
    }

    /// A page.
    #[tool(any_caller, rate = inherit)]
    async fn paged(&self, #[arg(flatten, check = not_far)] page: Page) -> Json<u32> {
        Json(page.offset)
    }
}

fn client() -> (Client, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    (Client::new(Shop(Arc::clone(&calls))).unwrap(), calls)
}

fn violation(pointer: &str, message: &str) -> (String, String, String) {
    (pointer.to_owned(), "check".to_owned(), message.to_owned())
}

#[tokio::test]
async fn a_check_lets_through() {
    let (client, calls) = client();
    let answer = client.call("prices", json!({"step": 2, "from": 4, "until": 5})).await.unwrap();
    assert_eq!(answer.json(), json!({"result": 11}));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let answer = client.call("order", json!({"country": "Kenya", "lines": [{"item": 1, "count": 2}]})).await.unwrap();
    assert_eq!(answer.json()["result"], json!(["Kenya", 2, null]));
}

#[tokio::test]
async fn all_checks_answer_at_once() {
    let (client, calls) = client();
    assert_eq!(
        violations(&client, "prices", json!({"step": 3, "from": 5, "until": 0})).await,
        [
            violation("/step", "must be even"),
            violation("/from", "must be even"),
            violation("/until", "must not be below `from`"),
        ],
        "and the cost, which would divide by zero, is not asked"
    );
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_check_says_where_below_its_argument() {
    let (client, _) = client();
    let lines = json!([{"item": 1, "count": 1}, {"item": 901, "count": 1}]);
    assert_eq!(
        violations(&client, "order", json!({"country": "Atlantis", "lines": lines})).await,
        [violation("/country", "is no country any more"), violation("/lines/1/item", "is no longer sold")]
    );
    assert_eq!(violations(&client, "paged", json!({"offset": 1001})).await, [violation("/offset", "is too far")]);
}

#[tokio::test]
async fn the_schema_comes_before_and_the_guard_after() {
    let (client, calls) = client();
    // What breaks the schema is not shown to a check.
    let found = violations(&client, "prices", json!({"step": 13, "from": 1001, "until": 1})).await;
    assert_eq!(found.iter().map(|(_, keyword, _)| keyword.as_str()).collect::<Vec<_>>(), ["maximum"]);
    // The guard would say no.
    assert_eq!(
        violations(&client, "prices", json!({"step": 3, "from": 666, "until": 700})).await,
        [violation("/step", "must be even")]
    );
    let error = client.call("prices", json!({"step": 2, "from": 666, "until": 700})).await.unwrap_err();
    assert_eq!(error.code(), "PERMISSION_DENIED");
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_panic_in_a_check_is_never_a_pass() {
    let (client, calls) = client();
    let log = Log::start();
    let error = client.call("prices", json!({"step": 13, "from": 2, "until": 3})).await.unwrap_err();
    assert_eq!(error.code(), "INTERNAL");
    assert!(!error.json().to_string().contains("prices"), "{}", error.json());
    assert_eq!(log.causes(), ["the tool panicked: row 13 of prices"]);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}
