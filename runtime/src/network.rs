//! What a run may reach, and how much of it: plain data with documented defaults. Who asks is `fetch.rs`.
//!
//! A host is judged twice: by its name before it is looked up, and by the address that is about to be connected to. There is
//! no second look-up in between, and a redirect is a new request, so neither a name that changes its mind (DNS rebinding) nor
//! a friendly server gets a job to an address that is refused.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use deno_core::url::{Host, Url};
use serde::{Deserialize, Serialize};

/// The network of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Which hosts may be reached at all.
    pub hosts: Hosts,
    /// Which of them may be at an address that is not on the public internet: private, loopback, link-local, metadata, …
    pub private: Hosts,
    /// Addresses of names that are not looked up. They are judged like any other address.
    pub names: BTreeMap<String, Vec<IpAddr>>,
    /// Whose word is taken for a server's identity. There is no way to take nobody's.
    pub certificates: Certificates,
    /// Connections open at once. More requests than that wait for one another.
    pub connections: usize,
    /// Requests of the run, redirects included. `None` = no limit.
    pub requests: Option<u64>,
    /// Bytes that the run receives; counted on the wire and again after decompression, and neither may exceed it.
    /// `None` = no limit.
    pub received: Option<u64>,
    /// Bytes that the run sends, on the wire. `None` = no limit.
    pub sent: Option<u64>,
    /// Time of one request, from `fetch` to the end of the response's body; each redirect starts anew. `None` = no limit.
    pub request_timeout: Option<Duration>,
}

/// Whose word is taken for a server's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certificates {
    /// Mozilla's list, as it was when this program was built.
    #[default]
    Bundled,
    /// The list of the machine.
    System,
}

impl Default for Network {
    /// Everything may be reached: who starts a run on his own machine reaches it anyway. 64 connections at once, 1 GiB each way,
    /// 5 minutes a request.
    fn default() -> Self {
        Network {
            hosts: Hosts::Any,
            private: Hosts::Any,
            names: BTreeMap::new(),
            certificates: Certificates::Bundled,
            connections: 64,
            requests: None,
            received: Some(1 << 30),
            sent: Some(1 << 30),
            request_timeout: Some(Duration::from_secs(300)),
        }
    }
}

impl Network {
    /// Nothing may be reached.
    pub fn none() -> Network {
        Network { hosts: Hosts::none(), private: Hosts::none(), ..Network::strict() }
    }

    /// For code that nobody here has written: the public internet only, 16 connections at once, 10,000 requests, 256 MiB each way,
    /// 2 minutes a request.
    pub fn strict() -> Network {
        Network {
            private: Hosts::none(),
            connections: 16,
            requests: Some(10_000),
            received: Some(256 << 20),
            sent: Some(256 << 20),
            request_timeout: Some(Duration::from_secs(120)),
            ..Network::default()
        }
    }

    /// Whether there is any host that may be reached.
    pub fn reaches_anything(&self) -> bool {
        self.hosts != Hosts::none()
    }

    /// May this URL be asked for, as far as its name tells?
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), String> {
        let Some(host) = url.host() else {
            return Err("the URL names no host".into());
        };
        let port = url.port_or_known_default().unwrap_or(0);
        match self.hosts.contain(&host, port) {
            true => Ok(()),
            false if self.hosts == Hosts::none() => Err("this run has no network".into()),
            false => Err(format!("the host {}:{port} is not among those that this run may reach", shown(&host))),
        }
    }

    /// May this address be connected to in the name of that URL's host?
    pub(crate) fn check_address(&self, url: &Url, address: IpAddr) -> Result<(), String> {
        let Some(kind) = kind(address) else {
            return Ok(());
        };
        let Some(host) = url.host() else {
            return Err("the URL names no host".into());
        };
        if self.private.contain(&host, url.port_or_known_default().unwrap_or(0)) {
            return Ok(());
        }
        let name = match host {
            Host::Domain(name) => format!("{name} is at {address}"),
            _ => format!("{address} is"),
        };
        let what = if name.ends_with(" is") { format!("{name} {kind}") } else { format!("{name}, {kind}") };
        Err(format!("{what}, which this run may not reach"))
    }

    /// The addresses that a name has without being looked up.
    pub(crate) fn known(&self, name: &str) -> Option<&[IpAddr]> {
        self.names.get(bare(name)).map(Vec::as_slice)
    }
}

/// A set of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hosts {
    /// All of them.
    Any,
    /// Those that match one of these.
    Only(Vec<HostPattern>),
}

impl Hosts {
    /// No host.
    pub fn none() -> Hosts {
        Hosts::Only(Vec::new())
    }

    fn contain(&self, host: &Host<&str>, port: u16) -> bool {
        match self {
            Hosts::Any => true,
            Hosts::Only(patterns) => patterns.iter().any(|pattern| pattern.matches(host, port)),
        }
    }
}

/// `api.example.org`, `*.example.org` (what is below it, not itself), `192.0.2.1`, `[2001:db8::1]`; each with `:port` or for all
/// ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    name: Name,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Host(Host),
    /// With its leading dot.
    Below(String),
}

impl HostPattern {
    fn matches(&self, host: &Host<&str>, port: u16) -> bool {
        self.port.is_none_or(|only| only == port)
            && match (&self.name, host) {
                (Name::Host(Host::Domain(ours)), Host::Domain(theirs)) => ours == bare(theirs),
                (Name::Host(Host::Ipv4(ours)), Host::Ipv4(theirs)) => ours == theirs,
                (Name::Host(Host::Ipv6(ours)), Host::Ipv6(theirs)) => ours == theirs,
                (Name::Below(ours), Host::Domain(theirs)) => bare(theirs).ends_with(ours),
                _ => false,
            }
    }
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<HostPattern, String> {
        if text.contains("://") || text.contains('/') {
            return Err(format!("`{text}` is a URL; write its host alone, such as api.example.org or localhost:8080"));
        }
        // A colon inside brackets is not the one before a port.
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') && (!name.contains(':') || name.ends_with(']')) => {
                let port = port.parse().map_err(|_| format!("`{port}` is no port: it is a number up to 65535"))?;
                (name, Some(port))
            }
            _ => (text, None),
        };
        let host = |name: &str| {
            if name.contains('*') {
                return Err(format!("`{text}`: a star stands for what is left of a name, as in *.example.org"));
            }
            let literal = name.parse::<Ipv6Addr>().map(Host::Ipv6);
            literal
                .or_else(|_| Host::parse(name.strip_suffix('.').unwrap_or(name)))
                .map_err(|error| format!("`{text}` is no host: {error}"))
        };
        let name = match name.strip_prefix("*.") {
            Some(rest) => match host(rest)? {
                Host::Domain(domain) => Name::Below(format!(".{domain}")),
                _ => return Err(format!("`{text}`: there is nothing below an address")),
            },
            None => Name::Host(host(name)?),
        };
        Ok(HostPattern { name, port })
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<HostPattern, String> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> String {
        let name = match pattern.name {
            Name::Host(host) => host.to_string(),
            Name::Below(domain) => format!("*{domain}"),
        };
        pattern.port.map_or(name.clone(), |port| format!("{name}:{port}"))
    }
}

/// Without the dot that a name may end with.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn shown(host: &Host<&str>) -> String {
    host.to_string()
}

/// What is special about an address; `None` for the public internet.
fn kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

/// The IANA special-purpose registry (RFC 6890), and where clouds answer questions about their machines.
fn kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    const METADATA: &str = "a cloud's metadata address";
    const RESERVED: &str = "a reserved address";
    Some(match address.octets() {
        [169, 254, 169, 254]
        | [169, 254, 170, 2 | 23]
        | [100, 100, 100, 200]
        | [192, 0, 0, 192]
        | [168, 63, 129, 16] => METADATA,
        [127, ..] => "a loopback address",
        [0, ..] => "this machine itself",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "a carrier's private address",
        [169, 254, ..] => "a link-local address",
        [192, 0, 0, _] | [192, 0, 2, _] | [192, 88, 99, _] => RESERVED,
        [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => RESERVED,
        [224..=239, ..] => "a multicast address",
        [240..=255, ..] => RESERVED,
        _ => return None,
    })
}

/// Only 2000::/3 is the public internet; forms that carry an IPv4 address are what that address is.
fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let low = || Ipv4Addr::from((u32::from(segments[6]) << 16) | u32::from(segments[7]));
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("this machine itself"),
        // Mapped and compatible. A mapped address is connected to over IPv4.
        [0, 0, 0, 0, 0, 0xffff | 0, ..] => kind_v4(low()).or(Some("a reserved address").filter(|_| segments[5] == 0)),
        // What a network without IPv4 calls an IPv4 address (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => kind_v4(low()),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Some("a cloud's metadata address"),
        [0xfc00..=0xfdff, ..] => Some("a unique-local address"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfec0..=0xfeff, ..] => Some("a private address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        // Tunnels (Teredo, 6to4) may end anywhere.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => {
            Some("a reserved address")
        }
        [0x2000..=0x3fff, ..] => None,
        _ => Some("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn kind_of(address: &str, expected: &str) {
        assert_eq!(kind(address.parse().unwrap()).unwrap_or("public"), expected, "{address}");
    }

    #[test]
    fn addresses() {
        for public in
            ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111"]
        {
            kind_of(public, "public");
        }
        kind_of("::ffff:1.1.1.1", "public");
        kind_of("64:ff9b::101:101", "public");
        for loopback in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "::127.0.0.1"] {
            kind_of(loopback, "a loopback address");
        }
        for private in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::ffff:10.1.2.3", "fec0::1"] {
            kind_of(private, "a private address");
        }
        for metadata in
            ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200"]
        {
            kind_of(metadata, "a cloud's metadata address");
        }
        for reserved in
            ["192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "2001::1", "2002:7f00:1::", "2001:db8::1"]
        {
            kind_of(reserved, "a reserved address");
        }
        kind_of("::8.8.8.8", "a reserved address");
        kind_of("4000::1", "a reserved address");
        kind_of("100::1", "a reserved address");
        kind_of("64:ff9b:1::1", "a reserved address");
        kind_of("0.0.0.0", "this machine itself");
        kind_of("::", "this machine itself");
        kind_of("100.64.0.1", "a carrier's private address");
        kind_of("169.254.1.1", "a link-local address");
        kind_of("fe80::1", "a link-local address");
        kind_of("fd12:3456::1", "a unique-local address");
        kind_of("224.0.0.1", "a multicast address");
        kind_of("ff02::1", "a multicast address");
    }

    #[track_caller]
    fn matches(pattern: &str, url: &str, expected: bool) {
        let hosts = Hosts::Only(vec![pattern.parse().unwrap()]);
        let network = Network { hosts, ..Network::default() };
        assert_eq!(network.check_url(&Url::parse(url).unwrap()).is_ok(), expected, "{pattern} {url}");
    }

    #[test]
    fn patterns() {
        matches("api.example.org", "https://api.example.org/x", true);
        matches("api.example.org", "https://API.EXAMPLE.ORG.:444", true);
        matches("API.example.org.", "https://api.example.org", true);
        matches("api.example.org", "https://api.example.org.evil.com", false);
        matches("api.example.org", "https://evil.com/api.example.org", false);
        matches("api.example.org", "https://api.example.org@evil.com", false);
        matches("api.example.org", "https://xapi.example.org", false);
        matches("*.example.org", "https://a.example.org", true);
        matches("*.example.org", "https://a.b.example.org", true);
        matches("*.example.org", "https://example.org", false);
        matches("*.example.org", "https://badexample.org", false);
        matches("example.org:8443", "https://example.org:8443", true);
        matches("example.org:8443", "https://example.org", false);
        matches("example.org:443", "https://example.org", true);
        matches("example.org:443", "http://example.org", false);
        matches("bücher.example", "https://xn--bcher-kva.example", true);
        matches("127.0.0.1", "http://0x7f.1", true);
        matches("[::1]:80", "http://[0:0::1]", true);
        matches("::1", "http://[::1]:8080", true);
        for text in ["api.example.org", "*.example.org:443", "192.0.2.1:8080", "[2001:db8::1]:80", "[::1]"] {
            let pattern: HostPattern = text.parse().unwrap();
            assert_eq!(String::from(pattern), text);
        }
        for wrong in ["https://example.org", "a.*.org", "*", "", "example.org:99999", "*.127.0.0.1", "a b"] {
            assert!(wrong.parse::<HostPattern>().is_err(), "{wrong}");
        }
    }
}
