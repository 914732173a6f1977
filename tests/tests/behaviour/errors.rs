//! What a tool's own errors are to a caller: a code, a message, whether and when to try again.

use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::config::Config;
use mcp_runtime::gate::Tools;
use mcp_runtime::testing::Client;
use mcp_runtime::{ToolError, server};
use mcp_tests::log::Log;
use serde_json::{Value, json};

use crate::refused;

#[derive(Debug, thiserror::Error, ToolError)]
enum Derived {
    #[error("no customer has id {id}")]
    RecordNotFound { id: u32 },
    #[error("the warehouse is loading")]
    #[tool_error(retry_after = "30s")]
    WarehouseLoading,
    #[error("somebody else was faster")]
    #[tool_error(retryable, code = "CONFLICT")]
    Conflict,
    #[error("read {0:?}")]
    #[tool_error(internal)]
    Database(#[from] std::io::Error),
    #[error("that is no number: {0}")]
    #[tool_error(expose)]
    Number(#[from] std::num::ParseIntError),
    #[error("{0}")]
    Free(String),
}

struct Failing;

#[server(name = "failing", rate = "1000/min")]
impl Failing {
    /// Fails as it is told.
    #[tool(any_caller, rate = inherit)]
    async fn derived(&self, how: u8) -> Result<(), Derived> {
        match how {
            0 => Err(Derived::RecordNotFound { id: 7 }),
            1 => Err(Derived::WarehouseLoading),
            2 => Err(Derived::Conflict),
            3 => Err(std::io::Error::other("SELECT * FROM /srv/db"))?,
            4 => Err("x".parse::<u8>().unwrap_err())?,
            5 => Err(Derived::Free("bidi\u{202e} tag\u{e0041} \u{1b}[31mred\u{1b}[0m bell\u{7}".to_owned())),
            _ => Ok(()),
        }
    }

    /// Fails with errors of its own.
    #[tool(any_caller, rate = inherit, errors(
        NotFound { id: u32, place: String } = "nothing has id {id} in {place}",
        #[tool_error(retry_after = "1500ms")]
        Busy = "come back",
        #[tool_error(code = "GONE_FOR_GOOD")]
        Gone = "it is gone",
    ))]
    async fn generated(&self, how: u8) -> Result<(), GeneratedError> {
        match how {
            0 => Err(GeneratedError::NotFound { id: 7, place: "here".to_owned() }),
            1 => Err(GeneratedError::Busy),
            2 => Err(GeneratedError::Gone),
            3 => Err(std::io::Error::other("SELECT * FROM /srv/db"))?,
            4 => Err(Derived::RecordNotFound { id: 7 })?,
            5 => Err("just a text")?,
            _ => Ok(()),
        }
    }
}

fn client() -> Client {
    Client::new(Failing).unwrap()
}

#[tokio::test]
async fn a_derived_error_is_a_code_and_a_message() {
    for (how, expected) in [
        (0, json!({"code": "RECORD_NOT_FOUND", "message": "no customer has id 7", "retryable": false})),
        (
            1,
            json!({
                "code": "WAREHOUSE_LOADING", "message": "the warehouse is loading", "retryable": true,
                "retry_after_ms": 30_000,
            }),
        ),
        (2, json!({"code": "CONFLICT", "message": "somebody else was faster", "retryable": true})),
        (
            4,
            json!({
                "code": "NUMBER", "message": "that is no number: invalid digit found in string", "retryable": false,
            }),
        ),
        (5, json!({"code": "FREE", "message": "bidi tag red bell", "retryable": false})),
    ] {
        assert_eq!(refused(&client(), "derived", json!({"how": how})).await, expected);
    }
    assert!(client().call("derived", json!({"how": 9})).await.is_ok());
}

#[tokio::test]
async fn a_generated_error_is_a_code_and_a_message() {
    for (how, expected) in [
        (0, json!({"code": "NOT_FOUND", "message": "nothing has id 7 in here", "retryable": false})),
        (1, json!({"code": "BUSY", "message": "come back", "retryable": true, "retry_after_ms": 1500})),
        (2, json!({"code": "GONE_FOR_GOOD", "message": "it is gone", "retryable": false})),
    ] {
        assert_eq!(refused(&client(), "generated", json!({"how": how})).await, expected);
    }
}

#[tokio::test]
async fn an_internal_error_is_for_the_log_alone() {
    for (tool, how, cause) in [
        ("derived", 3, "SELECT * FROM /srv/db"),
        ("generated", 3, "SELECT * FROM /srv/db"),
        ("generated", 4, "no customer has id 7"),
        ("generated", 5, "just a text"),
    ] {
        let log = Log::start();
        let error = refused(&client(), tool, json!({"how": how})).await;
        assert_eq!(error["code"], "INTERNAL");
        assert_eq!(error["retryable"], false);
        assert_eq!(error["message"], "the tool failed; the operator finds the cause under the correlation id");
        assert_eq!(error.as_object().unwrap().len(), 4, "nothing else: {error}");
        let [failure] = &log.of("mcp_runtime::failure")[..] else { panic!("one line in the log") };
        assert!(failure.fields["cause"].contains(cause), "{tool} {how}: {failure:?}");
        assert_eq!(error["correlation"], failure.fields["correlation"].as_str());
    }
}

#[tokio::test]
async fn every_code_is_published_and_stands_as_a_constant() {
    let policy = |tool: &str| {
        let tools = Tools::of::<Failing>(&Config::default()).unwrap();
        let nobody = Caller::new(Agent::key("nobody").unwrap(), "x");
        let listed = tools.visible(&nobody, false).find(|listed| listed.name == tool).unwrap();
        serde_json::to_value(listed).unwrap()["_meta"]["dev.mcp-runtime/policy"].clone()
    };
    let texts = |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).unwrap() };
    let (errors, retryable) = (texts(&policy("derived")["errors"]), texts(&policy("derived")["retryable"]));
    for (code, again) in [
        ("RECORD_NOT_FOUND", false),
        ("WAREHOUSE_LOADING", true),
        ("CONFLICT", true),
        ("NUMBER", false),
        ("FREE", false),
        ("INTERNAL", false),
        ("PERMISSION_DENIED", false),
        ("RATE_LIMITED", true),
        ("INVALID_ARGUMENTS", false),
        ("TIMEOUT", false),
        ("OUTPUT_TOO_LARGE", false),
    ] {
        assert!(errors.contains(&code.to_owned()), "{code}: {errors:?}");
        assert_eq!(retryable.contains(&code.to_owned()), again, "{code}: {retryable:?}");
    }
    let codes: Vec<_> = <Derived as ToolError>::CODES.iter().map(|code| code.code).collect();
    assert_eq!(codes, ["RECORD_NOT_FOUND", "WAREHOUSE_LOADING", "CONFLICT", "INTERNAL", "NUMBER", "FREE"]);
    assert_eq!(texts(&policy("generated")["errors"])[..3], ["NOT_FOUND", "BUSY", "GONE_FOR_GOOD"]);
}
