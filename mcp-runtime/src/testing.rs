//! For tests of a server: a client in the same process, and the policy as a file under review.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::caller::{Agent, Caller};
use crate::config::Config;
use crate::context::CallContext;
use crate::error::Failure;
use crate::gate::{Answered, Outcome, Request, StartError, Tools};
use crate::policy::compare;
use crate::protected::Protected;
use crate::record::Via;
use crate::scope::{Grants, InvalidScope};
use crate::spec::Server;
use crate::telemetry::Telemetry;

/// Set, `assert_policy!` writes the file instead of comparing.
const BLESS: &str = "MCP_BLESS";

/// Fails if the policy of a server is not the one in a file, so that a change of scopes, rates or schemas shows up in
/// review. The path is relative to the crate's root; `MCP_BLESS=1 cargo test` writes the file.
///
/// ```no_run
/// # struct Revenue;
/// # #[mcp_runtime::server(name = "revenue", rate = "300/min")]
/// # impl Revenue {}
/// mcp_runtime::testing::assert_policy!(Revenue, "policy.json");
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __assert_policy {
    ($server:ty, $file:expr $(,)?) => {
        $crate::testing::check_policy::<$server>(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", $file))
    };
}

pub use crate::__assert_policy as assert_policy;

/// What [`assert_policy!`] does.
///
/// # Panics
/// If the policy differs from the file, or the file cannot be read.
#[doc(hidden)]
#[track_caller]
#[expect(clippy::panic, reason = "a failed assertion")]
pub fn check_policy<S: Server>(file: &str) {
    let manifest = match Tools::of::<S>(&Config::default()) {
        Ok(tools) => tools.manifest(),
        Err(error) => panic!("the server cannot start: {error}"),
    };
    if std::env::var_os(BLESS).is_some_and(|value| value != "0") {
        let pretty = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
        if let Err(error) = std::fs::write(Path::new(file), pretty) {
            panic!("cannot write {file}: {error}");
        }
        return;
    }
    let expected = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let expected = expected.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    let differences = match expected {
        Ok(expected) => compare(&expected, &manifest),
        Err(error) => panic!("cannot read {file}: {error}\nrun the test with {BLESS}=1 to write it"),
    };
    assert!(
        differences.is_empty(),
        "the policy is not the one in {file}:\n  {}\nif that is meant, run the test with {BLESS}=1 and commit the file",
        differences.join("\n  ")
    );
}

/// HTTP services that are made from now on hand every request to rmcp: for tests that compare our own way for calls with
/// rmcp's.
#[cfg(feature = "http")]
#[doc(hidden)]
pub fn serve_through_rmcp() {
    crate::transport::http::direct::close();
}

/// A client in the same process: every call takes the same way through the gate as one over a transport.
///
/// ```
/// # use mcp_runtime::{server, testing::Client};
/// # struct Echo;
/// #[server(name = "echo", rate = "300/min")]
/// impl Echo {
///     /// Says it again.
///     #[tool(scope = "echo.say", rate = "10/min")]
///     async fn echo(&self, text: String) -> String {
///         text
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let client = Client::new(Echo)?;
/// let reporting = client.agent("reporting", ["echo.say"])?;
/// let answer = reporting.call("echo", serde_json::json!({ "text": "hello" })).await?;
/// assert_eq!(answer.text(), "hello");
///
/// let stranger = client.agent("stranger", ["other"])?;
/// let refused = stranger.call("echo", serde_json::json!({ "text": "hello" })).await.unwrap_err();
/// assert_eq!(refused.code(), "PERMISSION_DENIED");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    protected: Arc<Protected>,
    caller: Arc<Caller>,
}

impl Client {
    /// A client of a server under the default configuration, as an agent without scopes.
    ///
    /// # Errors
    /// A server that cannot start.
    pub fn new<S: Server>(server: S) -> Result<Self, StartError> {
        Self::configured(server, Config::default())
    }

    /// A client of a server under a configuration.
    ///
    /// # Errors
    /// As [`Client::new`], and a configuration that does not fit the server.
    pub fn configured<S: Server>(server: S, config: Config) -> Result<Self, StartError> {
        Self::with_telemetry(server, config, Telemetry::new())
    }

    /// A client of a server with observers and sinks.
    ///
    /// # Errors
    /// As [`Client::configured`].
    pub fn with_telemetry<S: Server>(server: S, config: Config, telemetry: Telemetry) -> Result<Self, StartError> {
        let protected = Arc::new(Protected::with_telemetry(server, config, telemetry)?);
        let agent = Agent::key("nobody").map_err(|_| StartError::NoRandomness)?;
        Ok(Self { protected, caller: Arc::new(Caller::new(agent, "test")) })
    }

    /// The same server, as this agent with these scopes (wildcards allowed).
    ///
    /// # Errors
    /// A name or a scope that is none.
    pub fn agent<I: AsRef<str>>(&self, name: &str, scopes: impl IntoIterator<Item = I>) -> Result<Self, InvalidAgent> {
        let caller = Caller::new(Agent::key(name)?, "test").with_grants(Grants::with_wildcards(scopes)?);
        Ok(self.caller(caller))
    }

    /// The same server, as this caller.
    #[must_use]
    pub fn caller(&self, caller: Caller) -> Self {
        Self { protected: Arc::clone(&self.protected), caller: Arc::new(caller) }
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// Everything that the caller would see as an error.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Answer, CallError> {
        self.call_cancellable(tool, arguments, CancellationToken::new()).await
    }

    /// Calls a tool, and gives up when the token is cancelled: as a client does that goes away.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_cancellable(
        &self,
        tool: &str,
        arguments: Value,
        cancelled: CancellationToken,
    ) -> Result<Answer, CallError> {
        let arguments = arguments.to_string();
        let context = CallContext::new("test", cancelled);
        let request = Request::new(tool, Some(&arguments), &self.caller, context, Via::Process);
        match self.protected.gate().call(request).await.outcome {
            Outcome::Answered(answered) => Ok(Answer(answered)),
            Outcome::Failed(failure) => Err(CallError::Failed(failure)),
            Outcome::UnknownTool => Err(CallError::UnknownTool),
            Outcome::Malformed(malformed) => Err(CallError::Malformed(malformed.to_string())),
            // Only a client of a transport can be asked anything.
            Outcome::InputRequired(_) | Outcome::Unsupported(_) | Outcome::InvalidState => {
                Err(CallError::Malformed("the tool asks its client".to_owned()))
            }
        }
    }

    /// Waits until every sink has written the records of the calls so far; `false` if that takes longer than 10 s.
    pub fn flush(&self) -> bool {
        self.protected.flush(std::time::Duration::from_secs(10))
    }

    /// What became of the records, sink by sink.
    pub fn sink_counts(&self) -> Vec<crate::telemetry::SinkCount> {
        self.protected.sink_counts()
    }

    /// The names of the tools that this caller sees.
    pub fn tools(&self) -> Vec<String> {
        self.protected.gate().tools().visible(&self.caller, false).map(|tool| tool.name.into_owned()).collect()
    }
}

/// What a tool answered.
#[derive(Debug)]
pub struct Answer(Answered);

impl Answer {
    /// The structured content; null for a tool that gives text.
    pub fn json(&self) -> Value {
        self.0.structured().unwrap_or(Value::Null)
    }

    /// The text blocks, joined.
    pub fn text(&self) -> String {
        self.0.content().iter().filter_map(|block| Some(block.as_text()?.text.as_str())).collect()
    }

    /// Where strings of others stand, as JSON pointers into the result.
    pub fn untrusted(&self) -> &[String] {
        &self.0.untrusted
    }
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A tool error, which the model reads.
    #[error("{}: {}", .0.code, .0.message)]
    Failed(Box<Failure>),
    /// There is no such tool.
    #[error("there is no such tool")]
    UnknownTool,
    /// The arguments are no object, or hold a key twice.
    #[error("the arguments cannot be used: {0}")]
    Malformed(String),
}

impl CallError {
    /// The error code; empty for what is no call of a tool.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.code,
            Self::UnknownTool | Self::Malformed(_) => "",
        }
    }

    /// The error as the client gets it.
    pub fn json(&self) -> Value {
        match self {
            Self::Failed(failure) => json!(failure),
            Self::UnknownTool | Self::Malformed(_) => Value::Null,
        }
    }
}

/// A caller that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAgent {
    /// The name.
    #[error(transparent)]
    Name(#[from] crate::caller::InvalidName),
    /// A scope.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
}
