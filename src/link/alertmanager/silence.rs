//! The one thing that heald asks of Alertmanager by writing: a silence, by a person's order or while it repairs.

use super::{Alertmanager, broken, clock, wire};
use crate::domain::alert::Labels;
use crate::domain::target::cut;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

/// `POST /api/v2/silences`, by Alertmanager's OpenAPI description.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewSilence<'a> {
    matchers: Vec<Matcher<'a>>,
    starts_at: String,
    ends_at: String,
    created_by: &'a str,
    comment: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Matcher<'a> {
    name: &'a str,
    value: &'a str,
    is_regex: bool,
    is_equal: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    #[serde(rename = "silenceID")]
    silence_id: String,
}

impl Alertmanager {
    /// Silences alerts that have all these labels, from now on; the answer is the silence's id.
    ///
    /// # Errors
    /// Why there is none, in one line and without the URL.
    pub async fn silence(&self, labels: &Labels, for_: Duration, by: &str, comment: &str) -> Result<String, String> {
        let now = clock::wall();
        let matchers = labels.iter().map(|(name, value)| Matcher { name, value, is_regex: false, is_equal: true }).collect();
        let ends_at = now.checked_add(for_).map_err(|error| error.to_string())?.to_string();
        let silence = NewSilence { matchers, starts_at: now.to_string(), ends_at, created_by: by, comment };
        let ask = async {
            let url = self.at(&["api", "v2", "silences"]);
            let response = self.http.post(url).json(&silence).send().await.map_err(|error| broken(&error))?;
            let status = response.status();
            let body = response.bytes().await.map_err(|error| broken(&error))?;
            if status != StatusCode::OK {
                return Err(format!("it answered {}: {}", status.as_u16(), cut(&String::from_utf8_lossy(&body))));
            }
            let made: Made = serde_json::from_slice(&body).map_err(|error| format!("its answer can't be read: {error}"))?;
            Ok(made.silence_id)
        };
        timeout(self.patience, ask).await.unwrap_or_else(|_| Err(self.no_answer()))
    }

    /// Ends every silence of heald's own with that comment: `GET /api/v2/silences`, `DELETE /api/v2/silence/{id}`. The
    /// answer is how many there were.
    ///
    /// # Errors
    /// Why one may go on, in one line and without the URL.
    pub async fn unsilence(&self, comment: &str) -> Result<usize, String> {
        let (body, _) = self.get(self.at(&["api", "v2", "silences"])).await?;
        let all = wire::silences(&body)?;
        let own: Vec<_> = all.iter().filter(|one| one.is_own(comment) && one.status.state != "expired").collect();
        for silence in &own {
            let ask = async {
                let url = self.at(&["api", "v2", "silence", &silence.id]);
                let response = self.http.delete(url).send().await.map_err(|error| broken(&error))?;
                match response.status() {
                    StatusCode::OK | StatusCode::NOT_FOUND => Ok(()),
                    status => Err(format!("it answered {}", status.as_u16())),
                }
            };
            timeout(self.patience, ask).await.unwrap_or_else(|_| Err(self.no_answer()))?;
        }
        Ok(own.len())
    }
}
