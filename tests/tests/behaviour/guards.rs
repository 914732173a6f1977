//! A user's own check, asked last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mcp_runtime::error::Denied;
use mcp_runtime::testing::Client;
use mcp_runtime::{Caller, server};
use mcp_tests::log::Log;
use serde_json::json;

use crate::refused;

struct Guarded(Arc<AtomicBool>);

async fn may_pay(caller: &Caller, amount: &u32, to: &str) -> Result<(), Denied> {
    match (*amount, to) {
        (0..100, _) => Ok(()),
        (100..200, _) => Err(Denied::because(format!("{} may pay up to 99\u{202e}", caller.agent()))),
        (_, "nobody") => {
            // What `?` makes of any error.
            let missing: u32 = "row 17 of accounts".parse()?;
            Err(Denied::because(missing.to_string()))
        }
        (_, "panic") => panic!("table accounts is gone"),
        _ => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok(())
        }
    }
}

#[server(name = "guarded", rate = "1000/min")]
impl Guarded {
    /// Pays.
    #[tool(scope = "pay", rate = inherit, guard = may_pay, timeout = "1s", concurrency = 1)]
    async fn pay(&self, amount: u32, to: String) -> String {
        self.0.store(true, Ordering::Relaxed);
        format!("{amount} to {to}")
    }
}

fn client() -> (Client, Arc<AtomicBool>) {
    let reached = Arc::new(AtomicBool::new(false));
    (Client::new(Guarded(Arc::clone(&reached))).unwrap().agent("payer", ["pay"]).unwrap(), reached)
}

#[tokio::test(start_paused = true)]
async fn a_guard_lets_through() {
    let (client, reached) = client();
    assert_eq!(client.call("pay", json!({"amount": 7, "to": "carol"})).await.unwrap().text(), "7 to carol");
    assert!(reached.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_guard_denies_with_its_reason() {
    let (client, reached) = client();
    let error = refused(&client, "pay", json!({"amount": 150, "to": "carol"})).await;
    assert_eq!(
        error,
        json!({"code": "PERMISSION_DENIED", "message": "key:payer may pay up to 99", "retryable": false})
    );
    assert!(!reached.load(Ordering::Relaxed), "the server is not reached");
}

#[tokio::test(start_paused = true)]
async fn what_breaks_in_a_guard_denies_and_stays_in_the_log() {
    for (to, cause) in [
        ("nobody", "invalid digit found in string"),
        ("panic", "the guard panicked: table accounts is gone"),
        ("the end of time", "the guard did not answer in time"),
    ] {
        let log = Log::start();
        let (client, reached) = client();
        let error = refused(&client, "pay", json!({"amount": 1000, "to": to})).await;
        assert_eq!(error["code"], "PERMISSION_DENIED", "{to}");
        assert_eq!(error["message"], "this call is not allowed for you with these arguments", "{to}");
        assert_eq!(error["retryable"], false, "{to}");
        assert_eq!(error["correlation"].as_str().unwrap().len(), 32, "{to}");
        assert_eq!(log.causes(), [cause]);
        assert!(!reached.load(Ordering::Relaxed), "the server is not reached: {to}");
        // The place is given back.
        assert!(client.call("pay", json!({"amount": 7, "to": "carol"})).await.is_ok(), "{to}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guard_is_asked_for_valid_arguments_alone() {
    let (client, _) = client();
    let error = refused(&client, "pay", json!({"amount": -1, "to": "panic"})).await;
    assert_eq!(error["code"], "INVALID_ARGUMENTS");
    let stranger = client.agent("stranger", ["x"]).unwrap();
    let error = refused(&stranger, "pay", json!({"amount": 1000, "to": "panic"})).await;
    assert_eq!(error["required_scopes"], json!(["pay"]), "the scope comes first");
}
