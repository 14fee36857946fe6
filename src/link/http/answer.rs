//! What a call brings back: its status, its body where somebody wants it, a stream to its end.

use super::{Call, CallError, root};
use crate::domain::target::{AllowList, cut};
use crate::domain::time::Span;
use reqwest::Response;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// Until the last byte that was waited for.
    pub took: Duration,
    /// Why it is not what was expected.
    pub unmet: Option<String>,
    /// The body as JSON, where it was read and is such; of a stream its last value.
    pub json: Option<Value>,
    /// The body's beginning, where it was read and is no JSON.
    pub text: Option<String>,
    /// Lines of a stream.
    pub lines: u64,
}

/// Of a body that is read; what is larger is no answer for a repair.
const BODY_MAX: usize = 1 << 20;
/// Of one value of a stream.
const LINE_MAX: usize = 64 << 10;
/// Of a body that is no JSON.
const TEXT_MAX: usize = 1_000;
/// A stream that says nothing for so long hangs: Ollama reports several times a second, but may verify for minutes.
const SILENCE_MAX: Duration = Duration::from_secs(300);

// === impl Answer ===

impl Answer {
    /// The status and all that was expected of the body.
    pub fn is_expected(&self) -> bool {
        self.unmet.is_none()
    }

    /// `answered 200`; `answered 200, but $.models[*].name: none is "qwen3"`
    pub fn words(&self) -> String {
        let lines = if self.lines > 0 { format!(", {} lines", self.lines) } else { String::new() };
        match &self.unmet {
            Some(why) if !why.is_empty() => format!("answered {}{lines}, but {why}", self.status),
            _ => format!("answered {}{lines}", self.status),
        }
    }
}

// === impl Call ===

impl Call {
    /// Sends it. `wants_body`: read it, if only to tell what was answered; else only where something is expected of it.
    ///
    /// # Errors
    /// By what may have happened.
    pub async fn send(
        &self,
        client: &reqwest::Client,
        allow: &AllowList,
        wants_body: bool,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Answer, CallError> {
        self.admit(allow).map_err(CallError::NotAllowed)?;
        let whole = async {
            self.resolve().await?;
            let mut request = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
            if let Some(body) = &self.json {
                request = request.json(body);
            }
            let start = Instant::now();
            // Its own limit tells a connection that never came from an answer that never came.
            let response = request.timeout(self.timeout).send().await.map_err(|error| self.classify(&error))?;
            let answer = self.judge(response, wants_body, say).await?;
            Ok(Answer { took: start.elapsed(), ..answer })
        };
        match timeout(self.timeout + Duration::from_millis(250), whole).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::NoAnswer(format!("no answer within {}", Span(self.timeout)))),
        }
    }

    async fn judge(
        &self,
        response: Response,
        wants_body: bool,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Answer, CallError> {
        let status = response.status().as_u16();
        let is_fine = self.expects(status);
        let mut answer = Answer { status, unmet: (!is_fine).then(String::new), ..Answer::default() };
        if is_fine && self.is_stream {
            return self.follow(response, answer, say).await;
        }
        let must = is_fine && !self.expect.is_empty();
        if !must && !wants_body {
            return Ok(answer);
        }
        let body = match self.body(response).await {
            Ok(body) => body,
            Err(error) if must => return Err(error),
            // The status has said what matters.
            Err(_) => return Ok(answer),
        };
        match (serde_json::from_slice::<Value>(&body), must) {
            (Ok(json), true) => {
                answer.unmet = self.expect.unmet(&json);
                answer.json = Some(json);
            }
            (Ok(json), false) => answer.json = Some(json),
            (Err(_), must) => {
                if must {
                    answer.unmet = Some("the answer is no JSON".to_owned());
                }
                let text = String::from_utf8_lossy(&body);
                let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
                answer.text = Some(text.chars().take(TEXT_MAX).map(clean).collect()).filter(|text: &String| !text.is_empty());
            }
        }
        Ok(answer)
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.classify(&error))? {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(CallError::NoAnswer(format!("the answer is larger than {} MiB", BODY_MAX >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// To its end, or to the first line that tells of an error.
    async fn follow(
        &self,
        mut response: Response,
        mut answer: Answer,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Answer, CallError> {
        let mut rest = Vec::new();
        loop {
            let chunk = match timeout(SILENCE_MAX, response.chunk()).await {
                Ok(chunk) => chunk.map_err(|error| CallError::NoAnswer(format!("the stream broke off: {}", root(&error))))?,
                Err(_) => return Err(CallError::NoAnswer(format!("the stream was silent for {}", Span(SILENCE_MAX)))),
            };
            let is_over = chunk.is_none();
            rest.extend_from_slice(&chunk.unwrap_or_default());
            let mut lines: Vec<Vec<u8>> = rest.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            // The last line is whole only when the stream is.
            rest = if is_over { Vec::new() } else { lines.pop().unwrap_or_default() };
            if rest.len() > LINE_MAX {
                return Err(CallError::NoAnswer(format!("a line of the stream is longer than {LINE_MAX} bytes")));
            }
            for line in lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
                let Ok(json) = serde_json::from_slice::<Value>(line) else {
                    let shown = cut(&String::from_utf8_lossy(line));
                    return Ok(Answer { unmet: Some(format!("a line of the stream is no JSON: {shown}")), ..answer });
                };
                answer.lines += 1;
                let error = json.get("error").filter(|error| !error.is_null()).map(|error| match error.as_str() {
                    Some(text) => cut(text),
                    None => cut(&error.to_string()),
                });
                if error.is_none()
                    && let Some(text) = progress(&json)
                {
                    say(text);
                }
                answer.json = Some(json);
                if error.is_some() {
                    return Ok(Answer { unmet: error.map(|error| format!("the stream ends with the error: {error}")), ..answer });
                }
            }
            if is_over {
                answer.unmet = match &answer.json {
                    Some(last) => self.expect.unmet(last),
                    None => Some("the stream was empty".to_owned()),
                };
                return Ok(answer);
            }
        }
    }
}

/// `pulling 4f6e: 37 %`, from `status`, `total` and `completed` as Ollama reports them.
fn progress(json: &Value) -> Option<String> {
    let status = cut(json.get("status")?.as_str()?);
    let number = |name| json.get(name).and_then(Value::as_f64);
    match (number("completed"), number("total")) {
        (Some(completed), Some(total)) if total > 0.0 => Some(format!("{status}: {:.0} %", completed * 100.0 / total)),
        _ => Some(status),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RawCall;
    use super::*;
    use serde_json::json;
    use std::sync::Mutex;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// One call, answered with these pieces.
    async fn called(more: Value, pieces: &[&str]) -> (Result<Answer, CallError>, Vec<String>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let mut raw = json!({ "post": url, "timeout": "5s" });
        raw.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let call = serde_json::from_value::<RawCall>(raw).unwrap().parse().unwrap();
        let answer = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await.unwrap();
            for piece in pieces {
                socket.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let allow = AllowList { urls: [url].into(), ..AllowList::default() };
        let said = Mutex::new(Vec::new());
        let say = |text| said.lock().unwrap().push(text);
        let client = super::super::client().unwrap();
        let (answered, ()) = tokio::join!(call.send(&client, &allow, true, &say), answer);
        let said = said.lock().unwrap().clone();
        (answered, said)
    }

    const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_stream_is_followed_to_its_end() {
        let pull = [
            "{\"status\":\"pulling manifest\"}\n{\"status\":\"pulling 4f\",\"total\":200,",
            "\"completed\":74}\n\n",
            "{\"status\":\"success\"}",
        ];
        let (answer, said) =
            called(json!({ "stream": true, "expect": { "status": "success" } }), &[&[OK], &pull[..]].concat()).await;
        let answer = answer.unwrap();
        assert!(answer.is_expected() && answer.lines == 3, "{answer:?}");
        assert_eq!(said, ["pulling manifest", "pulling 4f: 37 %", "success"]);
        for (body, why) in [
            (
                "{\"status\":\"pulling manifest\"}\n{\"error\":\"file does not exist\"}\n",
                "answered 200, 2 lines, but the stream ends with the error: file does not exist",
            ),
            (
                "{\"status\":\"pulling manifest\"}\n",
                "answered 200, 1 lines, but status: none is \"success\", found \"pulling manifest\"",
            ),
            ("<html>\n", "answered 200, but a line of the stream is no JSON: <html>"),
            ("", "answered 200, but the stream was empty"),
        ] {
            let (answer, _) = called(json!({ "stream": true, "expect": { "status": "success" } }), &[OK, body]).await;
            assert_eq!(answer.unwrap().words(), why);
        }
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_no_answer() {
        let cut_short = ["HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n", "{\"status\":\"pulling\"}\n"];
        let (answer, said) = called(json!({ "stream": true }), &cut_short).await;
        assert!(matches!(&answer, Err(CallError::NoAnswer(why)) if why.contains("broke off")), "{answer:?}");
        assert_eq!(said, ["pulling"]);
    }

    #[tokio::test]
    async fn expectations_are_asked_of_the_body() {
        for (more, body, words) in [
            (json!({ "expect": { "models[*].name": "b" } }), "{\"models\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "answered 200"),
            (json!({ "expect": { "a": 1 } }), "{\"a\":2}", "answered 200, but a: none is 1, found 2"),
            (json!({ "expect": { "a": 1 } }), "hello", "answered 200, but the answer is no JSON"),
            (json!({ "status": 204, "expect": { "a": 1 } }), "{\"a\":2}", "answered 200"),
            (json!({}), "hello", "answered 200"),
        ] {
            let (answer, _) = called(more.clone(), &[OK, body]).await;
            let answer = answer.unwrap();
            assert_eq!(answer.words(), words, "{more}");
            assert_eq!(answer.is_expected(), words == "answered 200" && more.get("status").is_none(), "{more}");
        }
    }

    #[tokio::test]
    async fn a_body_without_end_is_not_held() {
        let large = "x".repeat(BODY_MAX + 1);
        let (answer, _) = called(json!({ "expect": { "a": 1 } }), &[OK, &large]).await;
        assert!(matches!(&answer, Err(CallError::NoAnswer(why)) if why.contains("larger than 1 MiB")), "{answer:?}");
    }
}
