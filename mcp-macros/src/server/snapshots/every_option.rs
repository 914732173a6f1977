impl<'d, D: Db> Orders<'d, D>
where
    D::Key: Copy,
{
    const LIMIT: u32 = 50;
    /// Search.
    #[allow(
        clippy::needless_pass_by_value,
        clippy::too_many_arguments,
        clippy::trivially_copy_pass_by_ref,
        clippy::unused_async,
        clippy::unused_self
    )]
    #[cfg(feature = "search")]
    fn search(
        &self,
        context: &CallContext,
        region: String,
        limit: u32,
        #[cfg(feature = "email")]
        email: Option<String>,
        keys_: Vec<D::Key>,
        page: Page,
    ) -> Result<Json<Vec<Self::Row>>, SearchError> {
        todo!()
    }
}
#[cfg(feature = "search")]
/// What `search` fails with.
#[derive(::runtime::__private::std_fmt::Debug)]
pub enum SearchError {
    /// no order has id {id}
    NotFound {
        ///`id` of the message.
        id: u32,
    },
    /// the warehouse is loading
    Loading,
    /// Any other error: the caller reads a neutral text, the log has the cause.
    Internal(::runtime::__private::InternalCause),
}
#[cfg(feature = "search")]
const _: () = {
    use ::runtime::__private as __m;
    #[automatically_derived]
    impl __m::std_fmt::Display for SearchError {
        #[allow(unused_variables)]
        fn fmt(&self, __f: &mut __m::std_fmt::Formatter<'_>) -> __m::std_fmt::Result {
            match self {
                Self::NotFound { id } => __m::write!(__f, "no order has id {id}"),
                Self::Loading {} => __m::write!(__f, "the warehouse is loading"),
                Self::Internal(_) => __f.write_str("the tool failed"),
            }
        }
    }
    #[automatically_derived]
    impl<__E: __m::Into<__m::BoxError>> __m::From<__E> for SearchError {
        fn from(__error: __E) -> Self {
            Self::Internal(__m::InternalCause::new(__error))
        }
    }
};
#[cfg(feature = "search")]
#[allow(deprecated)]
const _: () = {
    use ::runtime::__private as __m;
    #[allow(unused_imports)]
    use __m::{
        DescribeDisplay as _, DescribeError as _, DescribeNothing as _, IsNot as _,
    };
    #[automatically_derived]
    impl __m::ToolError for SearchError {
        const CODES: &'static [__m::CodeSpec] = &[
            __m::CodeSpec {
                code: "NOT_FOUND",
                retryable: false,
            },
            __m::CodeSpec {
                code: "LOADING",
                retryable: true,
            },
        ];
        fn report(&self) -> __m::Report {
            match self {
                Self::NotFound { .. } => __m::Report::new("NOT_FOUND"),
                Self::Loading { .. } => {
                    __m::Report::new("LOADING")
                        .retry_after(__m::Duration::from_millis(30000))
                }
                Self::Internal(__cause) => __cause.report(),
            }
        }
    }
};
#[allow(deprecated)]
const _: () = {
    use ::runtime::__private as __m;
    mod __imports {
        #[allow(unused_imports)]
        use super::*;
        use ::runtime::__private::attributes::*;
        #[tool(__expanded)]
        const _: () = ();
    }
    #[cfg(feature = "search")]
    fn __prepare_search<'__a, 'd, D: Db>(
        __call: __m::Call<'__a, Orders<'d, D>>,
        __given: &mut __m::Given<'_>,
    ) -> __m::Prepared<'__a>
    where
        D::Key: Copy,
        Orders<'d, D>: 'static,
    {
        let region = __m::arg::<String>().take(__given, 0);
        let limit = __m::arg::<u32>().take(__given, 1);
        #[cfg(feature = "email")]
        let email = __m::arg::<Option<String>>().take(__given, 2);
        let keys_ = __m::arg::<Vec<D::Key>>()
            .take(__given, 2 + <[()]>::len(&[#[cfg(feature = "email")] ()]));
        let page = __m::arg::<Page>()
            .take(__given, 3 + <[()]>::len(&[#[cfg(feature = "email")] ()]));
        let (__m::Some(region),) = (region,) else { return __m::None };
        let (__m::Some(limit),) = (limit,) else { return __m::None };
        #[cfg(feature = "email")]
        let (__m::Some(email),) = (email,) else { return __m::None };
        let (__m::Some(keys_),) = (keys_,) else { return __m::None };
        let (__m::Some(page),) = (page,) else { return __m::None };
        __given.fill("region", &region);
        __given.cost((|| limit / 10)());
        __m::tool_must_be_send(async move {
            let __open = __call
                .guarded(|__caller| <Orders<
                    'd,
                    D,
                >>::may_search(
                    __caller,
                    &region,
                    &limit,
                    #[cfg(feature = "email")]
                    &email,
                    &keys_,
                    &page,
                ))
                .await?;
            let __out = __open
                .blocking(move |__server, _, __context| <Orders<
                    'd,
                    D,
                >>::search(
                    __server,
                    __context,
                    region,
                    limit,
                    #[cfg(feature = "email")]
                    email,
                    keys_,
                    page,
                ))
                .await?;
            __m::result::<Result<Json<Vec<<Orders<'d, D>>::Row>>, SearchError>>()
                .answer(__open, __out)
        })
    }
    #[automatically_derived]
    impl<'d, D: Db> __m::Server for Orders<'d, D>
    where
        D::Key: Copy,
        Orders<'d, D>: 'static,
    {
        const SPEC: __m::ServerSpec = __m::ServerSpec {
            title: __m::Some("Orders"),
            instructions: __m::Some("Ask before you delete."),
            timeout: __m::Duration::from_millis(10000),
            ..__m::ServerSpec::new(
                "orders",
                "1.2.0",
                &[__m::Window::new(10, 1, 20), __m::Window::new(300, 60, 20)],
            )
        };
        const TOOLS: &'static [__m::Tool<Self>] = &[
            #[cfg(feature = "search")]
            __m::ToolSpec {
                title: __m::Some("Search"),
                icons: &["https://example.com/icon.png"],
                scope: __m::Requirement::Any(
                    &[
                        __m::Template::new("orders:{region}:read"),
                        __m::Template::new("orders.admin"),
                    ],
                ),
                agent_rate: &[__m::Window::new(10, 60, 5)],
                total_rate: &[
                    __m::Window::new(100, 60, 5),
                    __m::Window::new(1000, 86400, 5),
                ],
                costed: true,
                guarded: true,
                concurrency: __m::Concurrency {
                    agent: __m::Some(2u32),
                    total: __m::Some(8u32),
                },
                max_output: 65536,
                annotations: __m::hints([0, -1, 1, -1]),
                blocking: true,
                contextual: true,
                arguments: &[
                    __m::arg::<String>()
                        .spec("region", "", &[__m::Rule::Header("Region")]),
                    __m::arg::<u32>()
                        .spec(
                            "limit",
                            "",
                            &[
                                __m::range(
                                    __m::Some(__m::Number::Integer(1)),
                                    __m::None,
                                    false,
                                ),
                                __m::Rule::Default(|| __m::default::<
                                    u32,
                                >(<Orders<'d, D>>::LIMIT)),
                            ],
                        ),
                    #[cfg(feature = "email")]
                    __m::arg::<Option<String>>()
                        .spec(
                            "email",
                            "",
                            &[__m::Rule::Format("email"), __m::Rule::Pii],
                        ),
                    __m::arg::<Vec<D::Key>>()
                        .spec("keys", "", &[__m::items(1, 50), __m::Rule::Strict]),
                    __m::arg::<Page>().spec("page", "", &[__m::Rule::Flatten]),
                ],
                ..__m::result::<Result<Json<Vec<<Orders<'d, D>>::Row>>, SearchError>>()
                    .tool("orders.search", "Search.")
            }
                .run_by(__prepare_search),
        ];
        const HANDLER: __m::Option<__m::Handler<Self>> = __m::handler::<Self>();
    }
};
