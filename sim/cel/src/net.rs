//! Addresses and networks.

use std::{fmt, net::IpAddr};

use crate::{
    eval::{Fault, Outcome},
    value::{Opaque, Value},
};

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip(IpAddr);

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Why Go's parser refuses an address.
fn why(text: &str) -> &'static str {
    if text.contains(':') || text.contains('%') || !text.contains('.') {
        return "unable to parse IP";
    }
    let fields: Vec<&str> = text.split('.').collect();
    for field in &fields {
        if field.len() > 1 && field.starts_with('0') && field.bytes().all(|digit| digit.is_ascii_digit()) {
            return "IPv4 field has octet with leading zero";
        }
        if field.parse::<u32>().is_ok_and(|number| number > 255) {
            return "IPv4 field has value >255";
        }
        if field.is_empty() {
            return "IPv4 field must have at least one digit";
        }
    }
    match fields.len() {
        0..=3 => "IPv4 address too short",
        5.. => "IPv4 address too long",
        _ => "unexpected character",
    }
}

fn ip(text: &str) -> Result<IpAddr, Fault> {
    if let Some((address, _)) = text.split_once('%')
        && address.parse::<IpAddr>().is_ok()
    {
        return Err(format!("IP address {text:?} with zone value is not allowed").into());
    }
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            Err(format!("IPv4-mapped IPv6 address {text:?} is not allowed").into())
        }
        Ok(address) => Ok(address),
        Err(_) => Err(format!(
            "IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): {}",
            why(text)
        )
        .into()),
    }
}

fn cidr(text: &str) -> Result<Cidr, Fault> {
    let refused = |why: &str| {
        let text = format!(
            "network address parse error during conversion from string: netip.ParsePrefix({text:?}): {why}"
        );
        Fault::Error(text)
    };
    let (address, bits) = text.rsplit_once('/').ok_or_else(|| refused("no '/'"))?;
    let address: IpAddr = address
        .parse()
        .map_err(|_| refused(&format!("ParseAddr({address:?}): {}", why(address))))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let plain = !bits.is_empty()
        && bits.bytes().all(|digit| digit.is_ascii_digit())
        && (bits.len() == 1 || !bits.starts_with('0'));
    if !plain {
        return Err(refused(&format!("bad bits after slash: {bits:?}")));
    }
    match bits.parse::<u8>() {
        Ok(number) if number <= most => Ok(Cidr {
            address,
            bits: number,
        }),
        _ => Err(refused("prefix length out of range")),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

fn mask(bits: u8) -> u128 {
    match bits {
        0 => 0,
        bits => u128::MAX << (128 - u32::from(bits)),
    }
}

impl Cidr {
    fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && number(self.address) & mask(self.bits) == number(address) & mask(self.bits)
    }

    fn masked(self) -> Self {
        let number = number(self.address) & mask(self.bits);
        let address = match self.address {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(number >> 96).unwrap_or(0).into()),
            IpAddr::V6(_) => IpAddr::V6(number.into()),
        };
        Self {
            address,
            bits: self.bits,
        }
    }
}

/// Functions of addresses; `None` if the call is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    let made = |ip: IpAddr| Value::opaque(Opaque::Ip(Ip(ip)));
    match args {
        [Value::String(text)] => Some(match function {
            "ip" => ip(text).map(made),
            "isIP" => Ok(Value::Bool(ip(text).is_ok())),
            "ip.isCanonical" => ip(text).map(|ip| Value::Bool(ip.to_string() == **text)),
            "cidr" => cidr(text).map(|cidr| Value::opaque(Opaque::Cidr(cidr))),
            "isCIDR" => Ok(Value::Bool(cidr(text).is_ok())),
            _ => return None,
        }),
        [Value::Opaque(own)] => match &**own {
            Opaque::Ip(Ip(ip)) => Some(Ok(quality(function, *ip)?)),
            Opaque::Cidr(cidr) => Some(Ok(match function {
                "ip" => made(cidr.address),
                "prefixLength" => Value::Int(i64::from(cidr.bits)),
                "masked" => Value::opaque(Opaque::Cidr(cidr.masked())),
                _ => return None,
            })),
            _ => None,
        },
        [Value::Opaque(own), other] => {
            let Opaque::Cidr(own) = &**own else { return None };
            within(function, *own, other)
        }
        _ => None,
    }
}

fn quality(function: &str, ip: IpAddr) -> Option<Value> {
    let (multicast, local) = match ip {
        IpAddr::V4(ip) => (ip.octets()[..3] == [224, 0, 0], ip.is_link_local()),
        IpAddr::V6(ip) => (
            ip.segments()[0] & 0xff0f == 0xff02,
            ip.segments()[0] & 0xffc0 == 0xfe80,
        ),
    };
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    Some(match function {
        "family" => Value::Int(if ip.is_ipv4() { 4 } else { 6 }),
        "isUnspecified" => Value::Bool(ip.is_unspecified()),
        "isLoopback" => Value::Bool(ip.is_loopback()),
        "isLinkLocalMulticast" => Value::Bool(multicast),
        "isLinkLocalUnicast" => Value::Bool(local),
        "isGlobalUnicast" => Value::Bool(
            !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast() && !local && !broadcast,
        ),
        _ => return None,
    })
}

fn within(function: &str, own: Cidr, other: &Value) -> Option<Outcome> {
    let truth = |fits: bool| Value::Bool(fits);
    let covers = |other: Cidr| truth(own.bits <= other.bits && own.contains(other.address));
    Some(match (function, other) {
        ("containsIP", Value::String(text)) => ip(text).map(|ip| truth(own.contains(ip))),
        ("containsCIDR", Value::String(text)) => cidr(text).map(covers),
        ("containsIP" | "containsCIDR", Value::Opaque(other)) => match &**other {
            Opaque::Ip(Ip(ip)) => Ok(truth(own.contains(*ip))),
            Opaque::Cidr(cidr) => Ok(covers(*cidr)),
            _ => return None,
        },
        _ => return None,
    })
}
