//! The policy, as the review of a change sees it.

use crate::tools::Everything;

#[test]
fn policy() {
    mcp_runtime::testing::assert_policy!(Everything, "everything/policy.json");
}
