//! Tokens: the one that a worker connects with, and the ones that it gets for its runs.
//!
//! JWTs are put together and taken apart here and not by a library, because a library that our own worker uses too would hide
//! from both what either gets wrong.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, KeyPair as _, RsaKeyPair};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::config::ServerVersion;

/// Who issues worker tokens.
const WORKER_ISSUER: &str = "urn:openfn:worker";

/// Who issues run tokens.
const RUN_ISSUER: &str = "Lightning";

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not three parts of base64 with JSON in them.
    #[error("not a JWT")]
    Form,
    /// Another algorithm than the one that belongs here.
    #[error("not signed with {0}")]
    Algorithm(&'static str),
    /// Signed with another key.
    #[error("the signature does not fit")]
    Signature,
    /// A claim is missing or says something else.
    #[error("the claim {0} is missing or wrong")]
    Claim(&'static str),
}

/// The key without PEM around it, or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// No PEM.
    #[error("the key for run tokens is not PEM")]
    Pem,
    /// Not an RSA key.
    #[error("the key for run tokens is not an RSA private key")]
    Rsa,
    /// No randomness, or no memory.
    #[error("no key for run tokens could be made")]
    Generate,
}

/// Checks a worker's token against the secret, and returns its claims.
pub fn check_worker(
    token: &str,
    secret: &str,
    version: ServerVersion,
    now: u64,
) -> Result<Map<String, Value>, Refused> {
    let parts = Parts::of(token)?;
    if parts.algorithm != "HS256" {
        return Err(Refused::Algorithm("HS256"));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, parts.signed.as_bytes(), &parts.signature).map_err(|_| Refused::Signature)?;
    let claims = parts.claims;
    if claims.get("iss").and_then(Value::as_str) != Some(WORKER_ISSUER) {
        return Err(Refused::Claim("iss"));
    }
    if version >= ServerVersion::CLAIMS {
        for claim in ["iat", "worker_id"] {
            if claims.get(claim).is_none_or(Value::is_null) {
                return Err(Refused::Claim(claim));
            }
        }
    }
    match claims.get("nbf") {
        Some(nbf) if nbf.as_u64().is_none_or(|nbf| nbf > now) => Err(Refused::Claim("nbf")),
        _ => Ok(claims),
    }
}

/// A token as a worker makes it. For tests, and for whoever wants to speak to the server by hand.
pub fn sign_worker(claims: &Value, secret: &str) -> String {
    let signed = unsigned("HS256", claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// The pair of keys that run tokens are signed and checked with.
#[derive(Debug, Clone)]
pub struct Keys {
    pair: Arc<RsaKeyPair>,
    public: String,
}

impl Keys {
    /// The key in a PEM, or one that was made once for this process: making one takes a while.
    pub fn new(pem: Option<&str>) -> Result<Keys, BadKey> {
        static MADE: OnceLock<Result<Keys, BadKey>> = OnceLock::new();
        match pem {
            Some(pem) => Keys::from_pem(pem),
            None => MADE.get_or_init(Keys::generate).clone(),
        }
    }

    fn generate() -> Result<Keys, BadKey> {
        let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(|_| BadKey::Generate)?;
        Keys::of(pair)
    }

    fn from_pem(pem: &str) -> Result<Keys, BadKey> {
        if !pem.contains("-----BEGIN") {
            return Err(BadKey::Pem);
        }
        let lines = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        let der = BASE64_STANDARD.decode(lines.collect::<String>()).map_err(|_| BadKey::Pem)?;
        let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)).map_err(|_| BadKey::Rsa)?;
        Keys::of(pair)
    }

    fn of(pair: RsaKeyPair) -> Result<Keys, BadKey> {
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| BadKey::Rsa)?;
        let public = BASE64_STANDARD.encode(pem("PUBLIC KEY", der.as_ref()));
        Ok(Keys { pair: Arc::new(pair), public })
    }

    /// The public key: base64 of its PEM, as workers take it.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// A token for a run that is claimed now.
    pub fn sign_run(&self, id: &str, now: u64, lasts: Duration) -> String {
        self.sign(&json!({
            "iss": RUN_ISSUER, "id": id, "sub": format!("run:{id}"), "nbf": now, "exp": now + lasts.as_secs(),
        }))
    }

    /// A token with any claims.
    pub fn sign(&self, claims: &Value) -> String {
        let signed = unsigned("RS256", claims);
        let mut tag = vec![0; self.pair.public_modulus_len()];
        match self.pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut tag) {
            Ok(()) => format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag)),
            // Not with a key that is one; and a token without a signature is refused.
            Err(_) => signed,
        }
    }

    /// Checks a run's token at its join.
    pub fn check_run(&self, token: &str, id: &str, now: u64) -> Result<(), Refused> {
        let parts = Parts::of(token)?;
        if parts.algorithm != "RS256" {
            return Err(Refused::Algorithm("RS256"));
        }
        let key = self.pair.public_key();
        signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key.as_ref())
            .verify(parts.signed.as_bytes(), &parts.signature)
            .map_err(|_| Refused::Signature)?;
        let text = |name: &str| parts.claims.get(name).and_then(Value::as_str);
        let number = |name: &str| parts.claims.get(name).and_then(Value::as_u64);
        let subject = format!("run:{id}");
        let holds = [
            ("iss", text("iss") == Some(RUN_ISSUER)),
            ("id", text("id") == Some(id)),
            ("sub", text("sub") == Some(&subject)),
            ("nbf", number("nbf").is_some_and(|nbf| nbf <= now)),
            ("exp", number("exp").is_some_and(|exp| now < exp)),
        ];
        match holds.iter().find(|(_, holds)| !holds) {
            Some((claim, _)) => Err(Refused::Claim(claim)),
            None => Ok(()),
        }
    }
}

/// A JWT, taken apart and not yet checked.
struct Parts<'a> {
    signed: &'a str,
    algorithm: String,
    claims: Map<String, Value>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Parts<'a>, Refused> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Form)?;
        let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Form);
        let object =
            |part: &str| serde_json::from_slice::<Map<String, Value>>(&bytes(part)?).map_err(|_| Refused::Form);
        let algorithm = object(header)?.get("alg").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Parts { signed, algorithm, claims: object(claims)?, signature: bytes(signature)? })
    }
}

/// Header and claims, ready to be signed.
fn unsigned(algorithm: &str, claims: &Value) -> String {
    let header = json!({"alg": algorithm, "typ": "JWT"}).to_string();
    format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000;

    #[test]
    fn worker_tokens_need_their_claims() {
        fn check(claims: Value, version: ServerVersion, expected: Result<(), Refused>) {
            let token = sign_worker(&claims, "s");
            assert_eq!(check_worker(&token, "s", version, NOW).map(drop), expected, "{claims}");
        }
        let (old, new) = (ServerVersion(2, 10, 8), ServerVersion(2, 18, 2));
        check(json!({"iss": WORKER_ISSUER, "iat": 1, "worker_id": "w"}), new, Ok(()));
        check(json!({"iss": WORKER_ISSUER, "iat": 1, "worker_id": "w", "nbf": NOW}), new, Ok(()));
        check(
            json!({"iss": WORKER_ISSUER, "iat": 1, "worker_id": "w", "nbf": NOW + 1}),
            new,
            Err(Refused::Claim("nbf")),
        );
        check(json!({"iss": WORKER_ISSUER, "iat": 1}), new, Err(Refused::Claim("worker_id")));
        check(json!({"iss": WORKER_ISSUER, "worker_id": "w"}), new, Err(Refused::Claim("iat")));
        check(json!({"iss": WORKER_ISSUER}), old, Ok(()));
        check(json!({"iss": "x", "iat": 1, "worker_id": "w"}), old, Err(Refused::Claim("iss")));
    }

    #[test]
    fn worker_tokens_are_signed_with_the_secret_and_by_hs256() {
        let claims = json!({"iss": WORKER_ISSUER, "iat": 1, "worker_id": "w"});
        let version = ServerVersion(2, 18, 2);
        let check = |token: &str| check_worker(token, "s", version, NOW).map(drop);
        assert_eq!(check(&sign_worker(&claims, "other")), Err(Refused::Signature));
        assert_eq!(check(&format!("{}.", unsigned("none", &claims))), Err(Refused::Algorithm("HS256")));
        assert_eq!(check(""), Err(Refused::Form));
        assert_eq!(check("a.b.c"), Err(Refused::Form));
    }

    #[test]
    fn run_tokens_hold_for_their_run_and_their_time() {
        let keys = Keys::new(None).unwrap();
        let token = keys.sign_run("r", NOW, Duration::from_secs(10));
        let check = |id, now, expected| assert_eq!(keys.check_run(&token, id, now), expected, "{id} {now}");
        check("r", NOW, Ok(()));
        check("r", NOW + 9, Ok(()));
        check("r", NOW + 10, Err(Refused::Claim("exp")));
        check("r", NOW - 1, Err(Refused::Claim("nbf")));
        check("other", NOW, Err(Refused::Claim("id")));
        let claims = json!({"iss": RUN_ISSUER, "id": "r", "sub": "run:r", "nbf": NOW});
        assert_eq!(keys.check_run(&keys.sign(&claims), "r", NOW), Err(Refused::Claim("exp")));
        let other = Keys::generate().unwrap();
        assert_eq!(other.check_run(&token, "r", NOW), Err(Refused::Signature));
        assert_eq!(keys.check_run(&sign_worker(&claims, "s"), "r", NOW), Err(Refused::Algorithm("RS256")));
    }

    #[test]
    fn the_public_key_is_base64_of_pem() {
        let public = Keys::new(None).unwrap().public().to_owned();
        let pem = String::from_utf8(BASE64_STANDARD.decode(public).unwrap()).unwrap();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMII"), "{pem}");
        assert!(Keys::new(Some(&pem)).is_err(), "a public key signs nothing");
        assert!(Keys::new(Some("x")).is_err());
    }

    #[test]
    fn a_private_key_can_be_given() {
        let made = Keys::new(None).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = made.pair.as_der().unwrap();
        let given = Keys::new(Some(&pem("PRIVATE KEY", der.as_ref()))).unwrap();
        assert_eq!(given.public(), made.public());
        let token = given.sign_run("r", NOW, Duration::from_secs(10));
        assert_eq!(made.check_run(&token, "r", NOW), Ok(()));
    }
}
