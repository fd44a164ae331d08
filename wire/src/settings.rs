//! Where to connect, and how patiently.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

/// Where to connect, and how patiently.
#[derive(Clone)]
pub struct Settings {
    /// `ws://` or `wss://`. `/websocket` is appended to its path unless it ends so.
    pub url: String,
    /// What the URL's query says; `vsn=2.0.0` comes with it. Never shown, tokens are in it.
    pub params: Vec<(String, String)>,
    /// How often we ask whether the server is there, and how long it may be silent after that.
    pub heartbeat: Duration,
    /// How long an attempt to connect may take, to the end of the websocket's handshake.
    pub connect_timeout: Duration,
    /// How long to wait between attempts.
    pub backoff: Backoff,
    /// The longest frame that is sent, in bytes. A server that gets a longer one closes the connection.
    pub max_frame: u64,
    /// Trust the system's certificates rather than those that are built in.
    pub system_certificates: bool,
    /// Told of every frame of a channel that was written as a whole, how many bytes it had, without the websocket's header.
    pub on_frame: Option<OnFrame>,
}

/// See [`Settings::on_frame`]. It must not wait.
pub type OnFrame = Arc<dyn Fn(u64) + Send + Sync>;

/// The wait before the `n`th repetition is anything from nothing to `first · 2ⁿ⁻¹`, and to `most` at the longest.
///
/// After a connection that held for `most`, the first attempt is made at once, unless the server said that it restarts: then all of
/// its clients come at the same time, and it waits up to `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the first repetition.
    pub first: Duration,
    /// The longest wait before any.
    pub most: Duration,
}

impl Settings {
    /// The usual patience, for this URL.
    pub fn new(url: impl Into<String>) -> Settings {
        Settings {
            url: url.into(),
            params: Vec::new(),
            heartbeat: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            backoff: Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) },
            max_frame: 11_000_000,
            system_certificates: false,
            on_frame: None,
        }
    }

    /// What to connect to.
    pub(crate) fn target(&self) -> Result<Target, UrlError> {
        let uri: Uri = self.url.trim().parse().map_err(|_| UrlError::Malformed)?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Host)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if bare.is_empty() {
            return Err(UrlError::Host);
        }
        let mut path = uri.path().trim_end_matches('/').to_owned();
        if !path.ends_with("/websocket") {
            path.push_str("/websocket");
        }
        let mut query = uri.query().map(str::to_owned).unwrap_or_default();
        for (name, value) in self.params.iter().map(|(n, v)| (n.as_str(), v.as_str())).chain([("vsn", "2.0.0")]) {
            if !query.is_empty() {
                query.push('&');
            }
            percent_encode(name, &mut query);
            query.push('=');
            percent_encode(value, &mut query);
        }
        let scheme = if secure { "wss" } else { "ws" };
        Ok(Target {
            secure,
            host: bare.to_owned(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            uri: format!("{scheme}://{authority}{path}?{query}").parse().map_err(|_| UrlError::Malformed)?,
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.params.iter().map(|(name, _)| name).collect();
        f.debug_struct("Settings").field("url", &self.url).field("params", &names).finish_non_exhaustive()
    }
}

/// A URL that was understood.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// All of it, with the parameters: a secret.
    pub(crate) uri: Uri,
}

/// Why a URL cannot be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is none.
    #[error("not a URL")]
    Malformed,
    /// Not `ws` or `wss`.
    #[error("the URL's scheme must be ws or wss")]
    Scheme,
    /// Nobody to connect to.
    #[error("the URL names no host")]
    Host,
    /// `user:password@`, which nothing here would send.
    #[error("a URL with a user name")]
    Credentials,
}

fn percent_encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => out.extend(['%', HEX[usize::from(byte >> 4)].into(), HEX[usize::from(byte & 15)].into()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let check = |url: &str, expected: Result<&str, UrlError>| {
            let mut settings = Settings::new(url);
            settings.params = vec![("token".into(), "a.b-c_d+/=é".into())];
            let found = settings.target().map(|target| target.uri.to_string());
            let query = "token=a.b-c_d%2B%2F%3D%C3%A9&vsn=2.0.0";
            assert_eq!(found, expected.map(|start| format!("{start}{query}")), "{url}");
        };
        check("ws://localhost:4000/worker", Ok("ws://localhost:4000/worker/websocket?"));
        check("ws://localhost:4000/worker/", Ok("ws://localhost:4000/worker/websocket?"));
        check("wss://example.org/worker/websocket", Ok("wss://example.org/worker/websocket?"));
        check("wss://example.org", Ok("wss://example.org/websocket?"));
        check("ws://[::1]:9/worker?a=b", Ok("ws://[::1]:9/worker/websocket?a=b&"));
        check("http://example.org/worker", Err(UrlError::Scheme));
        check("example.org/worker", Err(UrlError::Malformed));
        check("/worker", Err(UrlError::Scheme));
        check("ws://me:secret@example.org/worker", Err(UrlError::Credentials));
        check("", Err(UrlError::Malformed));
    }

    #[test]
    fn a_target_is_where_to_connect() {
        let target = |url: &str| Settings::new(url).target().map(|t| (t.secure, t.host, t.port));
        assert_eq!(target("wss://example.org/worker"), Ok((true, "example.org".into(), 443)));
        assert_eq!(target("ws://[::1]/worker"), Ok((false, "::1".into(), 80)));
    }

    #[test]
    fn parameters_are_not_shown() {
        let mut settings = Settings::new("ws://localhost/worker");
        settings.params = vec![("token".into(), "secret".into())];
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
