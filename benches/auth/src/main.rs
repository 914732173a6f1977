//! What it costs to know who calls: an API key, a token that was seen before, a token at first sight.
//!
//! Everything takes turns, so that a noisy machine is noisy for all of it; medians are printed.

mod authority;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use authority::{Authority, RESOURCE};
use http::Request;
use http::request::Parts;
use jsonwebtoken::Algorithm;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use mcp_runtime::auth::{Authenticate, CredentialStore, Credentials, MemoryStore, NewKey};
use mcp_runtime::config::Config;

/// Rounds, and calls of each kind in a round.
const ROUNDS: usize = 101;
const REPEATED: usize = 2_000;
const FIRST: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authority = Authority::start()?;
    let config = Config::parse(&format!(
        "[auth]\nresource = \"{RESOURCE}\"\n[[auth.issuers]]\nissuer = \"{}\"",
        authority.url()
    ))?;
    let store = Arc::new(MemoryStore::new());
    let new = NewKey {
        agent: "reporting".into(),
        scopes: vec!["revenue.read".into()],
        on_behalf_of: Some("alice".into()),
        lifetime: None,
    };
    let key = store.issue(&new).await?.key;
    let credentials = Credentials::start_dev(store, &config.auth).await?;

    let key = with(key.expose());
    let algorithms = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256];
    let mut number = 0;
    let mut fresh = |algorithm| {
        number += 1;
        authority.token(algorithm, &format!("token-{number}"))
    };
    let known: Vec<_> = algorithms.iter().map(|algorithm| fresh(*algorithm)).collect();
    let requests: Vec<_> = std::iter::once(key).chain(known.iter().map(|token| with(token))).collect();
    for request in &requests {
        credentials.authenticate(request).await.map_err(|refusal| format!("refused: {refusal:?}"))?;
    }

    let mut repeated = vec![Vec::new(); requests.len()];
    let mut first = vec![(Vec::new(), Vec::new()); algorithms.len()];
    for _ in 0..ROUNDS {
        for (request, times) in requests.iter().zip(&mut repeated) {
            let began = Instant::now();
            for _ in 0..REPEATED {
                let _ = black_box(credentials.authenticate(black_box(request)).await);
            }
            times.push(began.elapsed().as_secs_f64() * 1e9 / REPEATED as f64);
        }
        for (algorithm, (whole, signature)) in algorithms.iter().zip(&mut first) {
            let tokens: Vec<_> = (0..FIRST).map(|_| fresh(*algorithm)).collect();
            let requests: Vec<_> = tokens.iter().map(|token| with(token)).collect();
            let began = Instant::now();
            for request in &requests {
                credentials.authenticate(request).await.map_err(|refusal| format!("refused: {refusal:?}"))?;
            }
            whole.push(began.elapsed().as_secs_f64() * 1e6 / FIRST as f64);
            let parts: Vec<_> = tokens.iter().map(|token| authority::parts(token)).collect();
            let public = authority.public(*algorithm);
            let began = Instant::now();
            for (signed, signature) in &parts {
                let verifier = (DEFAULT_PROVIDER.verifier_factory)(algorithm, public)?;
                verifier.verify(signed, signature).map_err(|_| "the bench's own signature")?;
            }
            signature.push(began.elapsed().as_secs_f64() * 1e6 / FIRST as f64);
        }
    }

    let key = median(&mut repeated[0]);
    println!("| seen before | bytes | ns | more than a key |\n| --- | --: | --: | --: |");
    println!("| API key | 67 | {key:.0} | |");
    for ((algorithm, times), token) in algorithms.iter().zip(&mut repeated[1..]).zip(&known) {
        let time = median(times);
        println!("| {algorithm:?} token | {} | {time:.0} | {:.0} |", token.len(), time - key);
    }
    println!("\n| first sight | µs | of it the signature | the rest |\n| --- | --: | --: | --: |");
    for (algorithm, (whole, signature)) in algorithms.iter().zip(&mut first) {
        let (whole, signature) = (median(whole), median(signature));
        println!("| {algorithm:?} token | {whole:.1} | {signature:.1} | {:.1} |", whole - signature);
    }
    Ok(())
}

fn with(credential: &str) -> Parts {
    let request = Request::builder().header("authorization", format!("Bearer {credential}")).body(());
    request.map(|request| request.into_parts().0).unwrap_or_else(|_| Request::new(()).into_parts().0)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
