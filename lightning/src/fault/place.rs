//! Where a connection is cut, and how.

use serde::{Deserialize, Serialize};

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the worker.
    In,
    /// To the worker.
    Out,
}

/// Where a connection is cut, in the order in which a request passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before the frame's first byte.
    Before,
    /// In its head.
    Header,
    /// In the four bytes of its mask. Frames from the server have none: in the head.
    Mask,
    /// After the first byte of its payload.
    Start,
    /// Halfway through its payload.
    Middle,
    /// Before the last byte.
    End,
    /// After so many bytes of it.
    Byte(u64),
    /// All of it is there and nothing has been done with it. A frame from the server: as `Before`.
    Received,
    /// It has been handled and nothing of its reply is written. A frame from the server: as `Before`.
    Handled,
    /// Halfway through the reply. A frame from the server: as `Middle`.
    InReply,
    /// All of the reply is written. A frame from the server: after it.
    AfterReply,
}

impl Place {
    /// The request is received whole, and the cut is the reply's.
    pub(crate) fn is_after_handling(self) -> bool {
        matches!(self, Place::Handled | Place::InReply | Place::AfterReply)
    }

    /// After how many bytes of a frame it is.
    pub(crate) fn byte(self, head: u64, mask: u64, payload: u64) -> u64 {
        let total = head + mask + payload;
        match self {
            Place::Before | Place::Handled => 0,
            Place::Header => 1,
            Place::Mask => (head + mask / 2).min(total),
            Place::Start => (head + mask + 1).min(total),
            Place::Middle | Place::InReply => head + mask + payload / 2,
            Place::End => total.saturating_sub(1),
            Place::Byte(byte) => byte.min(total),
            Place::Received | Place::AfterReply => total,
        }
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A TCP reset: what is on the way may be lost.
    #[default]
    Reset,
    /// The end of the stream, in the middle of things. What was written before arrives.
    Close,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bytes() {
        fn check(place: Place, expected: u64) {
            assert_eq!(place.byte(2, 4, 100), expected, "{place:?}");
        }
        check(Place::Before, 0);
        check(Place::Header, 1);
        check(Place::Mask, 4);
        check(Place::Start, 7);
        check(Place::Middle, 56);
        check(Place::End, 105);
        check(Place::Byte(9), 9);
        check(Place::Byte(900), 106);
        check(Place::Received, 106);
    }
}
