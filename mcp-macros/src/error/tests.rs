//! The shapes of the expansion, and the mistakes of an error enum.

use expect_test::{expect, expect_file};
use proc_macro2::TokenStream;
use quote::quote;

use super::derive;
use crate::mistakes::texts;

fn printed(tokens: &TokenStream) -> String {
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"));
    prettyplease::unparse(&file)
}

#[test]
fn an_enum() {
    let tokens = derive(quote! {
        pub enum RevenueError<T: Display> {
            #[error("no customer has id {id}")]
            RecordNotFound { id: u32, of: Cow<'a, str> },
            #[error("the warehouse is loading")]
            #[tool_error(retry_after = "30s")]
            WarehouseLoading,
            #[error(transparent)]
            #[tool_error(internal)]
            Database(#[from] sqlx::Error),
            #[tool_error(internal)]
            Cache { key: String, source: CacheError },
            #[cfg(feature = "mail")]
            #[tool_error(code = "MAIL_DOWN", retryable)]
            Mail(Option<Box<[MailState]>>),
            #[tool_error(expose)]
            Other(T),
        }
    });
    expect_file!["./snapshots/an_enum.rs"].assert_eq(&printed(&tokens));
}

#[test]
fn structs_and_empty_enums() {
    let tokens = derive(quote!(
        struct RecordNotFoundError(u32);
    ));
    assert!(tokens.to_string().contains("\"RECORD_NOT_FOUND\""));
    let tokens = derive(quote!(
        enum Never {}
    ));
    assert!(tokens.to_string().contains("match * self { }"));
}

#[test]
fn mistakes() {
    let tokens = derive(quote! {
        enum Broken<T> {
            Timeout,
            #[tool_error(internal, expose)] Both(io::Error),
            #[tool_error(internal, code = "X")] Coded(io::Error),
            Carries(#[from] io::Error),
            #[error(transparent)] Transparent(io::Error),
            Generic(T),
            HTTPError, HttpError,
            #[tool_error(retry = "5s")] Retry,
            #[tool_error(code = "not-found")] NotFound,
        }
    });
    expect![[r#"
        the code `TIMEOUT` is the framework's: an agent could not tell the two apart
        help: rename the variant, or write `#[tool_error(code = "UPSTREAM_TIMEOUT")]`
        `internal` and `expose` contradict each other
        help: keep one: `internal` sends the error to the log alone, `expose` sends its text to the caller
        `code` has no effect: an internal error is answered with the code `INTERNAL` and no more
        help: keep one of the two
        `Carries` carries another error, whose text may hold SQL, paths or secrets
        help: write `#[tool_error(internal)]` to keep it in the log, or `#[tool_error(expose)]` if every caller may read it
        `Transparent` carries another error, whose text may hold SQL, paths or secrets
        help: write `#[tool_error(internal)]` to keep it in the log, or `#[tool_error(expose)]` if every caller may read it
        `Generic` carries `T`, which may be an error of any kind
        help: write `#[tool_error(internal)]` to keep it in the log, or `#[tool_error(expose)]` if every caller may read it
        `#[tool_error]` on a variant has no option `retry`
        help: write `retry_after = "30s"`
        `not-found` is no error code
        help: codes are in SCREAMING_SNAKE_CASE, 64 bytes at the most: `code = "NOT_FOUND"`
        `HTTPError` and `HttpError` have the same code `HTTP_ERROR`
        help: rename one, or write `#[tool_error(code = "…")]` on both if they are meant to share it"#]].assert_eq(&texts(tokens).join("\n"));
    assert!(derive(quote!(union U { a: u32 })).to_string().contains("compile_error"));
    assert!(derive(quote!(enum)).is_empty());
}
