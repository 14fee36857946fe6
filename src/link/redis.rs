//! Redis, Valkey and what else speaks RESP: one connection per call of heald's, gone with it.
//!
//! It reads, pings, and has keys removed whose time is over. No key with a life left is touched.

use super::LinkError;
use super::http::is_out_of_files;
use crate::domain::target::cut;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError, Value,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// One connection.
pub struct Redis {
    connection: MultiplexedConnection,
    address: String,
    deadline: Instant,
}

/// Of a Redis that asks who is there.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Since Redis 6; left out, it is `default`.
    pub user: Option<&'a str>,
    pub password: &'a str,
}

/// What [`Redis::purge_expired`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Keys that SCAN named: those that live, because most Redis remove what is over while they scan.
    pub listed: u64,
    /// All were looked at before the limits came.
    pub complete: bool,
}

/// Keys asked for at once: Redis serves nobody else meanwhile, about a millisecond.
const BATCH: u32 = 500;
/// A `SET` that proves that writes are taken; it lives for a second.
const PROOF: &str = "heald:probe";
/// The value of a key that only takes room.
const FILLING: usize = 64 << 10;

// === impl Redis ===

impl Redis {
    /// `address`: `host:port`.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] when nobody is there, [`LinkError::Denied`] when the password is not taken,
    /// [`LinkError::Unknown`] when the name can't be resolved or heald is out of sockets: that says nothing about Redis.
    pub async fn connect(address: &str, login: Option<Login<'_>>, deadline: Instant) -> Result<Self, LinkError> {
        let (host, port) = address
            .rsplit_once(':')
            .and_then(|(host, port)| {
                Some((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port.parse::<u16>().ok()?))
            })
            .ok_or_else(|| LinkError::Refused(format!("{:?} is no host:port", cut(address))))?;
        // Asked apart: a resolver that fails says nothing about Redis.
        let resolved = timeout_at(deadline, tokio::net::lookup_host((host.clone(), port))).await;
        match resolved {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(LinkError::Unknown(format!("{} can't be resolved: {error}", cut(address)))),
            Err(_) => return Err(LinkError::Unknown(format!("{} can't be resolved in time", cut(address)))),
        }
        let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(Login { user, password }) = login {
            settings = settings.set_password(password);
            if let Some(user) = user {
                settings = settings.set_username(user);
            }
        }
        let wrong = |error: RedisError| trouble(address, &error);
        let info = ConnectionAddr::Tcp(host, port).into_connection_info().map_err(wrong)?.set_redis_settings(settings);
        let client = Client::open(info).map_err(wrong)?;
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(left)).set_response_timeout(Some(left));
        let connect = client.get_multiplexed_async_connection_with_config(&config);
        let connection = timeout_at(deadline, connect).await.map_err(|_| late(address))?.map_err(wrong)?;
        Ok(Self { connection, address: address.to_owned(), deadline })
    }

    /// # Errors
    /// As [`Redis::connect`]; [`LinkError::Refused`] with its no, as while it loads its data.
    pub async fn ping(&mut self) -> Result<(), LinkError> {
        let answer: String = self.ask(&redis::cmd("PING")).await?;
        match answer.as_str() {
            "PONG" => Ok(()),
            other => Err(LinkError::Refused(format!("{}: it answers {:?} to PING", self.address, cut(other)))),
        }
    }

    /// `INFO`, by its own names.
    ///
    /// # Errors
    /// As [`Redis::ping`].
    pub async fn info(&mut self) -> Result<BTreeMap<String, String>, LinkError> {
        let text: String = self.ask(redis::cmd("INFO").arg("everything")).await?;
        Ok(read_info(&text))
    }

    /// Writes a key of heald's own that lives for a second.
    ///
    /// # Errors
    /// As [`Redis::ping`]; [`LinkError::Refused`] where it takes no writes: its memory is full, it is a replica, its disk is.
    pub async fn write(&mut self) -> Result<(), LinkError> {
        self.ask::<Value>(redis::cmd("SET").arg(PROOF).arg("1").arg("PX").arg(1_000)).await.map(drop)
    }

    /// Looks at each key once, which has Redis remove it where its time is over. Its own sampling may leave such keys for long.
    ///
    /// # Errors
    /// As [`Redis::ping`]. Batches before the error are done.
    pub async fn purge_expired(&mut self, keys_max: u64, until: Instant, mut say: impl FnMut(u64)) -> Result<Purged, LinkError> {
        let mut purged = Purged::default();
        let (mut cursor, mut asked) = (0_u64, 0_u64);
        loop {
            let scan = redis::cmd("SCAN").arg(cursor).arg("COUNT").arg(BATCH).to_owned();
            let (next, keys): (u64, Vec<Vec<u8>>) = self.ask(&scan).await?;
            if !keys.is_empty() {
                // Not EXISTS or GET: TTL does not count as a use, so eviction still knows what is idle.
                let mut looks = redis::pipe();
                for key in &keys {
                    looks.cmd("TTL").arg(key.as_slice()).ignore();
                }
                let (deadline, address) = (self.deadline, self.address.clone());
                let looked = timeout_at(deadline, looks.query_async::<()>(&mut self.connection)).await;
                looked.map_err(|_| late(&address))?.map_err(|error| trouble(&address, &error))?;
            }
            purged.listed += keys.len() as u64;
            asked += u64::from(BATCH);
            say(asked);
            cursor = next;
            if cursor == 0 {
                purged.complete = true;
                return Ok(purged);
            }
            if asked >= keys_max || Instant::now() >= until {
                return Ok(purged);
            }
        }
    }

    /// Writes keys that begin with `prefix` until its memory is full, or `bytes_max` are written; how many keys.
    ///
    /// # Errors
    /// As [`Redis::ping`]; that it takes no more is none.
    pub async fn fill(&mut self, prefix: &str, bytes_max: u64) -> Result<u64, LinkError> {
        let value = vec![b'x'; FILLING];
        let mut keys = 0;
        while keys * FILLING as u64 <= bytes_max {
            match self.ask::<Value>(redis::cmd("SET").arg(format!("{prefix}{keys}")).arg(value.as_slice())).await {
                Ok(_) => keys += 1,
                Err(LinkError::Refused(why)) if why.contains("OOM") => break,
                Err(error) => return Err(error),
            }
            // With an eviction policy it never says no.
            if keys.is_multiple_of(64) {
                let info = self.info().await?;
                let number = |name: &str| info.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
                if number("evicted_keys") > 0 && number("used_memory") + (FILLING as u64) >= number("maxmemory") {
                    break;
                }
            }
        }
        Ok(keys)
    }

    /// Removes the keys that begin with `prefix`; how many there were.
    ///
    /// # Errors
    /// As [`Redis::ping`]. Batches before the error are done.
    pub async fn drop_keys(&mut self, prefix: &str) -> Result<u64, LinkError> {
        let (mut cursor, mut gone) = (0_u64, 0_u64);
        loop {
            let scan = redis::cmd("SCAN").arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(BATCH).to_owned();
            let (next, keys): (u64, Vec<Vec<u8>>) = self.ask(&scan).await?;
            if !keys.is_empty() {
                gone += self.ask::<u64>(redis::cmd("DEL").arg(keys)).await?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(gone);
            }
        }
    }

    async fn ask<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, LinkError> {
        let (deadline, address) = (self.deadline, self.address.clone());
        let asked = timeout_at(deadline, command.query_async(&mut self.connection)).await;
        asked.map_err(|_| late(&address))?.map_err(|error| trouble(&address, &error))
    }
}

fn late(address: &str) -> LinkError {
    LinkError::NotSent(format!("{address}: no answer in time"))
}

fn trouble(address: &str, error: &RedisError) -> LinkError {
    if is_out_of_files(error) {
        return LinkError::Unknown(format!("heald can't open a connection: {error}"));
    }
    let code = error.code().unwrap_or_default();
    let said = cut(&error.to_string());
    match error.kind() {
        ErrorKind::AuthenticationFailed => LinkError::Denied(format!("{address}: it does not take the password")),
        _ if matches!(code, "NOAUTH" | "WRONGPASS" | "NOPERM") => LinkError::Denied(format!("{address}: {said}")),
        _ if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() => {
            LinkError::NotSent(format!("{address}: no connection: {said}"))
        }
        _ => LinkError::Refused(format!("{address}: {said}")),
    }
}

/// `name:value` lines under `# Section` lines.
fn read_info(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim_end().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_by_its_names() {
        let info = read_info(
            "# Memory\r\nused_memory:873952\r\nmaxmemory_policy:noeviction\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\n",
        );
        let shown: Vec<_> = info.iter().map(|(name, value)| format!("{name} {value}")).collect();
        assert_eq!(shown, ["db0 keys=1,expires=0", "maxmemory_policy noeviction", "used_memory 873952"]);
    }

    #[tokio::test]
    async fn nobody_there_is_not_sent() {
        let soon = Instant::now() + Duration::from_secs(2);
        assert!(matches!(Redis::connect("127.0.0.1:1", None, soon).await, Err(LinkError::NotSent(_))));
        assert!(matches!(Redis::connect("nowhere.invalid:1", None, soon).await, Err(LinkError::Unknown(_))));
        assert!(matches!(Redis::connect("127.0.0.1", None, soon).await, Err(LinkError::Refused(_))));
    }
}
