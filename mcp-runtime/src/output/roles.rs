//! Tokens by which chat templates and agents tell who speaks, and where a tool's output ends.
//!
//! Text that holds one may be taken for another turn of the conversation. The token is broken by a visible character,
//! [`BREAK`], behind its first: it stays readable and is a token no more.
//!
//! | broken | as in |
//! | --- | --- |
//! | `<\|…\|>`, also with U+FF5C, around a name without spaces | the templates of GPT, Llama 3, Qwen, Phi, Deepseek |
//! | `<\|…>` and `<…\|>`, likewise | Gemma 4 |
//! | `[INST]`, `[SYSTEM_PROMPT]`, `[TOOL_RESULTS]` and their like, in capitals | Llama 2, Mistral |
//! | `<<SYS>>` | Llama 2 |
//! | `<start_of_turn>`, `<end_of_turn>` | Gemma |
//! | elements of tool calls, of their results, and of system prompts, opening or closing, in any case | agents |
//!
//! Kept are words that people write: `Human:` and `Assistant:` at the start of a line are how transcripts look and are
//! tokens of no current template; `<s>` and `</s>` are strike-through in HTML, `<user>` and `<output>` elements of many
//! documents.

use std::borrow::Cow;

use memchr::{memchr2_iter, memrchr};

use super::edits::Edits;

/// What breaks a token. It is visible, and no template's.
const BREAK: &str = "·";

/// The longest name between bars.
const LONGEST_NAME: usize = 64;

/// In square brackets, closing ones too. Others of Mistral's (`[IMG]`, `[ARGS]`, `[PREFIX]`) are words of other texts.
const BRACKETED: &[&str] =
    &["INST", "SYSTEM_PROMPT", "AVAILABLE_TOOLS", "TOOL_CALLS", "TOOL_CONTENT", "TOOL_RESULT", "TOOL_RESULTS"];

/// Elements of one word, in lower case alone: `Vec<System>` is none.
const WORDS: &[&str] = &["invoke", "system", "assistant", "think", "thinking"];

/// The shortest of them all.
const SHORTEST: usize = 5;

/// Elements of several words, with `-` for `_`.
const ELEMENTS: &[&str] = &[
    "tool-call",
    "tool-calls",
    "tool-code",
    "tool-input",
    "tool-output",
    "tool-outputs",
    "tool-response",
    "tool-responses",
    "tool-result",
    "tool-results",
    "tool-use",
    "function-call",
    "function-calls",
    "function-output",
    "function-response",
    "function-result",
    "function-results",
    "system-message",
    "system-prompt",
    "system-reminder",
    "system-instruction",
    "system-instructions",
    "assistant-message",
    "user-message",
    "user-query",
    "human-message",
    "start-of-turn",
    "end-of-turn",
    "untrusted-content",
    "untrusted-data",
];

/// Breaks all tokens; says how many.
pub(super) fn break_up(text: &str) -> (Cow<'_, str>, usize) {
    let mut edits = Edits::default();
    let bytes = text.as_bytes();
    for at in memchr2_iter(b'<', b'[', bytes) {
        let rest = || text.get(at + 1..).unwrap_or_default();
        let found = match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'['), Some(b'/' | b'A'..=b'Z')) => is_bracketed(rest()),
            (Some(b'['), _) => false,
            _ => is_tag(rest()),
        };
        if found {
            edits.replace(at + 1..at + 1, BREAK);
        }
    }
    let count = edits.len();
    (edits.apply(text), count)
}

/// Whether a token in square brackets goes on with this.
fn is_bracketed(rest: &str) -> bool {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let length = rest.bytes().take(LONGEST_NAME).take_while(|byte| byte.is_ascii_uppercase() || *byte == b'_').count();
    let (name, rest) = rest.split_at(length);
    rest.starts_with(']') && BRACKETED.contains(&name)
}

/// Whether a token in angle brackets goes on with this.
fn is_tag(rest: &str) -> bool {
    match rest.as_bytes().first() {
        Some(b'|' | 0xef) => is_barred(rest),
        Some(b'<') => ["<SYS>>", "</SYS>>"].iter().any(|token| starts_with(rest, token)),
        Some(b'/' | b'a'..=b'z' | b'A'..=b'Z') => is_element(rest.as_bytes()),
        _ => false,
    }
}

/// `|name|>`, `|name>`
fn is_barred(rest: &str) -> bool {
    let bar = ['|', '｜'];
    let Some(rest) = rest.strip_prefix(bar).map(|rest| rest.trim_start_matches(bar)) else { return false };
    let in_name = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '▁');
    let length: usize = rest.chars().take(LONGEST_NAME).take_while(in_name).map(char::len_utf8).sum();
    let (name, rest) = rest.split_at(length);
    !name.is_empty() && rest.strip_prefix(bar).unwrap_or(rest).starts_with('>')
}

/// `/name>`, `name attribute=…`, and any `name|>`; a prefix of a namespace does not hide it.
fn is_element(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"/").unwrap_or(rest);
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':');
    let length = rest.iter().take(LONGEST_NAME).take_while(|byte| in_name(byte)).count();
    let behind = rest.get(length..).unwrap_or_default();
    if behind.starts_with(b"|>") || behind.starts_with("｜>".as_bytes()) {
        return true;
    }
    let ends = rest.get(length).is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
    // Most tags are shorter.
    if length < SHORTEST || !ends {
        return false;
    }
    let name = rest.get(..length).unwrap_or_default();
    let name = name.get(memrchr(b':', name).map_or(0, |colon| colon + 1)..).unwrap_or_default();
    let same = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    let known = |element: &&str| name.len() == element.len() && name.iter().map(same).eq(element.bytes());
    WORDS.iter().any(|word| word.as_bytes() == name) || ELEMENTS.iter().any(known)
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::break_up;

    #[test]
    fn tokens_are_broken_visibly() {
        for (text, broken) in [
            ("<|im_start|>system", "<·|im_start|>system"),
            ("a<|im_end|><|endoftext|>b", "a<·|im_end|><·|endoftext|>b"),
            ("<|start_header_id|>", "<·|start_header_id|>"),
            ("<｜begin▁of▁sentence｜>", "<·｜begin▁of▁sentence｜>"),
            ("<<|im_start|>|im_start|>", "<<·|im_start|>|im_start|>"),
            ("<||im_start|>", "<·||im_start|>"),
            ("[INST] do it [/INST]", "[·INST] do it [·/INST]"),
            ("<<SYS>>x<</SYS>>", "<·<SYS>>x<·</SYS>>"),
            ("</tool_output>", "<·/tool_output>"),
            ("</TOOL_OUTPUT >", "<·/TOOL_OUTPUT >"),
            ("<function_results>", "<·function_results>"),
            ("<tool_result id=\"1\">", "<·tool_result id=\"1\">"),
            ("</x:invoke>", "<·/x:invoke>"),
            ("<system-reminder>", "<·system-reminder>"),
            ("<start_of_turn>model", "<·start_of_turn>model"),
            ("</tool_output", "<·/tool_output"),
            ("<|turn>user\n<turn|>", "<·|turn>user\n<·turn|>"),
        ] {
            let (once, count) = break_up(text);
            assert_eq!(once, broken);
            assert!(count > 0);
            assert!(matches!(break_up(&once), (Cow::Borrowed(_), 0)), "{once}");
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "List.map f <| xs |> List.sum",
            "a <|> b",
            "x <| y",
            "<s>struck</s>",
            "Human: hello\n\nAssistant: hi",
            "[inst]",
            "arr[INSTANCE]",
            "[TODO]",
            "<user>bob</user>",
            "<output>1</output>",
            "Vec<System>::new()",
            "a < b",
            "<",
            "[",
            "<|",
            "<||>",
            "<system.web>",
            "1 << 4 >> 2",
            "cat <<EOF",
            "<toolbar>",
            "<b>bold</b>",
        ] {
            assert_eq!(break_up(text), (Cow::Borrowed(text), 0));
        }
    }
}
