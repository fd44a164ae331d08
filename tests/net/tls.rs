//! https: whose word is taken for a server's identity.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use libtest_mimic::Trial;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{policy::fulgurite, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("tls", "certificates", certificates)]
}

/// Serves "safe" for as long as the test binary runs; answers its port.
fn serve() -> u16 {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("there are some")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).expect("the configuration is sound");
            let mut stream = StreamOwned::new(connection, stream);
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsafe");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

/// A system's list is what OpenSSL's variable says it is.
fn certificates() {
    let port = serve();
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/net/tls/authority.pem");
    let environment = [("SSL_CERT_FILE", authority.to_str().expect("UTF-8"))];
    let check = |host: &str, arguments: &[&str], expected: &str| {
        let code =
            format!("export default [async s => ({{ v: await (await fetch('https://{host}:{port}/')).text() }})];");
        let (_, said) = fulgurite(&code, arguments, &environment);
        assert!(said.contains(expected), "{host} {arguments:?}: {said}");
    };
    check("localhost", &["--system-certificates"], r#"{"v":"safe"}"#);
    check("localhost", &[], "no secure connection: invalid peer certificate: UnknownIssuer");
    check(
        "127.0.0.1",
        &["--system-certificates"],
        "no secure connection: invalid peer certificate: certificate not valid for name",
    );
    check(
        "localhost",
        &["--system-certificates", "--deny-private"],
        "a loopback address, which this run may not reach",
    );
}
