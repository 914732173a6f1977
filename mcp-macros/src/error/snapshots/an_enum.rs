#[allow(deprecated)]
const _: () = {
    use ::mcp_runtime::__private as __m;
    #[allow(unused_imports)]
    use __m::{
        DescribeDisplay as _, DescribeError as _, DescribeNothing as _, IsNot as _,
    };
    const _: () = __m::no_field_may_leak::<
        __m::Field<
            {
                (__m::Is::<Cow<'static, str>>::ERROR
                    || __m::Is::<Cow<'static, str>>::SEND_ERROR)
                    && !__m::Is::<Cow<'static, str>>::TEXT
            },
        >,
    >();
    #[cfg(feature = "mail")]
    const _: () = __m::no_field_may_leak::<
        __m::Field<
            {
                (__m::Is::<Option<Box<[MailState]>>>::ERROR
                    || __m::Is::<Option<Box<[MailState]>>>::SEND_ERROR)
                    && !__m::Is::<Option<Box<[MailState]>>>::TEXT
                    || (__m::Is::<Box<[MailState]>>::ERROR
                        || __m::Is::<Box<[MailState]>>::SEND_ERROR)
                        && !__m::Is::<Box<[MailState]>>::TEXT
                    || (__m::Is::<[MailState]>::ERROR
                        || __m::Is::<[MailState]>::SEND_ERROR)
                        && !__m::Is::<[MailState]>::TEXT
                    || (__m::Is::<MailState>::ERROR || __m::Is::<MailState>::SEND_ERROR)
                        && !__m::Is::<MailState>::TEXT
            },
        >,
    >();
    #[automatically_derived]
    impl<T: Display> __m::ToolError for RevenueError<T> {
        const CODES: &'static [__m::CodeSpec] = &[
            __m::CodeSpec {
                code: "RECORD_NOT_FOUND",
                retryable: false,
            },
            __m::CodeSpec {
                code: "WAREHOUSE_LOADING",
                retryable: true,
            },
            __m::CodeSpec {
                code: "INTERNAL",
                retryable: false,
            },
            #[cfg(feature = "mail")]
            __m::CodeSpec {
                code: "MAIL_DOWN",
                retryable: true,
            },
            __m::CodeSpec {
                code: "OTHER",
                retryable: false,
            },
        ];
        fn report(&self) -> __m::Report {
            match self {
                Self::RecordNotFound { .. } => __m::Report::new("RECORD_NOT_FOUND"),
                Self::WarehouseLoading { .. } => {
                    __m::Report::new("WAREHOUSE_LOADING")
                        .retry_after(__m::Duration::from_millis(30000))
                }
                Self::Database { .. } => {
                    __m::Report::internal((&&&__m::Cause(self)).describe())
                }
                Self::Cache { source: __cause, .. } => {
                    __m::Report::internal((&&&__m::Cause(__cause)).describe())
                }
                #[cfg(feature = "mail")]
                Self::Mail { .. } => __m::Report::new("MAIL_DOWN").retryable(),
                Self::Other { .. } => __m::Report::new("OTHER"),
            }
        }
    }
};
