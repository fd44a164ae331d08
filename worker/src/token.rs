//! Tokens: the one that the worker shows, and the one that each run comes with.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Why a token or a key is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The public key is not what the server's administrator should have handed out.
    #[error("the server's public key is not the base64 of a PEM: {0}")]
    Key(String),
    /// A run's token was not signed by the server.
    #[error("the run's token is not the server's: {0}")]
    Foreign(String),
    /// The worker's token cannot be signed.
    #[error("the worker's token cannot be signed: {0}")]
    Unsigned(String),
}

#[derive(Serialize)]
struct WorkerClaims<'a> {
    worker_id: &'a str,
    iat: u64,
    iss: &'static str,
}

/// The token that a worker shows when it connects. There is no end to it, and nothing in it that a clock which is a little fast
/// would spoil.
///
/// # Errors
/// When it cannot be signed.
pub fn worker(secret: &str, worker: &str) -> Result<String, Error> {
    let claims = WorkerClaims { worker_id: worker, iat: now().as_secs(), iss: "urn:openfn:worker" };
    // The bytes of the secret as they stand, also where it looks like base64: both sides do so.
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .map_err(|error| Error::Unsigned(error.to_string()))
}

/// Checks that the tokens of runs are the server's.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    /// For the key that the server's administrator hands out as `WORKER_LIGHTNING_PUBLIC_KEY`: the base64 of a PEM.
    ///
    /// # Errors
    /// When it is not that.
    pub fn new(key: &str) -> Result<Verifier, Error> {
        let pem = STANDARD.decode(key.trim()).map_err(|error| Error::Key(error.to_string()))?;
        let key = DecodingKey::from_rsa_pem(&pem).map_err(|error| Error::Key(error.to_string()))?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&["Lightning"]);
        validation.set_required_spec_claims(&["iss"]);
        validation.leeway = 5;
        Ok(Verifier { key, validation })
    }

    /// Checks one token.
    ///
    /// # Errors
    /// When it is not the server's, or of another run.
    pub fn check(&self, token: &str, run: &str) -> Result<(), Error> {
        let foreign = |why: &dyn fmt::Display| Error::Foreign(why.to_string());
        let claims =
            jsonwebtoken::decode::<RunClaims>(token, &self.key, &self.validation).map_err(|e| foreign(&e))?.claims;
        match claims.id.as_deref() {
            Some(id) if id != run => Err(foreign(&"it is for another run")),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct RunClaims {
    id: Option<String>,
    nbf: Option<u64>,
    exp: Option<u64>,
}

/// How long a run's token is good from when it was given; `None` when it does not say. By the server's clock alone: ours may be
/// another. The signature is not looked at.
pub fn lasts(token: &str) -> Option<Duration> {
    let claims = claims(token)?;
    Some(Duration::from_secs(claims.exp?.saturating_sub(claims.nbf?)))
}

fn claims(token: &str) -> Option<RunClaims> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// How long a run's token will be good, by our clock; `None` when it does not say. The signature is not looked at.
pub fn left(token: &str) -> Option<Duration> {
    Some(Duration::from_secs(claims(token)?.exp?).saturating_sub(now()))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_token_has_the_three_claims_and_no_more() {
        let token = worker("secret", "a-b").unwrap();
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&payload).unwrap();
        assert_eq!(claims.keys().collect::<Vec<_>>(), ["worker_id", "iat", "iss"]);
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["iss"]);
        let key = DecodingKey::from_secret(b"secret");
        assert!(jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).is_ok());
    }

    #[test]
    fn what_is_left_of_a_token() {
        let exp = now().as_secs() + 100;
        let token = format!("x.{}.z", URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{exp}}}")));
        assert!(left(&token).is_some_and(|left| left > Duration::from_secs(98) && left <= Duration::from_secs(100)));
        assert_eq!(left("x.y.z"), None);
        assert_eq!(left(""), None);
    }

    #[test]
    fn a_key_that_is_none_says_so() {
        assert!(matches!(Verifier::new("not base64!"), Err(Error::Key(_))));
        assert!(matches!(Verifier::new("aGVsbG8="), Err(Error::Key(_))));
    }
}
