//! The fixture server behind a real authorization server, npm's `oidc-provider`, with the official TypeScript SDKs as its
//! clients. The script starts everything that it needs.

use serde_json::Value;

use crate::{
    Result, child,
    clients::{Folder, script},
    target, tools,
};

pub(crate) fn check(metadata: &Value) -> Result {
    let tools = tools::install(metadata)?;
    child::run(child::cargo().args(["build", "--locked", "-p", "mcp-tests", "--bin", "fixture"]))?;
    let target = target(metadata)?;
    let program = target.join("debug").join(format!("fixture{}", std::env::consts::EXE_SUFFIX));
    let folder = Folder::new(&target)?;
    let mut command = child::command(&tools.node);
    command.arg(tools.typescript.join("oauth.mjs")).arg("--program").arg(program).arg("--folder").arg(&folder.0);
    script(&mut command)
}
