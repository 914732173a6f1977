//! In the body of a function, in a macro, with raw names.

use mcp_runtime::{Json, server};

macro_rules! counter {
    ($server:ident, $name:literal, $scope:literal, $argument:ident: $ty:ty) => {
        /// A server that a macro wrote.
        pub(crate) struct $server;

        #[server(name = $name, rate = "10/s")]
        impl $server {
            /// Count.
            #[tool(scope = $scope, rate = "10/min", cost = $argument)]
            async fn count(&self, $argument: $ty) -> String {
                $argument.to_string()
            }
        }
    };
}

counter!(Counter, "counter", "counter.read", upto: u32);

/// Raw names are names without `r#` on the wire.
pub(crate) struct Raw;

#[server(name = "raw", rate = "10/s")]
impl Raw {
    /// Which type.
    #[tool(scope = "raw.{type}", rate = "10/min", errors(Gone { r#fn: u32 } = "no {fn}"))]
    async fn r#match(&self, r#type: u32, mut _unused: Option<String>) -> Result<Json<u32>, MatchError> {
        _unused = None;
        if r#type == 0 {
            return Err(MatchError::Gone { r#fn: r#type });
        }
        Ok(Json(r#type))
    }
}

#[test]
fn in_a_function() {
    use mcp_runtime::ToolError;

    struct Local;

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Argument(u32);

    #[derive(Debug, ToolError)]
    enum LocalError {
        Gone,
    }

    impl std::fmt::Display for LocalError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("gone")
        }
    }

    #[server(name = "local", rate = "10/s")]
    impl Local {
        /// Find.
        #[tool(scope = "local.read", rate = "10/min")]
        async fn find(&self, argument: Argument) -> Result<Json<u32>, LocalError> {
            if argument.0 == 0 { Err(LocalError::Gone) } else { Ok(Json(argument.0)) }
        }

        /// Find another.
        #[tool(scope = "local.read", rate = "10/min", errors(Missing = "missing"))]
        async fn find_other(&self) -> Result<(), FindOtherError> {
            Err(FindOtherError::Missing)
        }
    }

    assert_eq!(super::super::tools::<Local>(), ["find", "find_other"]);
}

#[test]
fn elsewhere() {
    assert_eq!(super::super::arguments::<Counter>("count"), ["upto"]);
    assert_eq!(super::super::arguments::<Raw>("match"), ["type", "_unused"]);
}
