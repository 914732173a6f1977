//! A tool with ten arguments that does nothing, behind three limits; and the same among many.

mod thousand;

use mcp_runtime::{Json, server};
use schemars::JsonSchema;
use serde::Serialize;

pub use thousand::Thousand;

/// What comes back.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Filed {
    /// Under which number.
    pub id: u32,
    /// What it is about.
    pub title: String,
    /// What has become of it.
    pub state: String,
}

/// The answer of the tool.
pub fn filed(id: u32) -> Filed {
    Filed { id, title: "Nothing was done".to_owned(), state: "open".to_owned() }
}

/// One tool.
pub struct One;

#[server(name = "one", rate = "1000000000/s")]
impl One {
    /// Files something.
    #[tool(scope = "record.write", rate(agent = "1000000000/s", total = "1000000000/s"))]
    #[allow(clippy::too_many_arguments, clippy::unused_async)]
    async fn file(
        &self,
        #[arg(range(1..))] id: u32,
        #[arg(length(1..=80))] title: String,
        #[arg(length(1..=40))] country: String,
        #[arg(range(1..=240))] months: u32,
        amount: f64,
        urgent: bool,
        #[arg(items(0..=10))] tags: Vec<String>,
        note: Option<String>,
        #[arg(default = 3)] priority: u8,
        #[arg(pattern = "^[A-Z]{3}$")] currency: String,
    ) -> Json<Filed> {
        let _ = (title, country, months, amount, urgent, tags, note, priority, currency);
        Json(filed(id))
    }

    /// Says that it is there.
    #[tool(scope = "record.write", rate(agent = "1000000000/s", total = "1000000000/s"))]
    #[allow(clippy::unused_async)]
    async fn ping(&self) -> &'static str {
        "pong"
    }
}

/// The arguments of a call: all ten.
pub const ARGUMENTS: &str = r#"{"id":17,"title":"A lamp that flickers","country":"Germany","months":12,"amount":12.5,"urgent":false,"tags":["light","second floor"],"note":"since Monday","priority":2,"currency":"EUR"}"#;

/// A call, of revision 2026-07-28.
pub fn body(tool: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"bench","version":"1.0.0"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}
