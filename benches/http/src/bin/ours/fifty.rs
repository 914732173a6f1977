//! Ours, with 50 tools: the one that is called, and others of the same kind.

use bench_http::{Revenue, revenue};
use mcp_runtime::{Json, server};

pub struct Fifty;

#[server(name = "revenue", version = "1.0.0", rate = "1000000000/s")]
impl Fifty {
    /// Revenue of one account.
    #[tool(scope = "revenue.read", rate(agent = "1000000000/s", total = "1000000000/s"), read_only)]
    async fn get_revenue(
        &self,
        /// The account, as on the invoices.
        #[arg(length(1..=40))]
        account: String,
        /// How many months back.
        #[arg(range(1..=240))]
        months: u32,
    ) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 01.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_01(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 02.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_02(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 03.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_03(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 04.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_04(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 05.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_05(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 06.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_06(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 07.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_07(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 08.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_08(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 09.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_09(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 10.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_10(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 11.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_11(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 12.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_12(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 13.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_13(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 14.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_14(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 15.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_15(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 16.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_16(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 17.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_17(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 18.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_18(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 19.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_19(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 20.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_20(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 21.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_21(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 22.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_22(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 23.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_23(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 24.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_24(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 25.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_25(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 26.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_26(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 27.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_27(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 28.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_28(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 29.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_29(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 30.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_30(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 31.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_31(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 32.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_32(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 33.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_33(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 34.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_34(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 35.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_35(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 36.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_36(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 37.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_37(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 38.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_38(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 39.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_39(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 40.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_40(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 41.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_41(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 42.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_42(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 43.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_43(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 44.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_44(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 45.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_45(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 46.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_46(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 47.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_47(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 48.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_48(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }

    /// Revenue of region 49.
    #[tool(scope = "region.read", rate = "1000/min", read_only)]
    async fn get_region_49(&self, #[arg(length(1..=40))] account: String, months: u32) -> Json<Revenue> {
        Json(revenue(account, months))
    }
}
