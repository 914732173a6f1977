//! Doc comments, which are where a description usually stands.

use proc_macro2::Span;
use syn::{Attribute, Expr, Meta};

use crate::options::text;

/// A doc comment as one text, and where it stands.
pub(crate) struct Docs {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// The doc comment among these attributes. What a macro computes (`#[doc = include_str!(…)]`) is not read.
pub(crate) fn read(attributes: &[Attribute]) -> Option<Docs> {
    let mut lines = Vec::new();
    let mut span = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(_) = &pair.value
            && let Some(line) = text(&pair.value)
        {
            span.get_or_insert(line.span());
            lines.extend(block(&line.value()));
        }
    }
    let text = flow(&lines);
    span.filter(|_| !text.is_empty()).map(|span| Docs { text, span })
}

/// The lines of one comment: what stands in front of each of them alike is none of the text. In `/** … */` that is the
/// indentation and a star.
fn block(comment: &str) -> Vec<String> {
    let mut lines: Vec<&str> = comment.split('\n').collect();
    if let [_, rest @ ..] = lines.as_mut_slice() {
        let is_blank = |line: &str| line.trim().is_empty();
        if rest.iter().all(|line| is_blank(line) || line.trim_start().starts_with('*')) {
            for line in &mut *rest {
                *line = line.trim_start().strip_prefix('*').unwrap_or(line);
            }
        }
        let indentation = |line: &str| line.len() - line.trim_start().len();
        let common = rest.iter().filter(|line| !is_blank(line)).map(|line| indentation(line)).min().unwrap_or(0);
        for line in rest {
            *line = line.get(common..).unwrap_or("");
        }
    }
    if let [first, ..] = lines.as_mut_slice() {
        *first = first.strip_prefix(' ').unwrap_or(first);
    }
    lines.into_iter().map(str::to_owned).collect()
}

/// The lines as a model reads them: those of one paragraph are one line, since where an author wraps says nothing. Lists,
/// tables, code and everything that is indented keep their lines.
fn flow(lines: &[String]) -> String {
    let mut text = String::new();
    let mut fence: Option<&str> = None;
    // Whether the next line of prose goes on with the last one.
    let mut goes_on = false;
    for line in lines {
        let ends_here = line.ends_with("  ");
        let line = line.trim_end();
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        let is_code = fence.is_some() || mark.is_some();
        let is_prose = !is_code && !line.is_empty() && !stands_alone(line);
        text.push_str(if is_prose && goes_on { " " } else { "\n" });
        text.push_str(line);
        goes_on = is_prose && !ends_here;
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
    }
    text.trim().to_owned()
}

/// Items, rows, headings, quotes, rules, and what is indented.
fn stands_alone(line: &str) -> bool {
    let is_rule = |line: &str| line.len() > 2 && line.chars().all(|c| matches!(c, '-' | '=' | '*' | '_'));
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let is_numbered =
        digits > 0 && line.get(digits..).is_some_and(|rest| rest.starts_with(". ") || rest.starts_with(") "));
    line.starts_with([' ', '\t', '|', '#', '>'])
        || ["- ", "* ", "+ "].iter().any(|bullet| line.starts_with(bullet))
        || is_numbered
        || is_rule(line)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use quote::quote;
    use syn::parse::Parser as _;

    use super::*;

    fn check(comment: proc_macro2::TokenStream, expected: &Expect) {
        let attributes = Attribute::parse_outer.parse2(comment).unwrap();
        expected.assert_eq(&read(&attributes).map(|docs| docs.text).unwrap_or_default());
    }

    #[test]
    fn a_paragraph_is_one_line() {
        check(
            quote! {
                /// Revenue of one country,
                /// month by month.
                ///
                /// Months without an invoice
                /// are left out.
            },
            &expect![[r"
                Revenue of one country, month by month.

                Months without an invoice are left out."]],
        );
    }

    #[test]
    fn what_has_lines_keeps_them() {
        check(
            quote! {
                /// Kinds
                /// of order:
                /// - open,
                ///   which are not paid
                /// - paid
                /// 1. first
                /// 2) second
                ///
                /// | a | b |
                /// | - | - |
                ///
                /// # Notes
                /// Of a year like
                /// 2024 there are none.
                /// > quoted
                ///
                #[doc = " Hard break  "]
                /// here.
                /// ```json
                /// { "a": 1,
                ///
                /// "b": 2 }
                /// ```
                /// After
                /// the code.
            },
            &expect![[r#"
                Kinds of order:
                - open,
                  which are not paid
                - paid
                1. first
                2) second

                | a | b |
                | - | - |

                # Notes
                Of a year like 2024 there are none.
                > quoted

                Hard break
                here.
                ```json
                { "a": 1,

                "b": 2 }
                ```
                After the code."#]],
        );
    }

    #[test]
    fn blocks_lose_their_stars() {
        let starred = "\n     * Revenue of one\n     * country.\n     *\n     * - item\n     ";
        check(
            quote!(#[doc = #starred]),
            &expect![[r"
            Revenue of one country.

            - item"]],
        );
        let plain = " Revenue of one\n        country.\n          indented";
        check(
            quote!(#[doc = #plain]),
            &expect![[r"
                Revenue of one country.
                  indented"]],
        );
    }

    #[test]
    fn nothing_is_no_description() {
        check(quote!(#[doc = ""] #[doc = "  "] #[doc(hidden)] #[doc = include_str!("a")]), &expect![""]);
    }
}
