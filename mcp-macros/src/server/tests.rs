//! The main shapes of the expansion, the mistakes of a block, and code that is still being typed.

use expect_test::{Expect, expect, expect_file};
use proc_macro2::{Group, TokenStream, TokenTree};
use quote::quote;

use super::{lone_tool, server};
use crate::mistakes::texts as mistakes;

/// The expansion, printed.
fn printed(tokens: &TokenStream) -> String {
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"));
    prettyplease::unparse(&file)
}

fn check(options: TokenStream, item: TokenStream, expected: &Expect) {
    expected.assert_eq(&mistakes(server(options, item)).join("\n"));
}

fn revenue() -> (TokenStream, TokenStream) {
    let options = quote!(name = "revenue", rate = "300/min");
    let item = quote! {
        impl Revenue {
            /// Revenue of one country, month by month.
            #[tool(scope = "revenue.read", rate = "10/min", timeout = "5s", read_only)]
            async fn get_revenue_data(
                &self,
                caller: &Caller,
                /// Country, as on the invoices.
                #[arg(length(1..=40))] country: String,
                /// How many months back from the newest invoice.
                #[arg(range(1..=240), default = 12)] months: u32,
            ) -> Result<Json<RevenueReport>, RevenueError> {
                self.database.revenue(caller, &country, months).await
            }
        }
    };
    (options, item)
}

/// Everything that a tool can say.
fn everything() -> (TokenStream, TokenStream) {
    let options = quote! {
        name = "orders", version = "1.2.0", title = "Orders", instructions = "Ask before you delete.",
        rate(agent = ["10/s", "300/min"], burst = 20), timeout = "10s", handler, crate = ::runtime
    };
    let item = quote! {
        impl<'d, D: Db> Orders<'d, D> where D::Key: Copy {
            const LIMIT: u32 = 50;

            /// Search.
            #[tool(
                scope = any("orders:{region}:read", "orders.admin"),
                rate(agent = "10/min", total = ["100/min", "1000/day"], burst = 5),
                cost = limit / 10,
                guard = Self::may_search,
                errors(
                    NotFound { id: u32 } = "no order has id {id}",
                    #[tool_error(retry_after = "30s")] Loading = "the warehouse is loading",
                ),
                concurrency(agent = 2, total = 8),
                max_output = "64KiB",
                destructive = false, idempotent, open_world = false,
                name = "orders.search", title = "Search", icons = ["https://example.com/icon.png"],
            )]
            #[cfg(feature = "search")]
            fn search(
                &self,
                context: &CallContext,
                #[arg(header = "Region")] region: String,
                #[arg(range(1..), default = Self::LIMIT)] limit: u32,
                #[cfg(feature = "email")] #[arg(pii, format = "email")] email: Option<String>,
                #[arg(items(1..=50), rename = "keys", strict)] keys_: Vec<D::Key>,
                #[arg(flatten)] page: Page,
            ) -> Result<Json<Vec<Self::Row>>, SearchError> {
                todo!()
            }
        }
    };
    (options, item)
}

#[test]
fn one_tool() {
    let (options, item) = revenue();
    expect_file!["./snapshots/one_tool.rs"].assert_eq(&printed(&server(options, item)));
}

#[test]
fn every_option() {
    let (options, item) = everything();
    expect_file!["./snapshots/every_option.rs"].assert_eq(&printed(&server(options, item)));
}

/// Tools as people write them: scope, rate, timeout, a hint, and arguments with rules. What arguments mean is left out:
/// long texts are wrapped, and how long they are is their author's affair.
fn tools(count: usize, arguments: usize, checked: bool) -> TokenStream {
    let own = checked.then(|| quote!(, check = rules::check));
    let over_all = (checked && arguments > 0).then(|| quote!(, check = rules::all));
    let tools = (0..count).map(|tool| {
        let name = quote::format_ident!("get_{tool}");
        let all = [
            quote!(#[arg(length(1..=40) #own)] country: String),
            quote!(#[arg(range(1..=240) #own)] months: u32),
            quote!(#[arg(range(1..=50) #own)] limit: Option<u32>),
            quote!(exact: bool),
        ];
        let arguments = all.iter().take(arguments);
        quote! {
            /// Revenue of one country, month by month.
            #[tool(scope = "revenue.read", rate = "10/min", timeout = "5s", read_only #over_all)]
            async fn #name(&self, #(#arguments),*) -> Result<Json<Report>, RevenueError> {}
        }
    });
    quote!(impl Revenue { #(#tools)* })
}

/// What stands beside the block, in lines.
fn expanded(count: usize, arguments: usize, checked: bool) -> usize {
    let item = tools(count, arguments, checked);
    let all = server(quote!(name = "revenue", rate = "300/min"), item.clone());
    let block = super::block::read(item, &mut crate::mistakes::Mistakes::new()).cleaned;
    printed(&all).lines().count() - printed(&block).lines().count()
}

#[test]
fn the_expansion_stays_small() {
    for (arguments, checked) in (0..=4).flat_map(|arguments| [(arguments, false), (arguments, true)]) {
        let lines = (expanded(51, arguments, checked) - expanded(1, arguments, checked)).div_ceil(50);
        // A check is a line of its own at the most: of each of the first three arguments, and of all.
        let checks = if checked { arguments.min(3) + usize::from(arguments > 0) } else { 0 };
        let budget = 25 + 3 * arguments + checks;
        assert!(lines <= budget, "{lines} lines for a tool of {arguments} arguments, checked: {checked}");
    }
}

#[test]
fn every_mistake_is_reported_and_right_tools_generate() {
    let item = quote! {
        impl Orders {
            #[tool(scop = "orders.read", rate = "10/mn", timeout = "0s")]
            async fn get_order(self, email: String, &other: &u32) {}

            /// Delete an order.
            #[tool(scope = all("orders..delete"), rate = inherit, rate = "5/min", read_only = "yes")]
            async fn delete_order(&self, #[arg(range(5..=1), length(1..=2))] id: u32) {}

            /// Count the orders.
            #[tool(any_caller, rate = "10/min")]
            async fn count_orders(&self) -> u64 {}
        }
    };
    let tokens = server(quote!(name = "orders"), item);
    assert!(tokens.to_string().contains("fn __prepare_count_orders"));
    assert!(!tokens.to_string().contains("fn __prepare_get_order"));
    expect![[r#"
        `#[tool]` has no option `scop`
        help: did you mean `scope`?
        all calls share the server, so a tool borrows it
        help: write `&self`; what changes goes behind a `Mutex` or into a database
        `email` sounds personal or secret (`email`), so records have to know how to treat it
        help: write `#[arg(pii)]` (records hold a keyed digest), `#[arg(secret)]` (records hold nothing) or `#[arg(plain)]` (records hold the value)
        an argument is decoded for the call and cannot be borrowed; only `&Caller` and `&CallContext` are
        help: write `u32`
        `mn` is no unit, in `10/mn`
        help: did you mean `10/min`?
        the tool `get_order` has no description: a model chooses tools by what they say of themselves
        help: write a doc comment above it, `/// What the tool does.`, or `description = "…"`
        `0s` is no time at all
        help: write at least `1ms`
        `rate` stands here twice
        help: keep one of the two
        no number is in this range
        help: write the smaller bound first: `range(1..=240)`
        `length` is for texts, and this is an integer
        help: a number is bounded by `range(1..=240)`
        `orders..delete` has an empty segment
        help: `.` and `:` part segments, such as `orders.read`
        `read_only` is true or false
        help: write `read_only` or `read_only = false`
        the server has no rate: one agent could take all of it
        help: write `rate = "300/min"`, the calls of one agent over all tools, or `unlimited`"#]].assert_eq(&mistakes(tokens).join("\n"));
}

#[test]
fn what_somebody_tried_to_write_is_not_missing() {
    check(
        quote!(name = , rate = 300 / min),
        quote! {
            impl Orders {
                /// Count.
                #[tool(require_scope = "orders.read", rate_limit = "10/min")]
                async fn count(&self) {}
            }
        },
        &expect![[r#"
            `name` has no value
            help: write `name = "orders"`
            `#[tool]` has no option `require_scope`
            help: write `scope = "orders.read"`, `scope = all("a", "b")` or `scope = any("a", "b")`
            `#[tool]` has no option `rate_limit`
            help: write `rate = "10/min"`, `rate(agent = "10/min", total = "100/min", burst = 20)` or `rate = inherit`
            a rate is a text
            help: write `"300/min"`, in quotes"#]],
    );
}

#[test]
fn the_block_goes_back_as_it_was() {
    let item = quote! {
        #[allow(dead_code)]
        impl<D: Db> Revenue<D> {
            const X: fn(u32) -> u32 = |x| { x };
            #![inner]
            fn helper(#[allow(unused)] x: u32) -> u32 { #[tool] x }
            thing! { #[tool] }
            /// Docs stay.
            #[rmcp::tool] pub fn other(&self) {}
        }
    };
    let block = super::block::read(item.clone(), &mut crate::mistakes::Mistakes::new());
    assert_eq!(block.cleaned.to_string(), item.to_string());
}

#[test]
fn items_that_hold_no_tools() {
    let help = |item| mistakes(server(quote!(name = "a", rate = "1/s"), item)).len();
    assert_eq!(
        help(quote!(
            struct X;
        )),
        1
    );
    assert_eq!(
        help(quote!(
            trait X {
                fn f(&self);
            }
        )),
        1
    );
    assert_eq!(help(quote!(impl Clone for X { fn clone(&self) -> Self {} })), 1);
    assert_eq!(
        help(quote!(
            mod x {
                fn f() {}
            }
        )),
        1
    );
    assert_eq!(help(quote!(impl X {})), 0);
    assert_eq!(help(quote!(impl X { #[tool] const X: u32 = 1; })), 1);
}

#[test]
fn a_lone_tool_explains_itself() {
    let tokens = lone_tool(
        &quote!(scope = "a"),
        quote!(
            fn f(#[arg(pii)] email: String) {}
        ),
    );
    assert_eq!(mistakes(tokens.clone()).len(), 1);
    assert!(!tokens.to_string().contains("arg"));
    let item = quote!(
        const _: () = ();
    );
    assert_eq!(lone_tool(&quote!(__expanded), item.clone()).to_string(), item.to_string());
}

/// The tokens with one of them taken out, one way for each token, also inside of groups.
fn without_one(tokens: &TokenStream) -> Vec<TokenStream> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut ways = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        let with = |middle: Option<TokenTree>| {
            trees.iter().take(at).cloned().chain(middle).chain(trees.iter().skip(at + 1).cloned()).collect()
        };
        ways.push(with(None));
        if let TokenTree::Group(group) = tree {
            for inner in without_one(&group.stream()) {
                ways.push(with(Some(TokenTree::Group(Group::new(group.delimiter(), inner)))));
            }
        }
    }
    ways
}

#[test]
fn half_typed_code_is_no_reason_to_panic() {
    for (options, item) in [revenue(), everything()] {
        for item in without_one(&item) {
            let tokens = server(options.clone(), item.clone());
            assert_eq!(tokens.to_string().contains("todo"), item.to_string().contains("todo"), "the body is lost");
            lone_tool(&options, item);
        }
        for options in without_one(&options) {
            assert!(server(options, item.clone()).to_string().contains("impl"));
        }
    }
}
