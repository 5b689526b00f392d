//! The wire format: keys, varints and lengths.

use crate::Error;

/// A value as it stands on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

impl Raw<'_> {
    /// Its wire type.
    pub(crate) fn wire(self) -> u8 {
        match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32 => 5,
        }
    }
}

/// The members of a message, one after the other.
pub(crate) struct Members<'a>(pub(crate) &'a [u8]);

impl<'a> Members<'a> {
    /// The next member: its number and value.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Raw<'a>)>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| Error::Overflow)?;
        let value = match key & 7 {
            0 => Raw::Varint(self.varint()?),
            1 => {
                let bytes = self.take(8)?.try_into().map_err(|_| Error::Short)?;
                Raw::Fixed64(u64::from_le_bytes(bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Error::Overflow)?;
                Raw::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Raw::Fixed32
            }
            // Groups were given up before Kubernetes began.
            wire => {
                return Err(Error::WireType {
                    field: number.to_string(),
                    wire: u8::try_from(wire).unwrap_or(7),
                });
            }
        };
        Ok(Some((number, value)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Error::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Error::Short)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::Overflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_noticed() {
        let mut members = Members(&[0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i']);
        assert!(matches!(members.next(), Ok(Some((1, Raw::Varint(150))))));
        assert!(matches!(members.next(), Ok(Some((2, Raw::Bytes(b"hi"))))));
        assert!(matches!(members.next(), Ok(None)));
        assert_eq!(Members(&[0x12, 0x05, b'h']).next().err(), Some(Error::Short));
        assert_eq!(Members(&[0x80]).next().err(), Some(Error::Short));
        assert_eq!(Members(&[0xff; 11]).next().err(), Some(Error::Overflow));
        assert!(matches!(
            Members(&[0x0b]).next().err(),
            Some(Error::WireType { wire: 3, .. })
        ));
    }
}
