//! The last lines that a container wrote, both streams in the order in which the engine kept them.

use super::{Docker, READ_MAX, from_engine};
use crate::domain::logs;
use crate::link::LinkError;
use crate::link::systemd::journal::SHOWN_MAX;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use tokio::time::timeout;

/// A single line may be longer than all that is kept of them.
const BYTES_MAX: usize = 256 * 1_024;

impl Docker {
    /// Without control characters, each line with its time.
    ///
    /// # Errors
    /// [`LinkError::Missing`]; [`LinkError::NotSent`] when the engine is away or hung; [`LinkError::Refused`] where it
    /// keeps no logs (logging drivers `none`, `syslog`) or has none.
    pub async fn logs(&self, name: &str, lines: u32) -> Result<String, LinkError> {
        // By its id from here on: the engine takes the first digits of one for a name.
        let id = self.inspect(name).await?.container.id;
        let client = self.client(READ_MAX)?;
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).timestamps(true).tail(&lines.to_string()).build();
        let read = async {
            let mut bytes: Vec<u8> = Vec::new();
            let mut stream = Box::pin(client.logs(&id, Some(options)));
            while let Some(chunk) = stream.next().await {
                match chunk {
                    Ok(output) => bytes.extend_from_slice(&output.into_bytes()),
                    // What came before it is true all the same.
                    Err(_) if !bytes.is_empty() => break,
                    Err(error) => return Err(from_engine(&error, name).before_sending()),
                }
                if bytes.len() > BYTES_MAX {
                    break;
                }
            }
            Ok(bytes)
        };
        let bytes = timeout(READ_MAX, read)
            .await
            .map_err(|_| LinkError::NotSent(format!("{name}: the engine has not sent the logs within {READ_MAX:?}")))??;
        let shown = logs::clean(&String::from_utf8_lossy(&bytes));
        match logs::end(&shown, SHOWN_MAX) {
            "" => Err(LinkError::Refused(format!("{name}: it has written no logs"))),
            shown => Ok(shown.to_owned()),
        }
    }
}
