//! Servers with parameters.

use std::borrow::Cow;
use std::fmt::Display;

use mcp_runtime::server;

/// What a server stores its orders in.
pub(crate) trait Db: Send + Sync + 'static {
    type Key: serde::de::DeserializeOwned + schemars::JsonSchema + Display + Send;
    const LIMIT: u32;
}

/// One of them.
pub(crate) struct Memory;

impl Db for Memory {
    type Key = u64;
    const LIMIT: u32 = 7;
}

/// A server over any database.
pub(crate) struct Orders<'n, D, const N: usize> {
    name: Cow<'n, str>,
    db: D,
}

#[server(name = "orders", rate = "10/s")]
impl<D: Db, const N: usize> Orders<'_, D, N>
where
    D::Key: Sync,
{
    /// Find an order.
    #[tool(scope = "orders.read", rate = "10/min", cost = limit / 10 + 1)]
    async fn find(&self, key: D::Key, #[arg(default = D::LIMIT)] limit: u32) -> String {
        let _ = &self.db;
        format!("{}{key}{limit}{N}", self.name)
    }

    /// Find an order, blocking.
    #[tool(scope = "orders.read", rate = "10/min", guard = Self::guard)]
    fn find_blocking(&self, key: D::Key) -> String {
        format!("{}{key}", self.name)
    }

    #[expect(clippy::unused_async, reason = "a guard is asynchronous")]
    async fn guard(_: &mcp_runtime::Caller, key: &D::Key) -> Result<(), mcp_runtime::Denied> {
        if key.to_string().is_empty() {
            Err("no key")?;
        }
        Ok(())
    }
}

/// A server with a lifetime that it names.
pub(crate) struct Borrowed<'a>(&'a str);

#[server(name = "borrowed", rate = "10/s")]
impl<'a> Borrowed<'a> {
    /// What it holds.
    #[tool(any_caller, rate = inherit)]
    async fn get(&self) -> String {
        self.as_str().to_owned()
    }

    fn as_str(&self) -> &'a str {
        self.0
    }
}

/// An error with a parameter.
#[derive(Debug, thiserror::Error, mcp_runtime::ToolError)]
pub(crate) enum Wrapped<T: std::fmt::Debug + Display + Send + 'static> {
    /// Marked, since nobody knows what `T` is.
    #[error("{0}")]
    #[tool_error(expose)]
    #[expect(dead_code, reason = "only its code is of interest")]
    Other(T),
}

#[test]
fn it_compiles() {
    assert_eq!(super::super::tools::<Orders<'static, Memory, 3>>(), ["find", "find_blocking"]);
    assert_eq!(super::super::arguments::<Orders<'static, Memory, 3>>("find"), ["key", "limit"]);
    assert_eq!(super::super::tools::<Borrowed<'static>>(), ["get"]);
    let codes = <Wrapped<u32> as mcp_runtime::ToolError>::CODES;
    assert_eq!(codes.first().map(|code| code.code), Some("OTHER"));
    let orders: Orders<'static, _, 1> = Orders { name: "a".into(), db: Memory };
    assert_eq!(orders.find_blocking(7), "a7");
}
