//! HTTPS for the webhook, and certificates that a caller must show (mTLS): what Alertmanager's `tls_config` can do.
//!
//! A renewed certificate is taken within a minute, without a restart; a file that can't be read keeps the old one.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and the root.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Callers must show a certificate that one of these has signed. None: nobody needs one.
    pub client_ca: Option<PathBuf>,
}

#[derive(Clone)]
pub struct Tls(Arc<Kept>);

struct Kept {
    files: TlsFiles,
    now: Mutex<Loaded>,
}

struct Loaded {
    config: Arc<ServerConfig>,
    /// When the files were changed last.
    of: Vec<Option<SystemTime>>,
    looked: Instant,
}

const LOOK_EVERY: Duration = Duration::from_secs(60);

// === impl Tls ===

impl Tls {
    /// # Errors
    /// Which file, and what is wrong with it.
    pub fn load(files: TlsFiles) -> Result<Self, String> {
        let now = Loaded { config: Arc::new(files.config()?), of: files.changed(), looked: Instant::now() };
        Ok(Self(Arc::new(Kept { files, now: Mutex::new(now) })))
    }

    /// With the certificate in force.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.looked.elapsed() >= LOOK_EVERY {
            now.looked = Instant::now();
            let of = self.0.files.changed();
            if of != now.of {
                match self.0.files.config() {
                    Ok(config) => {
                        tracing::info!(file = %self.0.files.cert.display(), "the certificate was renewed");
                        (now.config, now.of) = (Arc::new(config), of);
                    }
                    Err(why) => tracing::error!(reason = %why, "web.tls: the certificate in force stays"),
                }
            }
        }
        TlsAcceptor::from(Arc::clone(&now.config))
    }
}

// === impl TlsFiles ===

impl TlsFiles {
    fn all(&self) -> impl Iterator<Item = &Path> {
        [&self.cert, &self.key].into_iter().chain(&self.client_ca).map(PathBuf::as_path)
    }

    fn changed(&self) -> Vec<Option<SystemTime>> {
        self.all().map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok()).collect()
    }

    fn config(&self) -> Result<ServerConfig, String> {
        let wrong = |path: &Path, why: &dyn std::fmt::Display| format!("web.tls: {}: {why}", path.display());
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| wrong(&self.key, &error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&self.cert, &error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(path).map_err(|why| wrong(path, &why))? {
                    roots.add(root).map_err(|error| wrong(path, &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| wrong(path, &error))?)
            }
        };
        let chain = certificates(&self.cert).map_err(|why| wrong(&self.cert, &why))?;
        let mut config = builder.with_single_cert(chain, key).map_err(|error| wrong(&self.cert, &error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if all.is_empty() { Err("it holds no certificate in PEM form".to_owned()) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, Server};
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use reqwest::{Certificate, Client, Identity};
    use std::fs;

    type Ca = CertifiedIssuer<'static, KeyPair>;

    fn ca() -> Ca {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    /// Certificate and key, as PEM.
    fn signed(by: &Ca) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
    }

    /// As `server.pem` and `server-key.pem`.
    fn write(dir: &Path, (cert, key): (String, String)) {
        fs::write(dir.join("server.pem"), cert).unwrap();
        fs::write(dir.join("server-key.pem"), key).unwrap();
    }

    fn files(dir: &Path, client_ca: Option<&str>) -> TlsFiles {
        TlsFiles {
            cert: dir.join("server.pem"),
            key: dir.join("server-key.pem"),
            client_ca: client_ca.map(|name| dir.join(name)),
        }
    }

    async fn asked(url: &str, root: &Ca, identity: Option<(String, String)>) -> Result<String, reqwest::Error> {
        let root = Certificate::from_pem(root.pem().as_bytes()).unwrap();
        let mut client = Client::builder().no_proxy().tls_certs_only([root]);
        if let Some((cert, key)) = identity {
            client = client.identity(Identity::from_pem(format!("{cert}{key}").as_bytes()).unwrap());
        }
        client.build().unwrap().get(url).send().await?.text().await
    }

    #[tokio::test]
    async fn only_a_certificate_of_the_right_authority_gets_through() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let (server_ca, client_ca, stranger) = (ca(), ca(), ca());
        write(dir.path(), signed(&server_ca));
        fs::write(dir.path().join("clients.pem"), client_ca.pem()).unwrap();
        let serve = async |client_ca: Option<&str>| {
            let server = Server::bind(([127, 0, 0, 1], 0).into(), Limits::default()).await.unwrap();
            let url = format!("https://localhost:{}/", server.address().unwrap().port());
            let server = server.with_tls(Some(Tls::load(files(dir.path(), client_ca)).unwrap()));
            tokio::spawn(server.serve(Router::new().route("/", get(async || "in")), std::future::pending()));
            url
        };
        let open = serve(None).await;
        assert_eq!(asked(&open, &server_ca, None).await.unwrap(), "in");
        assert!(asked(&open, &stranger, None).await.is_err(), "a caller that knows another authority trusts nobody here");
        assert!(asked(&open.replace("https", "http"), &server_ca, None).await.is_err(), "no word without TLS");
        let closed = serve(Some("clients.pem")).await;
        assert_eq!(asked(&closed, &server_ca, Some(signed(&client_ca))).await.unwrap(), "in");
        assert!(asked(&closed, &server_ca, Some(signed(&stranger))).await.is_err());
        assert!(asked(&closed, &server_ca, None).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let authority = ca();
        write(dir.path(), signed(&authority));
        let tls = Tls::load(files(dir.path(), None)).unwrap();
        let in_force = || Arc::as_ptr(tls.acceptor().config());
        let first = in_force();
        let touch = |text: Option<String>, hours: u64| {
            if let Some(text) = text {
                fs::write(dir.path().join("server.pem"), text).unwrap();
            }
            let file = fs::File::options().append(true).open(dir.path().join("server.pem")).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3_600)).unwrap();
        };
        touch(Some("half a certificate".to_owned()), 1);
        tokio::time::advance(LOOK_EVERY).await;
        assert_eq!(in_force(), first, "a broken file");
        write(dir.path(), signed(&authority));
        touch(None, 2);
        assert_eq!(in_force(), first, "not looked at yet");
        tokio::time::advance(LOOK_EVERY).await;
        assert_ne!(in_force(), first);
    }

    #[test]
    fn mistakes_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |client_ca: Option<&str>| Tls::load(files(dir.path(), client_ca)).map(drop).unwrap_err();
        assert!(refused(None).contains("server-key.pem: "), "{}", refused(None));
        let (cert, key) = signed(&ca());
        let (_, other) = signed(&ca());
        write(dir.path(), (cert.clone(), other));
        assert!(refused(None).contains("server.pem: "), "the key of another certificate: {}", refused(None));
        write(dir.path(), (String::new(), key.clone()));
        assert!(refused(None).contains("server.pem: it holds no certificate in PEM form"), "{}", refused(None));
        write(dir.path(), (cert, key));
        fs::write(dir.path().join("clients.pem"), "nothing\n").unwrap();
        assert!(
            refused(Some("clients.pem")).contains("clients.pem: it holds no certificate"),
            "{}",
            refused(Some("clients.pem"))
        );
    }
}
