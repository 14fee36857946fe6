//! Whether the kernel killed something of a container for lack of memory.

use super::{Docker, EVENTS_MAX, LinkError, READ_MAX, clock};
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::timeout;

// === impl Docker ===

impl Docker {
    /// How often, since its last start or within `since`, as far as the engine remembers.
    ///
    /// # Errors
    /// [`LinkError::Missing`]; [`LinkError::NotSent`] when the engine is away, hung, or says nothing of its events.
    pub async fn oom_kills(&self, name: &str, since: Option<Duration>) -> Result<usize, LinkError> {
        let container = self.inspect(name).await?.container;
        let now = clock::wall();
        let began = container.started_at.parse::<Timestamp>().unwrap_or(now);
        let from = match since.and_then(|since| jiff::SignedDuration::try_from(since).ok()) {
            Some(since) => now.checked_sub(since).unwrap_or(began),
            None => began,
        };
        let stamp = |at: Timestamp| format!("{}.{:09}", at.as_second(), at.subsec_nanosecond());
        // By name: the run before may have been another container of the same name.
        let only = HashMap::from([
            ("type", vec!["container".to_owned()]),
            ("container", vec![name.to_owned()]),
            ("event", vec!["oom".to_owned()]),
        ]);
        let options = EventsOptionsBuilder::default().since(&stamp(from)).until(&stamp(now)).filters(&only).build();
        let stream = self.client(READ_MAX)?.events(Some(options)).take(EVENTS_MAX);
        let late = |_| LinkError::NotSent(format!("{name}: the engine has not sent its events in time"));
        let counted = timeout(READ_MAX, count(stream)).await.map_err(late)?;
        let seen = counted.map_err(|error| LinkError::NotSent(format!("{name}: the engine's events can't be read: {error}")))?;
        // What it remembers of the run that this look is about, when the event is gone.
        let state = usize::from(container.oom_killed && (since.is_none() || began >= from));
        Ok(seen.max(state))
    }
}

/// One that can't be read makes the whole blind.
async fn count<T, E>(events: impl Stream<Item = Result<T, E>>) -> Result<usize, E> {
    events.try_fold(0, |seen, _| std::future::ready(Ok(seen + 1))).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream::iter;

    #[tokio::test]
    async fn an_event_that_can_not_be_read_is_no_zero() {
        assert_eq!(count(iter([Ok::<(), &str>(()), Ok(())])).await, Ok(2));
        assert_eq!(count(iter([Ok(()), Err("lost"), Ok(())])).await, Err("lost"));
    }
}
