//! The runtime under another name in `Cargo.toml`: nothing that is written falls back on `mcp_runtime`.

use crate::project::Project;

const SOURCE: &str = r#"
#![deny(warnings)]

pub struct Orders;

#[derive(serde::Serialize, schemars::JsonSchema)]
pub struct Order {
    id: u32,
}

#[derive(Debug, renamed::ToolError)]
#[tool_error(crate = ::renamed)]
pub enum OrderError {
    Gone,
    #[tool_error(internal)]
    Database(std::io::Error),
    Late { months: Vec<u32> },
}

impl std::fmt::Display for OrderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}

#[renamed::server(name = "orders", rate = "10/s", crate = ::renamed)]
impl Orders {
    /// Find one.
    #[tool(scope = "orders.{id}", rate = "10/min", cost = id, guard = may_find, errors(Missing { id: u32 } = "no {id}"))]
    async fn find(&self, #[arg(range(1..), default = 7)] id: u32) -> Result<renamed::Json<Order>, FindError> {
        if id == 0 { Err(FindError::Missing { id }) } else { Ok(renamed::Json(Order { id })) }
    }

    /// Delete one.
    #[tool(any_caller, rate = inherit)]
    fn delete(&self, caller: &renamed::Caller, id: u32) -> Result<(), OrderError> {
        if caller.subject().is_none() { Err(OrderError::Late { months: vec![id] }) } else { Ok(()) }
    }
}

async fn may_find(_caller: &renamed::Caller, _id: &u32) -> Result<(), renamed::Denied> {
    Ok(())
}
"#;

#[test]
fn it_compiles() {
    let said = Project::new("renamed", "renamed").compile(SOURCE);
    assert_eq!(said, Ok(()), "{}", said.as_ref().err().map_or("", |said| said));
}
