//! Lets through to somebody else's routes whoever knows the secret: the control of heald over HTTP.

use super::Auth;
use super::routes::unauthorized;
use crate::telemetry::Telemetry;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use std::sync::Arc;

/// Paths that `routes` does not have stay what they are to whomever it is merged into.
pub fn behind(routes: Router, auth: Auth, telemetry: Telemetry) -> Router {
    routes.route_layer(from_fn_with_state(Arc::new((auth, telemetry)), pass))
}

/// Asked before a byte of the body is read.
async fn pass(State(gate): State<Arc<(Auth, Telemetry)>>, request: Request, next: Next) -> Response {
    let (auth, telemetry) = &*gate;
    let response = if auth.admits(request.headers()) {
        next.run(request).await
    } else {
        tracing::warn!(path = request.uri().path(), "control request refused: credentials are missing or wrong");
        unauthorized(auth)
    };
    telemetry.control(response.status().as_u16());
    response
}

#[cfg(test)]
mod tests {
    use super::super::Secrets;
    use super::*;
    use axum::routing::{get, post};
    use reqwest::{Client, Method};

    #[tokio::test]
    async fn only_whoever_knows_the_secret_passes_and_both_are_counted() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let telemetry = Telemetry::new("0");
        let routes = Router::new().route("/orders", post(async || "done"));
        let gated = behind(routes, Auth::Bearer(Secrets::parse("canary").unwrap()), telemetry.clone());
        let open = Router::new().route("/open", get(async || "open")).fallback(async || "nothing here");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move { axum::serve(listener, open.merge(gated)).await });
        let client = Client::builder().no_proxy().build().unwrap();
        let ask = async |method: Method, path: &str, token: Option<&str>| {
            let request = client.request(method, format!("{url}{path}"));
            let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(ask(Method::POST, "/orders", Some("canary")).await, (200, "done".to_owned()));
        for token in [None, Some(""), Some("canar"), Some("canary2")] {
            let (status, text) = ask(Method::POST, "/orders", token).await;
            assert_eq!((status, text.contains("canary")), (401, false), "{token:?}");
        }
        // What is beside it stays open, and what is not there stays so.
        assert_eq!(ask(Method::GET, "/open", None).await.1, "open");
        assert_eq!(ask(Method::GET, "/other", None).await.1, "nothing here");
        let page = telemetry.page();
        for line in ["heald_control_requests_total{code=\"200\"} 1", "heald_control_requests_total{code=\"401\"} 4"] {
            assert!(page.contains(line), "no {line:?} in\n{page}");
        }
        served.abort();
    }
}
