//! Name resolution: as the host does it, or asked of one server.
//!
//! The host's own way is libc's, with its files and caches; what it says no with is not told apart. A server of its own is
//! asked over UDP, and over TCP where the answer does not fit.

use crate::domain::target::cut;
use crate::domain::time::Span;
use crate::link::http::is_out_of_files;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, TYPE};
use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// Answered: there is no such name, or it has no address.
    #[error("{0}")]
    NoSuchName(String),
    /// No answer, or one that says that the server itself fails.
    #[error("{0}")]
    Broken(String),
    /// heald could not even ask.
    #[error("{0}")]
    NotAsked(String),
}

/// An answer that is larger is cut by the server, and asked for again over TCP (RFC 1035, 4.2.1).
const UDP_MAX: usize = 4_096;

/// # Errors
/// Whether the text can be a host's name (RFC 1123); a name of one word is fine.
pub fn check_name(name: &str) -> Result<(), String> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let sound = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if bare.len() <= 253 && bare.split('.').all(sound) {
        return Ok(());
    }
    Err(format!("{:?} is no host name", cut(name)))
}

/// The addresses of a name, sorted. `server`: `host:port`; where it is left out, as the host itself resolves.
///
/// # Errors
/// Why there is none; within `patience` at the latest.
pub async fn lookup(name: &str, server: Option<&str>, patience: Duration) -> Result<Vec<IpAddr>, DnsError> {
    let late = |_| Err(DnsError::Broken(format!("{}: no answer within {}", cut(name), Span(patience))));
    let found = match server {
        None => timeout(patience, as_the_host(name)).await.unwrap_or_else(late)?,
        Some(server) => timeout(patience, from(name, server, patience)).await.unwrap_or_else(late)?,
    };
    if found.is_empty() {
        return Err(DnsError::NoSuchName(format!("{}: it has no address", cut(name))));
    }
    Ok(found.into_iter().collect())
}

async fn as_the_host(name: &str) -> Result<BTreeSet<IpAddr>, DnsError> {
    match lookup_host((name, 0)).await {
        Ok(found) => Ok(found.map(|address| address.ip()).collect()),
        Err(error) if is_out_of_files(&error) => Err(not_asked(&error)),
        // libc's words, by which only a person tells a wrong name from a dead resolver.
        Err(error) => Err(DnsError::Broken(format!("{}: {}", cut(name), error))),
    }
}

async fn from(name: &str, server: &str, patience: Duration) -> Result<BTreeSet<IpAddr>, DnsError> {
    let address = match server.parse::<SocketAddr>() {
        Ok(address) => address,
        Err(_) => {
            let mut found = lookup_host(server)
                .await
                .map_err(|error| DnsError::NotAsked(format!("the server {} can't be resolved: {error}", cut(server))))?;
            found.next().ok_or_else(|| DnsError::NotAsked(format!("the server {} has no address", cut(server))))?
        }
    };
    let (four, six) = tokio::join!(ask(name, TYPE::A, address, patience), ask(name, TYPE::AAAA, address, patience));
    // One family is enough; servers for one that they know nothing of answer oddly.
    match (four, six) {
        (Ok(mut four), Ok(six)) => {
            four.extend(six);
            Ok(four)
        }
        (Ok(one), Err(_)) | (Err(_), Ok(one)) if !one.is_empty() => Ok(one),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

async fn ask(name: &str, kind: TYPE, server: SocketAddr, patience: Duration) -> Result<BTreeSet<IpAddr>, DnsError> {
    // Unguessable, so that nobody else's answer fits.
    let id = u16::try_from(RandomState::new().hash_one(server) & 0xffff).unwrap_or_default();
    let query = query(name, kind, id)?;
    let broken = |error: &io::Error| DnsError::Broken(format!("{server}: {error}"));
    let wildcard: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((wildcard, 0)).await.map_err(|error| not_asked(&error))?;
    socket.connect(server).await.map_err(|error| not_asked(&error))?;
    let mut buffer = [0; UDP_MAX];
    // A datagram may be lost: it is sent three times.
    for _ in 0..3 {
        socket.send(&query).await.map_err(|error| broken(&error))?;
        let again = Instant::now() + patience / 4;
        loop {
            let size = match timeout_at(again, socket.recv(&mut buffer)).await {
                Err(_) => break,
                Ok(Err(error)) => return Err(broken(&error)),
                Ok(Ok(size)) => size,
            };
            match read(buffer.get(..size).unwrap_or_default(), id, name)? {
                Reply::Addresses(found) => return Ok(found),
                Reply::Cut => return over_tcp(&query, id, name, server).await,
                Reply::Stranger => {}
            }
        }
    }
    Err(DnsError::Broken(format!("{server}: no answer to three questions within {}", Span(patience))))
}

async fn over_tcp(query: &[u8], id: u16, name: &str, server: SocketAddr) -> Result<BTreeSet<IpAddr>, DnsError> {
    let talk = async {
        let mut stream = TcpStream::connect(server).await?;
        let size = u16::try_from(query.len()).map_err(io::Error::other)?;
        stream.write_all(&[&size.to_be_bytes(), query].concat()).await?;
        let mut answer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    let answer = talk.await.map_err(|error: io::Error| DnsError::Broken(format!("{server}: {error}")))?;
    match read(&answer, id, name)? {
        Reply::Addresses(found) => Ok(found),
        Reply::Cut | Reply::Stranger => Err(DnsError::Broken(format!("{server}: an answer that fits no question"))),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Addresses(BTreeSet<IpAddr>),
    /// It did not fit into a datagram.
    Cut,
    /// To another question.
    Stranger,
}

fn query(name: &str, kind: TYPE, id: u16) -> Result<Vec<u8>, DnsError> {
    let odd = |error: simple_dns::SimpleDnsError| DnsError::NotAsked(format!("{}: {error}", cut(name)));
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let asked = Name::new(name.strip_suffix('.').unwrap_or(name)).map_err(odd)?;
    packet.questions.push(Question::new(asked, QTYPE::TYPE(kind), CLASS::IN.into(), false));
    packet.build_bytes_vec().map_err(odd)
}

fn read(bytes: &[u8], id: u16, name: &str) -> Result<Reply, DnsError> {
    let Ok(packet) = Packet::parse(bytes) else { return Ok(Reply::Stranger) };
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) {
        return Ok(Reply::Stranger);
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Ok(Reply::Cut);
    }
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Err(DnsError::NoSuchName(format!("{}: there is no such name", cut(name)))),
        other => return Err(DnsError::Broken(format!("{}: the server answers {other:?}", cut(name)))),
    }
    // The chain of CNAMEs was followed by the server: whatever address is there is the name's.
    let addresses = packet.answers.iter().filter_map(|record| match &record.rdata {
        RData::A(four) => Some(IpAddr::from(Ipv4Addr::from(four.address))),
        RData::AAAA(six) => Some(IpAddr::from(Ipv6Addr::from(six.address))),
        _ => None,
    });
    Ok(Reply::Addresses(addresses.collect()))
}

fn not_asked(error: &io::Error) -> DnsError {
    DnsError::NotAsked(format!("heald can't ask: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::A;

    fn answer(id: u16, rcode: RCODE, flags: PacketFlag, addresses: &[Ipv4Addr]) -> Vec<u8> {
        let mut packet = Packet::new_reply(id);
        packet.set_flags(flags);
        *packet.rcode_mut() = rcode;
        for address in addresses {
            let rdata = RData::A(A { address: (*address).into() });
            packet.answers.push(ResourceRecord::new(Name::new_unchecked("a.example"), CLASS::IN, 1, rdata));
        }
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn each_answer_has_its_meaning() {
        let home = Ipv4Addr::new(192, 0, 2, 1);
        let none = PacketFlag::empty();
        let read = |bytes: &[u8]| read(bytes, 7, "a.example");
        assert_eq!(read(&answer(7, RCODE::NoError, none, &[home])), Ok(Reply::Addresses([home.into()].into())));
        assert_eq!(read(&answer(8, RCODE::NoError, none, &[home])), Ok(Reply::Stranger));
        assert_eq!(read(&query("a.example", TYPE::A, 7).unwrap()), Ok(Reply::Stranger), "a question is no answer");
        assert_eq!(read(b"\0\0"), Ok(Reply::Stranger));
        assert_eq!(read(&answer(7, RCODE::NoError, PacketFlag::TRUNCATION, &[])), Ok(Reply::Cut));
        assert!(matches!(read(&answer(7, RCODE::NameError, none, &[])), Err(DnsError::NoSuchName(_))));
        assert!(matches!(read(&answer(7, RCODE::ServerFailure, none, &[])), Err(DnsError::Broken(_))));
    }

    #[test]
    fn only_host_names_are_asked_for() {
        for name in ["example.org", "localhost", "a-b.c_d.example.", "1.example"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let long = "a".repeat(64);
        for name in ["", ".", "a..b", "-a.b", "a-.b", "a b", "a/b", "a:1", "ü.example", long.as_str()] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn a_server_is_asked_and_its_silence_is_told() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap().to_string();
        let answers = tokio::spawn(async move {
            let mut buffer = [0; 512];
            for _ in 0..2 {
                let (size, from) = server.recv_from(&mut buffer).await.unwrap();
                let id = Packet::parse(&buffer[..size]).unwrap().id();
                let stranger = answer(id.wrapping_add(1), RCODE::NameError, PacketFlag::empty(), &[]);
                server.send_to(&stranger, from).await.unwrap();
                let reply = answer(id, RCODE::NoError, PacketFlag::empty(), &[Ipv4Addr::new(192, 0, 2, 7)]);
                server.send_to(&reply, from).await.unwrap();
            }
            server
        });
        let found = lookup("a.example", Some(&address), Duration::from_secs(5)).await.unwrap();
        assert_eq!(found, [IpAddr::from([192, 0, 2, 7])]);
        let silent = answers.await.unwrap();
        let error = lookup("a.example", Some(&address), Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(error, DnsError::Broken(_)), "{error}");
        drop(silent);
        let error = lookup("a.example", Some(&address), Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(&error, DnsError::Broken(why) if why.contains("refused")), "{error}");
        assert!(lookup("localhost", None, Duration::from_secs(5)).await.unwrap().iter().all(|address| address.is_loopback()));
    }
}
