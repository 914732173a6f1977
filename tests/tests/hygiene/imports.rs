//! An import of `tool` is neither needed nor unused.

mod none {
    pub(super) struct Orders;

    #[mcp_runtime::server(name = "orders", rate = "10/s")]
    impl Orders {
        /// Count.
        #[tool(any_caller, rate = inherit)]
        async fn count(&self) -> String {
            String::new()
        }
    }
}

mod by_name {
    use mcp_runtime::{server, tool};

    pub(super) struct Orders;

    #[server(name = "orders", rate = "10/s")]
    impl Orders {
        /// Count.
        #[tool(any_caller, rate = inherit)]
        async fn count(&self) -> String {
            String::new()
        }
    }

    #[server(name = "customers", rate = "10/s")]
    impl Customers {
        /// Count.
        #[tool(any_caller, rate = inherit)]
        async fn count(&self) -> String {
            String::new()
        }
    }

    /// A second server of one module.
    pub(super) struct Customers;
}

mod by_glob {
    #[allow(clippy::wildcard_imports)]
    use mcp_runtime::*;

    pub(super) struct Orders;

    #[server(name = "orders", rate = "10/s")]
    impl Orders {
        /// Count.
        #[tool(any_caller, rate = inherit)]
        async fn count(&self) -> String {
            String::new()
        }
    }
}

mod by_path {
    pub(super) struct Orders;

    #[mcp_runtime::server(name = "orders", rate = "10/s")]
    impl Orders {
        /// Count.
        #[mcp_runtime::tool(any_caller, rate = inherit)]
        async fn count(&self) -> String {
            String::new()
        }
    }
}

#[test]
fn it_compiles() {
    assert_eq!(super::super::tools::<none::Orders>(), ["count"]);
    assert_eq!(super::super::tools::<by_name::Orders>(), ["count"]);
    assert_eq!(super::super::tools::<by_name::Customers>(), ["count"]);
    assert_eq!(super::super::tools::<by_glob::Orders>(), ["count"]);
    assert_eq!(super::super::tools::<by_path::Orders>(), ["count"]);
}
