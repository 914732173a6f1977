//! What readers of Markdown and HTML that nobody here wrote would load of a text.

use html5gum::{StartTag, Token, Tokenizer};
use mcp_runtime::fuzz::ALLOWED;
use pulldown_cmark::{Event, Options, Parser, Tag};
use url::Url;

/// Panics if a reader loads something of the text that it may not.
pub fn show(text: &str) {
    show_images(text);
    html(text, text);
}

/// The same for images of Markdown and the HTML in it.
pub fn show_images(text: &str) {
    for options in [Options::empty(), Options::all()] {
        for event in Parser::new_ext(text, options) {
            match event {
                Event::Start(Tag::Image { dest_url, .. }) => {
                    assert!(may_load(&dest_url), "an image loads {dest_url:?}: {text:?}");
                }
                Event::Html(html_text) | Event::InlineHtml(html_text) => html(&html_text, text),
                _ => {}
            }
        }
    }
}

fn html(source: &str, text: &str) {
    for Ok(token) in Tokenizer::new(source) {
        let Token::StartTag(StartTag { name, attributes, .. }) = token else { continue };
        let name = String::from_utf8_lossy(&name).into_owned();
        for (attribute, value) in &attributes {
            let value = String::from_utf8_lossy(&value.value);
            let loads = match String::from_utf8_lossy(attribute).as_ref() {
                "src" | "poster" | "background" => Some(value.as_ref()),
                "href" if !matches!(name.as_str(), "a" | "area") => Some(value.as_ref()),
                "data" if name == "object" => Some(value.as_ref()),
                "srcset" => value.split_ascii_whitespace().next(),
                "style" => {
                    value.split_once("url(").filter(|(before, _)| !before.ends_with(is_in_name)).map(|(_, address)| {
                        let address = address.trim_start_matches(['"', '\'']);
                        address.split(['"', '\'', ')']).next().unwrap_or(address)
                    })
                }
                _ => None,
            };
            assert!(loads.is_none_or(may_load), "<{name}> loads {loads:?}: {text:?}");
        }
    }
}

/// Whether a function of CSS that goes on like this is another one.
fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii()
}

/// Whether an address is one of the page itself, or allowed.
fn may_load(address: &str) -> bool {
    const PAGE: &str = "https://page.invalid/folder/";
    let page = Url::parse(PAGE).unwrap();
    // Nobody is asked for what is no address.
    let Ok(address) = page.join(address) else { return true };
    let allowed = address.as_str().starts_with(ALLOWED) || address.origin() == page.origin();
    // A path of Rust's is none that anybody loads.
    allowed || ["crate", "self", "super", "std", "core", "alloc"].contains(&address.scheme())
}
