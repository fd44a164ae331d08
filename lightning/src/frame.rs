//! How a message lies on a websocket (RFC 6455), the server's side. Pure: bytes in, headers and bytes out.

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message before it.
    Continuation,
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// The end of the connection.
    Close,
    /// Wants a pong.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Opcode> {
        Some(match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    /// Control frames are short and may come between the fragments of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// The head of a frame from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The last of its message.
    pub fin: bool,
    /// What it is.
    pub opcode: Opcode,
    /// Bytes of its payload.
    pub length: u64,
    /// What the payload is masked with.
    pub mask: [u8; 4],
    /// Bytes of the head itself, with the mask.
    pub size: usize,
}

impl Header {
    /// Bytes of the frame.
    pub fn total(&self) -> u64 {
        self.size as u64 + self.length
    }
}

/// What no client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bits for extensions that were not agreed on.
    #[error("reserved bits are set")]
    Reserved,
    /// An opcode that nobody has defined.
    #[error("an unknown opcode")]
    Opcode,
    /// Clients mask.
    #[error("a client's frame is not masked")]
    Unmasked,
    /// A control frame in fragments, or a long one.
    #[error("a control frame is in fragments, or longer than 125 bytes")]
    Control,
    /// A length of more than 63 bits.
    #[error("an impossible length")]
    Length,
}

/// The head that the bytes start with, if there are enough of them.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, Error> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(Error::Reserved);
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(Error::Opcode)?;
    let fin = first & 0x80 != 0;
    if second & 0x80 == 0 {
        return Err(Error::Unmasked);
    }
    let short = second & 0x7f;
    if opcode.is_control() && (!fin || short > 125) {
        return Err(Error::Control);
    }
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let size = 2 + extended + 4;
    let Some(rest) = bytes.get(2..size) else { return Ok(None) };
    let (length, mask) = rest.split_at(extended);
    let length = match extended {
        0 => u64::from(short),
        _ => length.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
    };
    if length >> 63 != 0 {
        return Err(Error::Length);
    }
    let mask = [mask[0], mask[1], mask[2], mask[3]];
    Ok(Some(Header { fin, opcode, length, mask, size }))
}

/// Takes the mask off bytes that start at the beginning of a payload.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The head of a frame from the server: one frame a message, not masked.
pub fn head(opcode: Opcode, length: usize) -> Vec<u8> {
    let mut head = vec![0x80 | opcode.bits()];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => head.push(length),
        (_, Ok(length)) => {
            head.push(126);
            head.extend(length.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head
}

/// The payload of a close frame.
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.bytes().take(123));
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        fn check(bytes: &[u8], expected: Result<Option<(bool, Opcode, u64, usize)>, Error>) {
            let seen = header(bytes).map(|h| h.map(|h| (h.fin, h.opcode, h.length, h.size)));
            assert_eq!(seen, expected, "{bytes:x?}");
        }
        let masked = |head: &[u8]| [head, &[1, 2, 3, 4]].concat();
        check(&[], Ok(None));
        check(&[0x81], Ok(None));
        check(&[0x81, 0x85, 1, 2, 3], Ok(None));
        check(&masked(&[0x81, 0x85]), Ok(Some((true, Opcode::Text, 5, 6))));
        check(&masked(&[0x02, 0xfe, 0x01, 0x00]), Ok(Some((false, Opcode::Binary, 256, 8))));
        check(&masked(&[0x80, 0xff, 0, 0, 0, 1, 0, 0, 0, 0]), Ok(Some((true, Opcode::Continuation, 1 << 32, 14))));
        check(&masked(&[0x80, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), Err(Error::Length));
        check(&[0x81, 0x05], Err(Error::Unmasked));
        check(&[0xc1, 0x85], Err(Error::Reserved));
        check(&[0x83, 0x85], Err(Error::Opcode));
        check(&[0x09, 0x80], Err(Error::Control));
        check(&[0x89, 0xfe], Err(Error::Control));
    }

    #[test]
    fn a_mask_comes_off() {
        let text: Vec<u8> = (0..=255).collect();
        for length in [0, 1, 3, 4, 7, 8, 9, 255] {
            let mask = [9, 8, 7, 6];
            let mut masked: Vec<u8> = text[..length].iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
            unmask(&mut masked, mask);
            assert_eq!(masked, &text[..length]);
        }
    }

    #[test]
    fn heads_are_written_in_the_shortest_form() {
        assert_eq!(head(Opcode::Text, 125), [0x81, 125]);
        assert_eq!(head(Opcode::Text, 126), [0x81, 126, 0, 126]);
        assert_eq!(head(Opcode::Binary, 0x1_0000), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
