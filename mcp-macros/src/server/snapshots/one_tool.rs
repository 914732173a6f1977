impl Revenue {
    /// Revenue of one country, month by month.
    #[allow(
        clippy::needless_pass_by_value,
        clippy::too_many_arguments,
        clippy::trivially_copy_pass_by_ref,
        clippy::unused_async,
        clippy::unused_self
    )]
    async fn get_revenue_data(
        &self,
        caller: &Caller,
        country: String,
        months: u32,
    ) -> Result<Json<RevenueReport>, RevenueError> {
        self.database.revenue(caller, &country, months).await
    }
}
#[allow(deprecated)]
const _: () = {
    use ::mcp_runtime::__private as __m;
    mod __imports {
        #[allow(unused_imports)]
        use super::*;
        use ::mcp_runtime::__private::attributes::*;
        #[tool(__expanded)]
        const _: () = ();
    }
    const _: () = __m::server_must_be_send_and_sync::<Revenue>();
    fn __prepare_get_revenue_data<'__a>(
        __call: __m::Call<'__a, Revenue>,
        __given: &mut __m::Given<'_>,
    ) -> __m::Prepared<'__a>
    where
        for<'__any> Revenue: __m::Send + __m::Sync + 'static,
    {
        let country = __m::arg::<String>().take(__given, 0);
        let months = __m::arg::<u32>().take(__given, 1);
        let (__m::Some(country),) = (country,) else { return __m::None };
        let (__m::Some(months),) = (months,) else { return __m::None };
        __m::tool_must_be_send(async move {
            let __open = __call.admitted()?;
            let __out = <Revenue>::get_revenue_data(
                    __open.server(),
                    __open.caller(),
                    country,
                    months,
                )
                .await;
            __m::result::<Result<Json<RevenueReport>, RevenueError>>()
                .answer(__open, __out)
        })
    }
    #[automatically_derived]
    impl __m::Server for Revenue
    where
        for<'__any> Revenue: __m::Send + __m::Sync + 'static,
    {
        const SPEC: __m::ServerSpec = __m::ServerSpec::new(
            "revenue",
            __m::env!("CARGO_PKG_VERSION"),
            &[__m::Window::new(300, 60, 300)],
        );
        const TOOLS: &'static [__m::Tool<Self>] = &[
            __m::ToolSpec {
                scope: __m::Requirement::All(&[__m::Template::new("revenue.read")]),
                agent_rate: &[__m::Window::new(10, 60, 10)],
                timeout: __m::Some(__m::Duration::from_millis(5000)),
                annotations: __m::hints([1, 0, 0, 0]),
                arguments: &[
                    __m::arg::<String>()
                        .spec(
                            "country",
                            "Country, as on the invoices.",
                            &[__m::length(1, 40)],
                        ),
                    __m::arg::<u32>()
                        .spec(
                            "months",
                            "How many months back from the newest invoice.",
                            &[
                                __m::integers(1, 240),
                                __m::Rule::Default(|| __m::default::<u32>(12)),
                            ],
                        ),
                ],
                ..__m::result::<Result<Json<RevenueReport>, RevenueError>>()
                    .tool("get_revenue_data", "Revenue of one country, month by month.")
            }
                .run_by(__prepare_get_revenue_data),
        ];
        const HANDLER: __m::Option<__m::Handler<Self>> = {
            use __m::NoHandler as _;
            __m::FindHandler::<Self>::HANDLER
        };
    }
};
