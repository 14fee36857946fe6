//! `network.wake_on_lan`: the magic packet.

use super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::{AllowList, cut};
use crate::domain::template::is_template;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::sleep;

/// Wakes a machine of the local network: its magic packet, three times by UDP broadcast.
///
/// The address must stand under `targets: macs:`. Nobody answers: whether it woke, the probes say; a machine takes a minute or
/// two. It must have wake-on-LAN turned on, and be in the same network segment as the broadcast reaches.
///
/// ```yaml
/// - network.wake_on_lan: { mac: "aa:bb:cc:dd:ee:ff" }
/// - network.wake_on_lan: { mac: "{{ vars.nas_mac }}", broadcast: "192.168.1.255" }
/// - wait: 90s
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The hardware address, in lower case with colons.
    mac: String,
    /// An IPv4 address, with a port where it is not 9; 255.255.255.255 where it is left out, which goes out by the default route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    broadcast: Option<String>,
}

#[derive(Debug)]
struct Wake {
    mac: String,
    packet: Vec<u8>,
    to: SocketAddrV4,
}

/// A packet may be lost, and nobody confirms one.
const TIMES: usize = 3;
const BETWEEN: Duration = Duration::from_millis(100);
/// "discard", where most senders send it.
const PORT: u16 = 9;

/// Six times 0xff, then sixteen times the address (AMD's white paper 20213).
fn packet(mac: &str) -> Result<Vec<u8>, String> {
    let bytes: Vec<u8> =
        mac.split(':').filter(|piece| piece.len() == 2).filter_map(|piece| u8::from_str_radix(piece, 16).ok()).collect();
    if bytes.len() != 6 || mac.len() != 17 || mac.chars().any(|c| c.is_ascii_uppercase() || c == '+') {
        return Err(format!("{:?} is no hardware address: write it in lower case, as in aa:bb:cc:dd:ee:ff", cut(mac)));
    }
    Ok([vec![0xff; 6], bytes.repeat(16)].concat())
}

fn to(broadcast: Option<&String>) -> Result<SocketAddrV4, String> {
    let Some(text) = broadcast else { return Ok(SocketAddrV4::new(Ipv4Addr::BROADCAST, PORT)) };
    let bare = text.parse().map(|address| SocketAddrV4::new(address, PORT)).ok();
    let address = bare.or_else(|| text.parse().ok()).filter(|address: &SocketAddrV4| address.port() > 0);
    address.ok_or_else(|| format!("broadcast: {:?} is no IPv4 address: write it as in 192.168.1.255", cut(text)))
}

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "network.wake_on_lan";

    fn form(&self) -> Result<Form, String> {
        if !is_template(&self.mac) {
            packet(&self.mac)?;
        }
        if !self.broadcast.as_deref().is_some_and(is_template) {
            to(self.broadcast.as_ref())?;
        }
        // Who is awake takes no notice.
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, Duration::from_secs(5)))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Wake { packet: packet(&self.mac)?, to: to(self.broadcast.as_ref())?, mac: self.mac }))
    }
}

// === impl Act for Wake ===

impl Act for Wake {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        if allow.macs.contains(&self.mac) {
            return Ok(());
        }
        let mac = &self.mac;
        Err(format!("{mac} is not on the allow-list; to let heald wake it, add it under `targets: macs:` of the configuration"))
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async move {
            if let Err(why) = self.admit(&call.tools.allow.now()) {
                return Acted::new(ActOutcome::Impossible(Impossible::BadParameters), why);
            }
            match self.send().await {
                Ok(()) => {
                    let facts = json!({ "mac": self.mac, "to": self.to.to_string(), "packets": TIMES });
                    Acted::new(ActOutcome::Done, format!("{TIMES} magic packets sent to {}", self.to)).knowing(facts)
                }
                Err(error) => Acted::new(ActOutcome::NotSent, format!("{}: {error}", self.to)),
            }
        }
        .boxed()
    }
}

// === impl Wake ===

impl Wake {
    async fn send(&self) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.set_broadcast(true)?;
        for turn in 0..TIMES {
            if turn > 0 {
                sleep(BETWEEN).await;
            }
            socket.send_to(&self.packet, self.to).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_is_as_the_hardware_wants_it() {
        let packet = packet("01:02:03:0a:0b:ff").unwrap();
        assert_eq!(packet.len(), 102);
        assert_eq!(packet[..14], [255, 255, 255, 255, 255, 255, 1, 2, 3, 10, 11, 255, 1, 2]);
        for mac in [
            "",
            "01:02:03:0a:0b",
            "01:02:03:0a:0b:ff:00",
            "01-02-03-0a-0b-ff",
            "01:02:03:0A:0b:ff",
            "+1:02:03:0a:0b:ff",
            "g1:02:03:0a:0b:ff",
        ] {
            assert!(super::packet(mac).is_err(), "{mac}");
        }
    }

    #[test]
    fn it_goes_to_an_address_and_no_name() {
        let address = |text: &str| to(Some(&text.to_owned())).map(|address| address.to_string());
        assert_eq!(to(None).unwrap().to_string(), "255.255.255.255:9");
        assert_eq!(address("192.168.1.255").as_deref(), Ok("192.168.1.255:9"));
        assert_eq!(address("192.168.1.255:7").as_deref(), Ok("192.168.1.255:7"));
        for text in ["", "broadcast", "fe80::1", "192.168.1.255:0"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
