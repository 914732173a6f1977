//! Texts as people write them, and the worst that are known.

/// Clean ones, repeated to any size.
pub const CLEAN: &[(&str, &str)] =
    &[("English prose", PROSE), ("code and Markdown", CODE), ("mixed scripts and emoji", MIXED), ("JSON", JSON)];

/// Pieces that are repeated.
pub const HOSTILE: &[(&str, &str)] = &[
    ("lone CR", "\r"),
    ("`![`", "!["),
    ("`[`", "["),
    ("`]`", "]"),
    ("`](`", "]("),
    ("`![](`", "![]("),
    ("`![[`", "![["),
    ("`![a][`", "![a]["),
    ("`![a]: <`", "![a]: <"),
    ("`<`", "<"),
    ("`<a `", "<a "),
    ("`<img src=`", "<img src="),
    ("`<img src=\"`", "<img src=\""),
    ("`<img src='a`", "<img src='a"),
    ("`<p title=\"<img alt='`", "<p title=\"<img alt='"),
    ("`<style>@import `", "<style>@import "),
    ("`<b style=url(`", "<b style=url("),
    ("`<a\"style=/`", "<a\"style=/"),
    ("`<meta content=0;`", "<meta content=0;"),
    ("`\"`", "\""),
    ("`<a=\"'`", "<a=\"'"),
    ("`\\|`", "|"),
    ("`\\`", "\\"),
    ("backticks and `[`", "`[``]"),
    ("`$[`", "![a]$["),
    ("`1`", "1"),
    ("`4111 1111 1111 1112 `", "4111 1111 1111 1112 "),
    ("`4111-`", "4111-"),
    ("`4111111111111111 `", "4111111111111111 "),
    ("`-----BEGIN `", "-----BEGIN "),
    ("heads of keys", "-----BEGIN PRIVATE KEY-----\n"),
    ("heads of keys with headers", "-----BEGIN PRIVATE KEY-----\na: b\nc: d\n"),
    ("keys without an end", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"),
    ("`eyJ`", "eyJ"),
    ("`eyJhbGciOiJIUzI1NiJ9.`", "eyJhbGciOiJIUzI1NiJ9."),
    ("`secret`", "secret"),
    ("`secret_key=`", "secret_key="),
    ("`AKIA`", "AKIA"),
    ("`ghp_`", "ghp_"),
    ("joiners by turns", "\u{200b}\u{200c}\u{200d}"),
    ("joiners between letters", "a\u{200d}\u{200c}b"),
    ("tags", "\u{e0041}"),
    ("ESC", "\u{1b}"),
    ("`ESC ]`", "\u{1b}]"),
    ("`ESC [ 1;`", "\u{1b}[1;"),
    ("role tokens", "<|im_start|>"),
    ("`<\\|a`", "<|a"),
    ("`[INST`", "[INST"),
    ("images", "![a](https://evil.io/x)"),
    ("elements that load", "<img src=https://evil.io/x>"),
    ("labels", "[a]: https://evil.io\n"),
    ("`[[`…`]]`, blank lines", "[[a]]\n\n"),
    ("lines of `>`", "> <a b\n> c=d\n"),
];

/// A name, and what makes a text of a size.
pub type Growing = (&'static str, fn(usize) -> String);

/// Made for a size.
pub const GROWING: &[Growing] = &[
    ("words of `&<a\"style=/`", |size| of_size(&format!("{} ", "&<a\"style=/".repeat(22)), size)),
    ("nested brackets", |size| "[".repeat(size / 2) + &"]".repeat(size / 2)),
    ("nested images", |size| "![".repeat(size / 4) + &"](".repeat(size / 4)),
    ("images, then labels", |size| images(size / 2) + &labels(size / 2)),
    ("labels, then images", |size| labels(size / 2) + &images(size / 2)),
    ("one long string of `ESC ]`", |size| "\u{1b}]".to_owned() + &"a".repeat(size - 2)),
    ("one long image", |size| "![a](".to_owned() + &"(".repeat(size - 5)),
    ("one long tag", |size| "<img ".to_owned() + &"a=b ".repeat(size / 4 - 2)),
    ("one long tag of quotes", |size| "<img a=".to_owned() + &"\"'".repeat(size / 2 - 4)),
    ("one long `=`", |size| "<img a".to_owned() + &"=".repeat(size - 6)),
    ("one long blank", |size| "<img a".to_owned() + &" ".repeat(size - 7) + "="),
    ("one long header", |size| "eyJ".to_owned() + &"a".repeat(size - 3)),
    ("one long row of `\\`", |size| "![a".to_owned() + &"\\".repeat(size - 4) + "]"),
];

/// The text again and again, as near to the size as its characters allow.
pub fn of_size(text: &str, size: usize) -> String {
    let mut long = text.repeat(size.div_ceil(text.len()));
    long.truncate(long.floor_char_boundary(size));
    long
}

fn numbered(size: usize, one: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(size);
    for number in 0.. {
        let next = one(number);
        if text.len() + next.len() > size {
            break;
        }
        text.push_str(&next);
    }
    text
}

fn images(size: usize) -> String {
    numbered(size, |number| format!("![l{number}] "))
}

fn labels(size: usize) -> String {
    numbered(size, |number| format!("\n[l{number}]: //e.io"))
}

const PROSE: &str = "\
The band had played together since the spring of 1998, and by the time the third album came out nobody could say who
wrote what. \"We argued about everything,\" the drummer said later (she kept the diaries), \"and then we kept what was
left.\" Sales were modest: 12,400 copies in the first year, 3.2 per cent of them abroad. Still, at 4.50 a piece that paid
for the studio, for two guitars & a van - not a new one - and for a tour of 21 towns in 30 days. Reviews were kind; some
of the reviewers had been to the concerts, others had not, and it showed. What is it that makes a record last? Perhaps
it's the songs; perhaps it's just that somebody, somewhere, puts it on again.

";

const CODE: &str = "\
# Reports

See the [guide](https://docs.example.org/guide/reports.html), the [API reference][api] and <https://status.example.org>.

| name | type | default |
| --- | --- | --: |
| `months` | `u32` | 12 |
| `countries` | `Vec<String>` | `[]` |

```rust
fn totals(rows: &[Row], limit: usize) -> Result<Vec<(String, f64)>, Error> {
    let mut sums: HashMap<&str, f64> = HashMap::new();
    for row in rows.iter().filter(|row| row.months[0] < 240 && !row.name.is_empty()) {
        *sums.entry(row.name.as_str()).or_default() += row.values[row.first..].iter().sum::<f64>();
    }
    Ok(sums.into_iter().map(|(name, sum)| (name.to_owned(), sum)).take(limit).collect())
}
```

- [x] sorted, see [the issue](https://github.com/example/reports/issues/123)
- [ ] paged <b>later</b>, with <a href=\"https://example.org/pages\">cursors</a>
- the list `a[0]`, `b[i][j]` and the shift `1 << 4`

<details><summary>Output</summary><p class=\"out\">12 &lt; 24</p></details>

[api]: https://docs.example.org/api/ \"API\"

";

const MIXED: &str = "\
می\u{200c}خواهم کتاب\u{200c}های خانه\u{200c}ام را بخوانم؛ يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.
सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। क्\u{200d}ष, शक्\u{200d}ति।
人人生而自由，在尊严和权利上一律平等。すべての人間は、生まれながらにして自由であり、「平等」である。모든 인간은 태어날 때부터 자유롭다.
Alle Menschen sind frei und gleich an Würde geboren; être doué de raison — “naïve café”… Все люди рождаются свободными.
Great album 👍🏽 👨\u{200d}👩\u{200d}👧\u{200d}👦 ❤\u{fe0f} 🎸🇩🇪 see you at 20:30 in Zürich, it costs 15 € (or ₹1,200)!
";

const JSON: &str = "\
{\"id\":\"550e8400-e29b-41d4-a716-446655440000\",\"created\":\"2024-05-17T09:41:07.123456Z\",\"total\":1299.5,\"paid\":true,
\"customer\":{\"name\":\"Luis Goncalves\",\"email\":\"luisg@example.com\",\"phone\":\"+55 (12) 3923-5555\",\"company\":null},
\"lines\":[{\"sku\":\"AB-1029\",\"title\":\"For Those About To Rock\",\"quantity\":2,\"price\":0.99,\"tags\":[\"rock\",\"live\"]},
{\"sku\":\"AB-2210\",\"title\":\"Balls to the Wall\",\"quantity\":1,\"price\":1.99,\"tags\":[]}],\"note\":\"call before 18:00\"}
";
