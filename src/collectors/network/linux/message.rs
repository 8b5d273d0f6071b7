//! The framing of netlink: datagrams into messages, messages into attributes. Total: whatever the bytes are, the
//! answer is a value or a complaint. Knows no meaning of any attribute.

/// Length of the header of a message.
pub(super) const HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;
const KIND_NOOP: u16 = 1;
const KIND_ERROR: u16 = 2;
const KIND_DONE: u16 = 3;
const FLAGS_DUMP: u16 = 0x301;
const FLAG_INTERRUPTED: u16 = 0x10;
/// The two upper bits of an attribute's type are flags.
const TYPE_MASK: u16 = 0x3fff;

/// What is wrong with a message.
pub(super) type Complaint = &'static str;

/// Where a dump stands after a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More datagrams will come.
    More,
    /// It is complete.
    Done,
    /// It is complete, but what was dumped changed meanwhile.
    Interrupted,
    /// The kernel refused, with this error number.
    Refused(i32),
}

/// A request to dump everything of `kind`.
pub(super) fn dump_request(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut request = Vec::with_capacity(HEADER + body.len());
    request.extend_from_slice(&length.to_ne_bytes());
    request.extend_from_slice(&kind.to_ne_bytes());
    request.extend_from_slice(&FLAGS_DUMP.to_ne_bytes());
    request.extend_from_slice(&sequence.to_ne_bytes());
    request.extend_from_slice(&0_u32.to_ne_bytes());
    request.extend_from_slice(body);
    request
}

/// Follows the answer to one dump through its datagrams.
pub(super) struct Dump {
    sequence: u32,
    kind: u16,
    interrupted: bool,
}

impl Dump {
    /// Expects messages of `kind` that answer the request `sequence`; others are passed over.
    pub(super) fn new(sequence: u32, kind: u16) -> Self {
        Self {
            sequence,
            kind,
            interrupted: false,
        }
    }

    /// Hands the body of every message in `datagram` to `take`.
    pub(super) fn feed(
        &mut self,
        datagram: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Complaint>,
    ) -> Result<Progress, Complaint> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let (message, after) = split_message(rest)?;
            rest = after;
            if message.sequence != self.sequence {
                continue;
            }
            self.interrupted |= message.flags & FLAG_INTERRUPTED != 0;
            match message.kind {
                KIND_NOOP => {}
                KIND_ERROR => return Ok(Progress::Refused(error_number(message.body)?)),
                KIND_DONE => return Ok(self.done(message.body)),
                kind if kind == self.kind => take(message.body)?,
                _ => {}
            }
        }
        Ok(Progress::More)
    }

    /// The last message may carry an error that cut the dump short.
    fn done(&self, body: &[u8]) -> Progress {
        match i32_at(body, 0) {
            Some(code) if code < 0 => Progress::Refused(code.saturating_neg()),
            _ if self.interrupted => Progress::Interrupted,
            _ => Progress::Done,
        }
    }
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

fn split_message(bytes: &[u8]) -> Result<(Message<'_>, &[u8]), Complaint> {
    let header = || {
        Some((
            u32_at(bytes, 0)?,
            u16_at(bytes, 4)?,
            u16_at(bytes, 6)?,
            u32_at(bytes, 8)?,
        ))
    };
    let (length, kind, flags, sequence) = header().ok_or("the header of a message is cut off")?;
    let length = usize::try_from(length).map_err(|_| "a message is longer than memory")?;
    if length < HEADER {
        return Err("a message is shorter than its own header");
    }
    let body = bytes.get(HEADER..length).ok_or("a message is cut off")?;
    let message = Message {
        kind,
        flags,
        sequence,
        body,
    };
    Ok((message, after(bytes, length)))
}

fn error_number(body: &[u8]) -> Result<i32, Complaint> {
    i32_at(body, 0)
        .map(i32::saturating_neg)
        .ok_or("an error message is cut off")
}

/// The attributes in `bytes`, in order; ends after the first complaint.
pub(super) fn attributes(bytes: &[u8]) -> Attributes<'_> {
    Attributes { rest: bytes }
}

/// Iterator over type and payload of attributes.
pub(super) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), Complaint>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.rest);
        let attribute = split_attribute(bytes);
        if let Ok((length, ..)) = attribute {
            self.rest = after(bytes, length);
        }
        Some(attribute.map(|(_, kind, payload)| (kind, payload)))
    }
}

fn split_attribute(bytes: &[u8]) -> Result<(usize, u16, &[u8]), Complaint> {
    let header = || Some((u16_at(bytes, 0)?, u16_at(bytes, 2)?));
    let (length, kind) = header().ok_or("the header of an attribute is cut off")?;
    let length = usize::from(length);
    if length < ATTRIBUTE_HEADER {
        return Err("an attribute is shorter than its own header");
    }
    let payload = bytes
        .get(ATTRIBUTE_HEADER..length)
        .ok_or("an attribute is cut off")?;
    Ok((length, kind & TYPE_MASK, payload))
}

/// What follows an item of `length` bytes and its padding to a multiple of four.
fn after(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(length.next_multiple_of(4)..).unwrap_or_default()
}

/// The number at `offset`, if the bytes reach that far.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array_at(bytes, offset).map(u16::from_ne_bytes)
}

/// The number at `offset`, if the bytes reach that far.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array_at(bytes, offset).map(u32::from_ne_bytes)
}

/// The number at `offset`, if the bytes reach that far.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    array_at(bytes, offset).map(u64::from_ne_bytes)
}

fn i32_at(bytes: &[u8], offset: usize) -> Option<i32> {
    array_at(bytes, offset).map(i32::from_ne_bytes)
}

fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// Builders of messages for tests.
#[cfg(test)]
pub(super) mod build {
    /// A message of `kind` that answers request 7.
    pub(in super::super) fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(super::HEADER + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(7_u32.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        padded(bytes, body)
    }

    /// An attribute with its padding.
    pub(in super::super) fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + payload.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        padded(bytes, payload)
    }

    fn padded(mut bytes: Vec<u8>, payload: &[u8]) -> Vec<u8> {
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        build::{attribute, message},
        *,
    };

    const KIND: u16 = 16;

    fn feed(datagram: &[u8]) -> (Result<Progress, Complaint>, usize) {
        let mut taken = 0;
        let progress = Dump::new(7, KIND).feed(datagram, |_| {
            taken += 1;
            Ok(())
        });
        (progress, taken)
    }

    #[test]
    fn a_dump_ends_as_the_kernel_says() {
        let link = message(KIND, 2, b"abc");
        let marked = message(KIND, 2 | FLAG_INTERRUPTED, b"abc");
        let done = message(KIND_DONE, 2, &0_i32.to_ne_bytes());
        let failed = message(KIND_DONE, 2, &(-90_i32).to_ne_bytes());
        let refused = message(KIND_ERROR, 0, &(-95_i32).to_ne_bytes());
        for (case, datagram, progress, taken) in [
            (
                "links only",
                [link.clone(), link.clone()].concat(),
                Progress::More,
                2,
            ),
            (
                "links and end",
                [link.clone(), done.clone()].concat(),
                Progress::Done,
                1,
            ),
            (
                "interrupted",
                [marked, done.clone()].concat(),
                Progress::Interrupted,
                1,
            ),
            ("cut short", [link, failed].concat(), Progress::Refused(90), 1),
            ("refused", refused, Progress::Refused(95), 0),
            (
                "another kind",
                [message(99, 0, b""), done].concat(),
                Progress::Done,
                0,
            ),
            (
                "end without a code",
                message(KIND_DONE, 0, b""),
                Progress::Done,
                0,
            ),
            ("nothing", Vec::new(), Progress::More, 0),
        ] {
            assert_eq!(feed(&datagram), (Ok(progress), taken), "{case}");
        }
    }

    #[test]
    fn answers_to_another_request_are_passed_over() {
        let datagram = [message(KIND, 0, b"abc"), message(KIND_DONE, 0, &[0; 4])].concat();
        let progress = Dump::new(8, KIND).feed(&datagram, |_| Err("taken"));
        assert_eq!(progress, Ok(Progress::More));
    }

    #[test]
    fn a_mark_in_an_earlier_datagram_is_remembered() {
        let mut dump = Dump::new(7, KIND);
        let first = dump.feed(&message(KIND, FLAG_INTERRUPTED, b""), |_| Ok(()));
        let last = dump.feed(&message(KIND_DONE, 0, &[0; 4]), |_| Ok(()));
        assert_eq!((first, last), (Ok(Progress::More), Ok(Progress::Interrupted)));
    }

    #[test]
    fn damaged_messages_are_complaints() {
        let whole = message(KIND, 0, b"abcd");
        let mut short = whole.clone();
        short[..4].copy_from_slice(&15_u32.to_ne_bytes());
        let mut zero = whole.clone();
        zero[..4].copy_from_slice(&0_u32.to_ne_bytes());
        let mut long = whole.clone();
        long[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        for (case, datagram, complaint) in [
            (
                "header cut off",
                &whole[..11],
                "the header of a message is cut off",
            ),
            ("body cut off", &whole[..19], "a message is cut off"),
            ("too short", &short, "a message is shorter than its own header"),
            ("zero length", &zero, "a message is shorter than its own header"),
            ("too long", &long, "a message is cut off"),
            (
                "error without a code",
                &message(KIND_ERROR, 0, b""),
                "an error message is cut off",
            ),
        ] {
            assert_eq!(feed(datagram).0, Err(complaint), "{case}");
        }
    }

    #[test]
    fn attributes_are_split_and_checked() {
        let whole = [attribute(3, b"eth0\0"), attribute(0x8000 | 4, b"")].concat();
        let read: Result<Vec<_>, _> = attributes(&whole).collect();
        assert_eq!(read, Ok(vec![(3, &b"eth0\0"[..]), (4, &b""[..])]));
        for (case, bytes) in [
            ("header cut off", &whole[..3]),
            ("payload cut off", &whole[..6]),
            ("zero length", &[0; 8][..]),
        ] {
            let read: Result<Vec<_>, _> = attributes(bytes).collect();
            assert!(read.is_err(), "{case}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Dump::new(7, KIND).feed(&bytes, |body| {
                attributes(body).try_for_each(|attribute| attribute.map(drop))
            });
            prop_assert!(attributes(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}
