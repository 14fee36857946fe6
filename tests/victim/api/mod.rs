//! The parts of real services' APIs that heald's playbooks speak to, answering as their documentation says.

use std::sync::Arc;

use axum::Router;

use super::args::Api;
use super::state::Victim;

mod chroma;
mod comfyui;
mod gitea;
mod ollama;

pub fn routes(api: Api) -> Router<Arc<Victim>> {
    match api {
        Api::Plain | Api::Worker => Router::new(),
        Api::Ollama => ollama::routes(),
        Api::Comfyui => comfyui::routes(),
        Api::Chroma => chroma::routes(),
        Api::Gitea => gitea::routes(),
    }
}

/// Memory of the one device, in bytes.
const VRAM_TOTAL: u64 = 24 * 1_024 * 1_024 * 1_024;
const MB: u64 = 1_024 * 1_024;

fn now() -> String {
    jiff::Timestamp::now().to_string()
}
