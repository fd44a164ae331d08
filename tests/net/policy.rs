//! What a run may reach, and how much of it.

use std::process::Command;
use std::time::Duration;

use fulgurite_runtime::{Hosts, Network};
use libtest_mimic::Trial;

use super::server::Server;
use super::{hosts, job, refusal, trial, under, value};

pub(super) fn trials() -> Vec<Trial> {
    let group = "policy";
    vec![
        trial(group, "no_network", no_network),
        trial(group, "hosts", allowed_hosts),
        trial(group, "private_addresses", private),
        trial(group, "private_addresses_behind_names", private_names),
        trial(group, "private_hosts_by_name", private_hosts),
        trial(group, "redirects_are_judged", redirects),
        trial(group, "schemes", schemes),
        trial(group, "methods", methods),
        trial(group, "requests", requests),
        trial(group, "connections", connections),
        trial(group, "received", received),
        trial(group, "bombs", bombs),
        trial(group, "sent", sent),
        trial(group, "what_waits_to_be_sent", waiting),
        trial(group, "time_of_a_request", time),
        trial(group, "no_secrets_in_refusals", secrets),
        trial(group, "flags", flags),
        trial(group, "no_proxy", no_proxy),
    ]
}

fn only(patterns: &[&str]) -> Network {
    Network { hosts: hosts(patterns), ..Network::default() }
}

/// The public internet only.
fn public() -> Network {
    Network { private: Hosts::none(), ..Network::default() }
}

fn no_network() {
    let server = Server::start();
    let said = refusal(Network::none(), &server.base, "await fetch(`${base}/json`)");
    assert_eq!(said, format!("cannot fetch {}/json: this run has no network", server.base));
    assert_eq!(server.connections(), 0);
    // What needs no network is there all the same.
    let body = "return { v: await (await fetch('data:,hi')).text() };";
    assert_eq!(value(under(Network::none(), &job("", body))), r#""hi""#);
}

fn allowed_hosts() {
    let server = Server::start();
    let port = server.port();
    let reached = |network: Network| {
        value(under(network, &job(&server.base, "return { v: (await fetch(`${base}/json`)).status };")))
    };
    assert_eq!(reached(only(&["api.example.org", "127.0.0.1"])), "200");
    assert_eq!(reached(only(&[&format!("127.0.0.1:{port}")])), "200");
    let said = refusal(only(&["api.example.org"]), &server.base, "await fetch(`${base}/json`)");
    assert_eq!(
        said,
        format!(
            "cannot fetch {}/json: the host 127.0.0.1:{port} is not among those that this run may reach",
            server.base
        )
    );
    refusal(only(&["127.0.0.1:1"]), &server.base, "await fetch(`${base}/json`)");
    let mut network = only(&["*.example.org"]);
    network.names.insert("api.example.org".into(), vec!["127.0.0.1".parse().expect("an address")]);
    let body = format!("return {{ v: (await fetch('http://api.example.org:{port}/json')).status }};");
    assert_eq!(value(under(network.clone(), &job("", &body))), "200");
    refusal(network, "", &format!("await fetch('http://example.org:{port}/json')"));
}

fn private() {
    let server = Server::start();
    let port = server.port();
    let check = |host: &str, expected: &str| {
        let said = refusal(public(), "", &format!("await fetch('http://{host}:{port}/json')"));
        let (_, why) = said.split_once("/json: ").expect("names the URL");
        assert_eq!(why, format!("{expected}, which this run may not reach"), "{host}");
    };
    check("127.0.0.1", "127.0.0.1 is a loopback address");
    check("127.1", "127.0.0.1 is a loopback address");
    check("0x7f000001", "127.0.0.1 is a loopback address");
    check("2130706433", "127.0.0.1 is a loopback address");
    check("0", "0.0.0.0 is this machine itself");
    check("[::1]", "::1 is a loopback address");
    check("[::]", ":: is this machine itself");
    check("[::ffff:127.0.0.1]", "::ffff:127.0.0.1 is a loopback address");
    check("[64:ff9b::7f00:1]", "64:ff9b::7f00:1 is a loopback address");
    check("10.0.0.1", "10.0.0.1 is a private address");
    check("192.168.0.1", "192.168.0.1 is a private address");
    check("172.20.0.1", "172.20.0.1 is a private address");
    check("100.64.0.1", "100.64.0.1 is a carrier's private address");
    check("169.254.169.254", "169.254.169.254 is a cloud's metadata address");
    check("169.254.1.1", "169.254.1.1 is a link-local address");
    check("[fd00:ec2::254]", "fd00:ec2::254 is a cloud's metadata address");
    check("[fd00::1]", "fd00::1 is a unique-local address");
    check("[fe80::1]", "fe80::1 is a link-local address");
    check("224.0.0.1", "224.0.0.1 is a multicast address");
    check("255.255.255.255", "255.255.255.255 is a reserved address");
    assert_eq!(server.connections(), 0);
}

fn private_names() {
    let server = Server::start();
    let port = server.port();
    // By the system's own resolver.
    let said = refusal(public(), "", &format!("await fetch('http://localhost:{port}/json')"));
    assert!(
        said.contains("localhost is at ") && said.contains(", a loopback address, which this run may not reach"),
        "{said}"
    );
    // A name that somebody has pointed at this machine; with a dot or in capitals it is the same name.
    for name in ["rebind.example", "REBIND.example", "rebind.example."] {
        let mut network = public();
        let addresses = ["127.0.0.1", "10.0.0.1", "::ffff:127.0.0.1"];
        network
            .names
            .insert("rebind.example".into(), addresses.map(|address| address.parse().expect("an address")).to_vec());
        let said = refusal(network, "", &format!("await fetch('http://{name}:{port}/json')"));
        assert!(said.contains("is at ::ffff:127.0.0.1, a loopback address"), "{said}");
    }
    assert_eq!(server.connections(), 0);
}

fn private_hosts() {
    let server = Server::start();
    let port = server.port();
    let mut network = Network { private: hosts(&["inside.example"]), ..Network::default() };
    for name in ["inside.example", "outside.example"] {
        network.names.insert(name.into(), vec!["127.0.0.1".parse().expect("an address")]);
    }
    let body = format!("return {{ v: (await fetch('http://inside.example:{port}/json')).status }};");
    assert_eq!(value(under(network.clone(), &job("", &body))), "200");
    // A connection that is open to the same address is no way around.
    let body = format!(
        "await (await fetch('http://inside.example:{port}/json')).text(); await fetch('http://outside.example:{port}/json')"
    );
    let said = refusal(network, "", &body);
    assert!(said.contains("outside.example is at 127.0.0.1, a loopback address"), "{said}");
}

fn redirects() {
    let server = Server::start();
    let port = server.port();
    let mut network = Network { private: hosts(&["inside.example"]), ..Network::default() };
    network.names.insert("inside.example".into(), vec!["127.0.0.1".parse().expect("an address")]);
    for (target, why) in [
        (server.base.as_str(), "127.0.0.1 is a loopback address"),
        ("http://[::1]:8080", "::1 is a loopback address"),
        ("http://169.254.169.254", "169.254.169.254 is a cloud's metadata address"),
        ("http://192.168.1.1", "192.168.1.1 is a private address"),
    ] {
        for path in ["redirect", "redirect-307"] {
            let body = format!("await fetch('http://inside.example:{port}/{path}?{target}/json')");
            let said = refusal(network.clone(), "", &body);
            assert_eq!(said, format!("cannot fetch {target}/json: {why}, which this run may not reach"));
        }
    }
    let mut network = only(&["inside.example"]);
    network.names.insert("inside.example".into(), vec!["127.0.0.1".parse().expect("an address")]);
    let body = format!("await fetch('http://inside.example:{port}/redirect?http://evil.example/')");
    let said = refusal(network, "", &body);
    assert_eq!(
        said,
        "cannot fetch http://evil.example/: the host evil.example:80 is not among those that this run may reach"
    );
}

fn schemes() {
    let check = |url: &str, expected: &str| {
        assert_eq!(refusal(Network::default(), "", &format!("await fetch('{url}')")), expected)
    };
    check("file:///etc/passwd", "cannot fetch file:///etc/passwd: a job has no files");
    check(
        "ftp://example.org/x",
        "cannot fetch ftp://example.org/x: only http:, https:, data: and blob: can be fetched",
    );
    check("javascript:1", "cannot fetch javascript:: only http:, https:, data: and blob: can be fetched");
    check("ext:core/mod.js", "cannot fetch ext:: only http:, https:, data: and blob: can be fetched");
    check("blob:null/0", "cannot fetch blob:: there is no such Blob");
    check("http://127.0.0.1:22/", "Fetch failed: Requests to port 22 are blocked");
    let said = refusal(Network::default(), "", "await fetch('/relative')");
    assert!(said.starts_with("Invalid URL"), "{said}");
}

fn methods() {
    for method in ["CONNECT", "TRACE", "TRACK"] {
        refusal(Network::default(), "http://127.0.0.1:1", &format!("await fetch(base, {{ method: '{method}' }})"));
    }
}

fn requests() {
    let server = Server::start();
    let network = Network { requests: Some(3), ..Network::default() };
    let body = "for (let i = 0; i < 4; i++) await (await fetch(`${base}/json?${i}`)).text()";
    let expected = format!("cannot fetch {}/json: the run makes more than the 3 requests that it may", server.base);
    assert_eq!(refusal(network.clone(), &server.base, body), expected);
    // A redirect is a request.
    let body = "await fetch(`${base}/redirect?/redirect?/redirect?/json`)";
    assert_eq!(refusal(network, &server.base, body), expected);
}

fn connections() {
    let server = Server::start();
    let network = Network { connections: 2, ..Network::default() };
    let body = "return { v: (await Promise.all(Array.from({ length: 8 }, () => fetch(`${base}/slow?2`).then(r => r.text())))).join(' ') };";
    assert_eq!(value(under(network, &job(&server.base, body))), "\"done done done done done done done done\"");
    assert_eq!((server.most_at_once(), server.connections()), (2, 2));
    // Connections that wait for their next request give way to those to other servers.
    let others: Vec<_> = (0..4).map(|_| Server::start()).collect();
    let bases: Vec<_> = others.iter().map(|server| server.base.as_str()).collect();
    let network = Network { connections: 1, ..Network::default() };
    let body = format!(
        "let n = 0; for (const base of {bases:?}) n += (await (await fetch(`${{base}}/json`)).json()).a.length; return {{ v: n }};"
    );
    assert_eq!(value(under(network.clone(), &job("", &body))), "12");
}

fn received() {
    let server = Server::start();
    let network = Network { received: Some(1_000_000), ..Network::default() };
    let why = "the run receives more than the 1000000 bytes that it may";
    for body in [
        "await (await fetch(`${base}/big?2000000`)).arrayBuffer()",
        "await (await fetch(`${base}/endless`)).text()",
        "for await (const piece of (await fetch(`${base}/endless`)).body);",
        "for (let i = 0; i < 20; i++) await (await fetch(`${base}/big?100000`)).text()",
    ] {
        let said = refusal(network.clone(), &server.base, body);
        assert!(said.ends_with(why), "{body}: {said}");
    }
    let body = "return { v: (await (await fetch(`${base}/big?900000`)).text()).length };";
    assert_eq!(value(under(network, &job(&server.base, body))), "900000");
}

/// 32 MB for every 32 KB that come, without an end.
fn bombs() {
    let server = Server::start();
    let network = Network { received: Some(100_000_000), ..Network::default() };
    for body in
        ["await (await fetch(`${base}/bomb`)).text()", "for await (const piece of (await fetch(`${base}/bomb`)).body);"]
    {
        let said = refusal(network.clone(), &server.base, body);
        let why = "the run receives more than the 100000000 bytes that it may";
        assert_eq!(said, format!("the response of {}/bomb breaks off: {why}", server.base));
    }
    server.wait_for_hang_up();
}

fn sent() {
    let server = Server::start();
    let network = Network { sent: Some(100_000), ..Network::default() };
    let why = "the run sends more than the 100000 bytes that it may";
    for body in [
        "for (let i = 0; i < 2; i++) await (await fetch(`${base}/echo`, { method: 'POST', body: 'x'.repeat(60000) })).text()",
        "await fetch(`${base}/echo`, { method: 'POST', duplex: 'half', body: new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(10000)) } }) })",
    ] {
        let said = refusal(network.clone(), &server.base, body);
        assert!(said.ends_with(why), "{body}: {said}");
    }
}

fn time() {
    let server = Server::start();
    let network = Network { request_timeout: Some(Duration::from_millis(20)), ..Network::default() };
    let said = refusal(network.clone(), &server.base, "await fetch(`${base}/never`)");
    assert_eq!(said, format!("cannot fetch {}/never: it takes longer than 20 ms", server.base));
    let network = Network { request_timeout: Some(Duration::from_millis(500)), ..network };
    let said = refusal(network, &server.base, "await (await fetch(`${base}/stalls`)).text()");
    assert_eq!(said, format!("the response of {}/stalls breaks off: it takes longer than 500 ms", server.base));
}

fn secrets() {
    let said = refusal(Network::none(), "", "await fetch('https://me:secret@example.org/path?token=secret#secret')");
    assert_eq!(said, "cannot fetch https://example.org/path: this run has no network");
}

pub(super) fn fulgurite(job: &str, arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("job.js");
    std::fs::write(&path, job).expect("can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulgurite"));
    command.arg("run").arg(&path).arg("-O").args(arguments).envs(environment.iter().copied());
    let output = command.output().expect("can be started");
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(said).expect("UTF-8"))
}

fn flags() {
    let server = Server::start();
    let code = job(&server.base, "return { v: (await fetch(`${base}/json`)).status };");
    let check = |arguments: &[&str], expected: &str| {
        let (_, said) = fulgurite(&code, arguments, &[]);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    };
    check(&[], r#"{"v":200}"#);
    check(&["--allow-host", "127.0.0.1", "--allow-host", "example.org"], r#"{"v":200}"#);
    check(&["--allow-host", "example.org"], "is not among those that this run may reach");
    check(&["--no-network"], "this run has no network");
    check(&["--deny-private"], "127.0.0.1 is a loopback address");
    check(&["--no-network", "--allow-host", "example.org"], "cannot be used with");
    check(&["--allow-host", "https://example.org"], "is a URL; write its host alone");
}

/// What waits to be sent is in memory, and not in the heap's.
fn waiting() {
    let server = Server::start();
    let network = Network { sent: Some(1_000_000), connections: 1, ..Network::default() };
    let said = refusal(
        network,
        &server.base,
        "await Promise.all(Array.from({ length: 100 }, () => fetch(`${base}/echo`, { method: 'POST', body: 'x'.repeat(100000) })))",
    );
    assert!(said.ends_with("more than the 1000000 bytes that the run may send wait to be sent"), "{said}");
    let headers = "const headers = new Headers(); for (let i = 0; i < 2000; i++) headers.append(`x-${i}`, 'y'); await fetch(`${base}/echo`, { headers })";
    let said = refusal(Network::default(), &server.base, headers);
    assert!(said.ends_with("it has more than 1000 headers"), "{said}");
}

/// Whoever sets a proxy for his shell has not set it for other people's jobs.
fn no_proxy() {
    let server = Server::start();
    let code = job(&server.base, "return { v: (await fetch(`${base}/json`)).status };");
    let nowhere = "http://127.0.0.1:1";
    let environment = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, nowhere));
    assert_eq!(fulgurite(&code, &[], &environment), (true, "{\"v\":200}\n".into()));
}
