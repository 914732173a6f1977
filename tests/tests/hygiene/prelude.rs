//! No prelude, and types that are called like those of it.
#![no_implicit_prelude]

use ::mcp_runtime::{Caller, server};

use super::shadows::{Box, Json, Option, Result, String, Vec, drop};

#[expect(dead_code, reason = "they are in the way")]
pub(crate) struct InTheWay(Box, Json, Result, Vec);

/// A server.
pub(crate) struct Shadowed;

#[server(name = "shadowed", rate = "10/s", title = "Shadowed", timeout = "5s")]
impl Shadowed {
    /// Names of our own locals are no trouble as names of arguments.
    #[tool(scope = "a:{given}:b", rate(agent = "1/s", total = "10/s"), cost = call, guard = Self::guard)]
    async fn shadowed(
        &self,
        caller: &Caller,
        given: u32,
        call: u64,
        admitted: String,
        value: Option,
        #[arg(default = 7, range(1..=9))] server: u8,
    ) -> ::std::string::String {
        drop();
        let _ = (caller, given, call, admitted, value, server);
        ::std::string::String::new()
    }

    /// A blocking tool.
    #[tool(any_caller, rate = inherit, errors(Gone { id: u32 } = "no {id}"))]
    fn gone(&self, caller: &Caller, id: u32) -> ::core::result::Result<(), GoneError> {
        let _ = caller;
        ::core::result::Result::Err(GoneError::Gone { id })
    }

    #[expect(clippy::unused_async, reason = "a guard is asynchronous")]
    async fn guard(
        _caller: &Caller,
        given: &u32,
        _call: &u64,
        _admitted: &String,
        _value: &Option,
        _server: &u8,
    ) -> ::core::result::Result<(), ::mcp_runtime::Denied> {
        if *given == 0 {
            return ::core::result::Result::Err(::mcp_runtime::Denied::because("nothing is given"));
        }
        ::core::result::Result::Ok(())
    }
}

/// An error.
#[derive(Debug, ::mcp_runtime::ToolError)]
pub(crate) enum ShadowedError {
    /// A variant.
    Gone,
}

impl ::core::fmt::Display for ShadowedError {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.write_str("gone")
    }
}

#[test]
fn it_compiles() {
    ::core::assert_eq!(super::super::tools::<Shadowed>(), ["shadowed", "gone"]);
    ::core::assert_eq!(::std::string::ToString::to_string(&ShadowedError::Gone), "gone");
    ::core::assert_eq!(<ShadowedError as ::mcp_runtime::ToolError>::CODES.len(), 1);
}
