//! Chooses and applies the content coding of an exposition: gzip or none.
//! The compressor is kept between scrapes, because setting one up costs as much as a small page.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::negotiation::weighted;

/// Cheapest level: on exposition text it loses a sixth in size and costs a third of the default level.
const LEVEL: Compression = Compression::new(1);
const WINDOW_BITS: u8 = 15;

/// How the body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// `Content-Encoding: gzip`.
    Gzip,
}

/// gzip if the client accepts it at least as much as plain bytes. A client is never refused.
#[must_use]
pub fn negotiate_coding(accept_encoding: Option<&str>) -> Coding {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for coding in weighted(accept_encoding.unwrap_or_default()) {
        let slot = match coding.name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => &mut gzip,
            "identity" => &mut identity,
            "*" => &mut any,
            _ => continue,
        };
        *slot = Some(coding.quality);
    }
    let gzip: f32 = gzip.or(any).unwrap_or(0.0);
    if gzip > 0.0 && gzip >= identity.unwrap_or(0.0) {
        Coding::Gzip
    } else {
        Coding::Identity
    }
}

/// A reusable gzip compressor.
pub(super) struct Gzip(Compress);

impl Gzip {
    pub(super) fn new() -> Self {
        Self(Compress::new_gzip(LEVEL, WINDOW_BITS))
    }

    /// Compresses all of `input`; `None` if the library refuses, in which case the page goes out as it is.
    pub(super) fn compress(&mut self, input: &[u8]) -> Option<Vec<u8>> {
        self.0.reset();
        let mut output = Vec::with_capacity(input.len() / 6 + 1024);
        loop {
            let read = usize::try_from(self.0.total_in()).ok()?;
            let status = self
                .0
                .compress_vec(input.get(read..)?, &mut output, FlushCompress::Finish)
                .ok()?;
            if status == Status::StreamEnd {
                return Some(output);
            }
            output.reserve(output.capacity());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn gzip_is_used_only_when_it_is_welcome() {
        let rows = [
            (None, Coding::Identity),
            (Some(""), Coding::Identity),
            (Some("gzip"), Coding::Gzip),
            (Some("GZIP, deflate, br, zstd"), Coding::Gzip),
            (Some("x-gzip"), Coding::Gzip),
            (Some("*"), Coding::Gzip),
            (Some("deflate"), Coding::Identity),
            (Some("gzip;q=0"), Coding::Identity),
            (Some("gzip;q=0, *"), Coding::Identity),
            (Some("gzip;q=0.5, identity;q=0.8"), Coding::Identity),
            (Some("gzip;q=1.0, identity; q=0.5, *;q=0"), Coding::Gzip),
            (Some("gzip;q=banana"), Coding::Identity),
        ];
        for (header, expected) in rows {
            assert_eq!(negotiate_coding(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_kept_compressor_gives_whole_pages_of_any_size() {
        let mut gzip = Gzip::new();
        let noise: Vec<u8> = (0..100_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
            .collect();
        for page in [&b""[..], b"one", &noise, b"after the big one"] {
            let packed = gzip.compress(page).expect("compresses");
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*packed)
                .read_to_end(&mut unpacked)
                .expect("is gzip");
            assert_eq!(unpacked, page);
        }
    }
}
