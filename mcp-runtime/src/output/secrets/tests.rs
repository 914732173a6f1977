use std::borrow::Cow;

use super::mask;
use crate::auth::ApiKey;

/// Base64url of `{"alg":"HS256","typ":"JWT"}` and of `{"sub":"1"}`.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
const CLAIMS: &str = "eyJzdWIiOiIxIn0";

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn pem(label: &str) -> String {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    format!("-----BEGIN {label}-----\n{line}\n{line}\nMzEf\n-----END {label}-----")
}

fn digits(count: usize) -> String {
    "A1b2C3d4E5".repeat(count.div_ceil(10))[..count].to_owned()
}

#[test]
fn credentials_are_masked() {
    let own = ApiKey::generate().expect("randomness");
    let table = [
        (own.expose().to_owned(), "api key"),
        ("AKIAIOSFODNN7EXAMPLE".to_owned(), "aws key"),
        ("ASIAIOSFODNN7EXAMPLE".to_owned(), "aws key"),
        (format!("ghp_{}", digits(36)), "github token"),
        (format!("gho_{}", digits(36)), "github token"),
        (format!("ghu_{}", digits(36)), "github token"),
        (format!("ghs_{}", digits(36)), "github token"),
        (format!("ghr_{}", digits(76)), "github token"),
        (format!("github_pat_{}_{}", digits(22), digits(59)), "github token"),
        (format!("xoxb-1234567890-1234567890-{}", digits(24)), "slack token"),
        (format!("xoxp-1234567890-{}", digits(24)), "slack token"),
        (format!("xapp-1-A012-3456789-{}", digits(24)), "slack token"),
        (format!("sk_live_{}", digits(24)), "stripe key"),
        (format!("rk_live_{}", digits(24)), "stripe key"),
        (format!("sk_test_{}", digits(24)), "stripe key"),
        (format!("whsec_{}", digits(32)), "stripe key"),
        (format!("{HEADER}.{CLAIMS}.{}", digits(43)), "jwt"),
        (format!("{HEADER}.{CLAIMS}."), "jwt"),
        (format!("{HEADER}..{}.{}.{}", digits(16), digits(40), digits(22)), "jwt"),
        (pem("PRIVATE KEY"), "private key"),
        (pem("RSA PRIVATE KEY"), "private key"),
        (pem("OPENSSH PRIVATE KEY").replace('\n', "\\n"), "private key"),
        (
            pem("EC PRIVATE KEY").replacen('\n', "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n", 1),
            "private key",
        ),
        ("4111 1111 1111 1111".to_owned(), "card number"),
        ("4111-1111-1111-1111".to_owned(), "card number"),
        ("4111111111111111".to_owned(), "card number"),
        ("5555555555554444".to_owned(), "card number"),
        ("2223003122003222".to_owned(), "card number"),
        ("378282246310005".to_owned(), "card number"),
        ("3782 822463 10005".to_owned(), "card number"),
        ("30569309025904".to_owned(), "card number"),
        ("6011111111111117".to_owned(), "card number"),
        ("3530111333300000".to_owned(), "card number"),
    ];
    for (secret, name) in table {
        for (before, after) in
            [("", ""), ("key: ", "."), ("\"", "\""), ("a=", "&b"), ("(", ")"), ("\\n", "\n"), ("密钥", "，")]
        {
            let text = format!("{before}{secret}{after}");
            // A point belongs to a token that ends with one.
            if secret.ends_with('.') && after == "." {
                continue;
            }
            let (masked, count) = mask(&text, false);
            assert_eq!(masked, format!("{before}[masked: {name}]{after}"), "{text}");
            assert_eq!(count, 1, "{text}");
            assert!(matches!(mask(&masked, false), (Cow::Borrowed(_), 0)), "{masked}");
        }
    }
}

#[test]
fn secrets_are_told_by_what_stands_before_them() {
    for (text, masked) in [
        (format!("aws_secret_access_key = {SECRET}"), "aws_secret_access_key = [masked: aws key]"),
        (format!("\"SecretAccessKey\": \"{SECRET}\""), "\"SecretAccessKey\": \"[masked: aws key]\""),
        (format!("AKIAIOSFODNN7EXAMPLE,{SECRET}"), "[masked: aws key],[masked: aws key]"),
        (SECRET.to_owned(), SECRET),
        (format!("commit {SECRET}"), &format!("commit {SECRET}")),
    ] {
        assert_eq!(mask(&text, false).0, masked);
    }
    assert_eq!(mask(SECRET, true).0, "[masked: aws key]");
}

#[test]
fn a_block_that_is_cut_goes_as_far_as_it_goes() {
    let whole = pem("PRIVATE KEY");
    let cut = &whole[..whole.len() - 27];
    assert_eq!(mask(cut, false).0, "[masked: private key]");
    let mixed = format!("{}\n\nThe rest is prose, and stays.", &whole[..100]);
    assert_eq!(mask(&mixed, false).0, "[masked: private key]\n\nThe rest is prose, and stays.");
    let two = format!("{whole}\n{whole}");
    assert_eq!(mask(&two, false).0, "[masked: private key]\n[masked: private key]");
}

#[test]
fn what_is_no_credential_stays() {
    let public = pem("PUBLIC KEY");
    let certificate = pem("CERTIFICATE");
    for text in [
        public.as_str(),
        &certificate,
        "A file starts with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----.",
        "ghp_ is the prefix; ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx a placeholder",
        "sk_live_your_key_here sk_live_ task_live_1234567890abcdef1234 pk_live_A1b2C3d4E5A1b2C3d4E5A1b2",
        "mcpk_ mcpk_short AKIA AKIASHORT xAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLEX",
        "xoxb-short secret key: keep it",
        "eyJhbGciOiJIUzI1NiJ9 eyJub3QiOiJhIGhlYWRlciJ9.eyJub3QiOiJhIGhlYWRlciJ9.x",
        // Times, counters, UUIDs, hashes, product codes, telephone numbers, coordinates, references.
        "1700000000 1700000000000 1700000000000000 1700000000000000000",
        "550e8400-e29b-41d4-a716-446655440000 4111111111111112 41111111111111111",
        "4006381333931 9781861972712 +4915112345678 3.4111111111111111 /orders/4111111111111111 #4111111111111111",
        "id_4111111111111111 4111111111111111px 4111 1111 1111 11111 1234-4111-1111-1111-1111 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "DE05 4702 2115 2192 7190 49, FR74 4148 8556 3964 8221 4847 144 and GB05 WEST 4111 1111 1111 1111",
        "2024-01-01 12:00:00 192.168.100.200 1234 5678 9012 3456",
    ] {
        assert_eq!(mask(text, false), (Cow::Borrowed(text), 0));
    }
}
